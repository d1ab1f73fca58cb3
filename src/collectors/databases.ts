import type { Clock } from '../core/clock.ts';
import { abortable, DeadlineExceeded } from '../core/deadline.ts';
import { errorMessage, findCause } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { mapLimit } from '../core/map-limit.ts';
import { type Sample, sample } from '../core/metric.ts';
import type { WorkContext } from '../core/work-context.ts';
import type { PooledSession } from '../targets/session-pool.ts';
import type { Collector } from './collector.ts';
import { type Collected, Family } from './family.ts';
import { databaseAge, databasesByState, databaseUp } from './scrape-metrics.ts';

/** The databases of a server, as far as we may and shall look into them. */
export interface DiscoveredDatabases {
  readonly watched: readonly string[];
  /** How many the configuration leaves out. */
  readonly excluded: number;
  /** How many allow no connection, to nobody or to us. */
  readonly inaccessible: number;
}

/** How the databases of one server are found and looked into. */
export interface DatabaseWatch<P extends PooledSession, S> {
  /**
   * The one of the target's own sessions, with which its families are collected; no visit is needed. Certain once there
   * was a session: a connection pooler may call it otherwise than the server does.
   */
  readonly own: string;
  readonly isOwnWatched: boolean;
  discover(source: S, context: WorkContext): Promise<DiscoveredDatabases>;
  /** Logs in for one visit. Must honour the signal. */
  open(database: string, signal: AbortSignal): Promise<P>;
  /** Databases visited at the same time, each with one session. */
  readonly concurrency: number;
  /** Databases visited by one scrape. */
  readonly perScrape: number;
  /** After this long no further visit is begun in a scrape: milliseconds. */
  readonly patienceMs: number;
}

export interface DatabasesOptions<P extends PooledSession, S> {
  readonly watch: DatabaseWatch<P, S>;
  /** Those of scope `database`. */
  readonly collectors: readonly Collector<S>[];
  readonly sourceOf: (session: P) => S;
  readonly familyTimeoutMs: number;
  /** Told how long each attempt to collect a family took, in seconds. */
  readonly onSpent: (seconds: number) => void;
  readonly clock: Clock;
  readonly log: Log;
}

const discoveryIntervalMs = 60_000;
/** What was found in a database is shown until so many visits were missed. */
const visitsShown = 3;
/** … and this long while it was visited once only and nobody knows when the next visit is. */
const firstShownMs = 600_000;

/**
 * The other databases of one server over time. Each is visited in its turn with a session that is closed again at once: one
 * that stayed would keep its owner from dropping or copying the database. A server with many databases is visited in
 * parts, so that neither logins nor time grow with their number; what is shown of the others is as old as their last visit.
 */
export class Databases<P extends PooledSession, S> {
  readonly #options: DatabasesOptions<P, S>;
  readonly #visited = new Map<string, VisitedDatabase<S>>();
  #found: DiscoveredDatabases | undefined;
  #foundAtMs = 0;
  #discoveryFails = false;

  constructor(options: DatabasesOptions<P, S>) {
    this.#options = options;
  }

  isDiscoveryDue(nowMs: number): boolean {
    return this.#found === undefined || nowMs - this.#foundAtMs >= discoveryIntervalMs;
  }

  /** Looks which databases there are. When that fails those known before stay; it is told once in the log. */
  async discover(source: S, signal: AbortSignal): Promise<void> {
    const { watch, clock, log } = this.#options;
    try {
      const found = await watch.discover(source, { signal, clock, log });
      this.#found = found;
      this.#foundAtMs = clock.monotonicMs();
      this.#discoveryFails = false;
      this.#keepOnly(found.watched.filter((name) => name !== watch.own));
    } catch (error) {
      if (signal.aborted && findCause(error, DeadlineExceeded) === undefined) return;
      if (!this.#discoveryFails) log.warn({ error }, 'the databases of the server cannot be listed');
      this.#discoveryFails = true;
    }
  }

  #keepOnly(names: readonly string[]): void {
    const wanted = new Set(names);
    for (const name of this.#visited.keys()) if (!wanted.has(name)) this.#visited.delete(name);
    for (const name of names) {
      if (!this.#visited.has(name)) this.#visited.set(name, new VisitedDatabase(name, this.#options));
    }
  }

  /** Visits those that have waited longest. Never rejects. */
  async visit(signal: AbortSignal): Promise<void> {
    const { watch, clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const waiting = [...this.#visited.values()].filter((one) => one.familiesDue(startedMs).length > 0);
    const next = waiting.sort((a, b) => a.lastVisitMs - b.lastVisitMs).slice(0, watch.perScrape);
    await mapLimit(next, watch.concurrency, async (database) => {
      if (signal.aborted || clock.monotonicMs() - startedMs >= watch.patienceMs) return;
      await this.#look(database, signal);
    });
  }

  async #look(database: VisitedDatabase<S>, signal: AbortSignal): Promise<void> {
    const { watch, clock, log } = this.#options;
    let session: P;
    try {
      session = await watch.open(database.name, signal);
    } catch (error) {
      if (!signal.aborted) database.noteClosed(error, clock.monotonicMs(), log);
      return;
    }
    try {
      database.noteOpen(clock.monotonicMs(), log);
      await this.#collect(database, session, signal);
    } finally {
      await abortable(Promise.resolve(session[Symbol.asyncDispose]()), signal).catch(() => undefined);
    }
  }

  async #collect(database: VisitedDatabase<S>, session: P, signal: AbortSignal): Promise<void> {
    const { sourceOf, familyTimeoutMs, clock, log } = this.#options;
    for (const family of database.familiesDue(clock.monotonicMs())) {
      if (signal.aborted) return;
      const startedMs = clock.monotonicMs();
      if (session.usable) await family.collect(sourceOf(session), { signal, clock, log }, familyTimeoutMs);
      // The session was lost with the family before: this one has not been tried, and has nothing new to show.
      else family.noteFailure(startedMs, startedMs);
    }
  }

  /** What there is of a family in all databases that were visited, one for each. */
  resultsOf(collector: Collector<S>, nowMs: number): Collected[] {
    return [...this.#visited.values()].flatMap((database) => database.resultOf(collector, nowMs) ?? []);
  }

  /** What is told of the databases themselves. `isUp`: whether the target's own one answers. */
  samples(isUp: boolean, nowMs: number): Sample[] {
    if (this.#found === undefined) return [];
    const { own, isOwnWatched } = this.#options.watch;
    const all = [...this.#visited.values()];
    const states = {
      open: all.filter(({ isOpen }) => isOpen === true).length + Number(isOwnWatched && isUp),
      failed: all.filter(({ isOpen }) => isOpen === false).length + Number(isOwnWatched && !isUp),
      waiting: all.filter(({ isOpen }) => isOpen === undefined).length,
      excluded: this.#found.excluded,
      inaccessible: this.#found.inaccessible,
    };
    return [
      ...Object.entries(states).map(([state, count]) => sample(databasesByState, count, { state })),
      ...(isOwnWatched ? [sample(databaseUp, Number(isUp), { datname: own })] : []),
      ...all.flatMap((database) => database.samples(nowMs)),
    ];
  }
}

/** One database that is not the target's own. */
class VisitedDatabase<S> {
  readonly name: string;
  /** Whether the last login succeeded; undefined before the first. */
  isOpen: boolean | undefined;
  lastVisitMs = Number.NEGATIVE_INFINITY;
  #gapMs = firstShownMs / visitsShown;
  readonly #families: readonly Family<S>[];

  constructor(
    name: string,
    { collectors, onSpent }: Pick<DatabasesOptions<PooledSession, S>, 'collectors' | 'onSpent'>,
  ) {
    this.name = name;
    const shownMs = () => this.#gapMs * visitsShown;
    this.#families = collectors.map((collector) => new Family(collector, { database: () => name, shownMs, onSpent }));
  }

  familiesDue(nowMs: number): Family<S>[] {
    return this.#families.filter((family) => family.resultStillGood(nowMs) === undefined);
  }

  noteOpen(nowMs: number, log: Log): void {
    if (this.isOpen === false) log.info({ database: this.name }, 'the database can be logged in to again');
    this.isOpen = true;
    this.#noteVisit(nowMs);
  }

  /** One line when it begins, not one per scrape. */
  noteClosed(error: unknown, nowMs: number, log: Log): void {
    if (this.isOpen !== false) {
      log.warn({ database: this.name, reason: errorMessage(error) }, 'the database cannot be logged in to');
    }
    this.isOpen = false;
    this.#noteVisit(nowMs);
  }

  #noteVisit(nowMs: number): void {
    if (Number.isFinite(this.lastVisitMs)) this.#gapMs = nowMs - this.lastVisitMs;
    this.lastVisitMs = nowMs;
  }

  resultOf(collector: Collector<S>, nowMs: number): Collected | undefined {
    const family = this.#families.find((one) => one.collector === collector);
    const last = family?.lastResult;
    return family === undefined || last === undefined ? undefined : { ...last, ...family.keptSamples(nowMs) };
  }

  samples(nowMs: number): Sample[] {
    if (this.isOpen === undefined) return [];
    const labels = { datname: this.name };
    return [
      sample(databaseUp, Number(this.isOpen), labels),
      sample(databaseAge, (nowMs - this.lastVisitMs) / 1_000, labels),
    ];
  }
}
