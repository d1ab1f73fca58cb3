import type { Clock } from '../core/clock.ts';
import { abortable, withDeadline } from '../core/deadline.ts';
import { errorMessage } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { type Sample, sample } from '../core/metric.ts';
import { loginFailureReasons, type PooledSession } from '../targets/session-pool.ts';
import type { Collector } from './collector.ts';
import { Databases, type DatabasesOptions } from './databases.ts';
import { type Collected, Family } from './family.ts';
import { peerScrapeSamples } from './peer-scrape-metrics.ts';
import {
  collectingTime,
  collectorAge,
  collectorApplicable,
  collectorDuration,
  collectorSuccess,
  loginDuration,
  loginFailures,
  scrapeDuration,
} from './scrape-metrics.ts';
import { type Login, ScrapeRun } from './scrape-run.ts';
import type { ScrapeRequest, TargetState } from './scraper.ts';
import type { Watch } from './watch.ts';

type Verdict = { readonly up: true } | { readonly up: false; readonly reason: string };

/** What scraping a target looks like from outside, whatever its engine. */
export type AnyTargetScrape = Pick<
  TargetScrape<PooledSession, unknown>,
  'scrape' | 'state' | typeof Symbol.asyncDispose
>;

/** Scrapes one target: callers at the same time share one run, and each leaves with what is there at its own deadline. */
export class TargetScrape<P extends PooledSession, S> implements AsyncDisposable {
  readonly #watch: Watch<P, S>;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Those collected with the target's own sessions: all but those about databases when its own is not to be watched. */
  readonly #families: readonly Family<S>[];
  readonly #databases: Databases<P, S> | undefined;
  #run: ScrapeRun<P, S> | undefined;
  #scrapes = 0;
  #spentSeconds = 0;
  #pages = { count: 0, seconds: 0 };
  #state: TargetState;

  constructor(watch: Watch<P, S>, given: { readonly clock: Clock; readonly log: Log }) {
    this.#watch = watch;
    this.#clock = given.clock;
    this.#log = given.log.child({ target: watch.name });
    const onSpent = (seconds: number) => {
      this.#spentSeconds += seconds;
    };
    this.#families = watch.collectors.filter((one) => isOwn(watch, one)).map((one) => ownFamily(watch, one, onSpent));
    this.#databases = databasesOf(watch, { clock: given.clock, log: this.#log, onSpent });
    this.#state = { name: watch.name, engine: watch.engine, up: undefined };
  }

  get state(): TargetState {
    return this.#state;
  }

  /** Rejects only when the caller's signal fires. */
  async scrape({ signal, deadlineMs }: Omit<ScrapeRequest, 'targets'>): Promise<readonly Sample[]> {
    const run = await this.#join();
    const deadline = { parent: signal, ms: deadlineMs, clock: this.#clock, what: 'the scrape' };
    let gone: unknown;
    try {
      await withDeadline(deadline, (either) => abortable(run.done, either));
    } catch (error) {
      gone = error;
    }
    run.waiting--;
    const page = this.#page(run);
    if (run.waiting === 0 && gone !== undefined) run.abandon(gone);
    signal.throwIfAborted();
    return page;
  }

  /** Whoever waits still gets an answer, at their deadline at the latest: a reload must not show a target as down. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run?.done;
    await this.#watch.sessions[Symbol.asyncDispose]();
  }

  async #join(): Promise<ScrapeRun<P, S>> {
    while (this.#run?.isAbandoned && !this.#run.isOver) await this.#run.done;
    const given = {
      watch: this.#watch,
      families: this.#families,
      databases: this.#databases,
      clock: this.#clock,
      log: this.#log,
    };
    if (this.#run === undefined || this.#run.isOver) {
      this.#run = new ScrapeRun(given);
      this.#scrapes++;
    }
    this.#run.waiting++;
    return this.#run;
  }

  #page(run: ScrapeRun<P, S>): Sample[] {
    const nowMs = this.#clock.monotonicMs();
    const verdict = verdictOf(run.login, run.hasAnswer);
    this.#note(verdict);
    const { up, peer, collectors } = this.#watch;
    const durationSeconds = (nowMs - run.startedMs) / 1_000;
    const results = collectors.map((one) => ({ ...this.#resultOf(one, run, nowMs), collector: one.name }));
    this.#pages = { count: this.#pages.count + 1, seconds: this.#pages.seconds + durationSeconds };
    const summary = {
      up: verdict.up,
      durationSeconds,
      scrapes: this.#scrapes,
      pages: this.#pages,
      loginSeconds: this.#watch.sessions.loginSeconds,
      results,
    };
    return [
      sample(up, verdict.up ? 1 : 0, {}),
      sample(scrapeDuration, durationSeconds, {}),
      sample(collectingTime, this.#spentSeconds, {}),
      ...this.#loginSamples(),
      ...(this.#databases?.samples(verdict.up, nowMs) ?? []),
      ...(peer === undefined ? [] : peerScrapeSamples(peer, summary)),
      ...results.flatMap((result) => familySamples(result, nowMs)),
    ];
  }

  #loginSamples(): Sample[] {
    const { loginFailures: failures, loginSeconds } = this.#watch.sessions;
    return [
      ...loginFailureReasons.map((reason) => sample(loginFailures, failures.get(reason) ?? 0, { reason })),
      ...(loginSeconds === undefined ? [] : [sample(loginDuration, loginSeconds, {})]),
    ];
  }

  /** Of the target's own sessions and of all databases that were visited. */
  #resultOf(collector: Collector<S>, run: ScrapeRun<P, S>, nowMs: number): Collected {
    const own = this.#families.find((family) => family.collector === collector);
    const results = own === undefined ? [] : [run.resultOf(own)];
    if (collector.scope === 'database') results.push(...(this.#databases?.resultsOf(collector, nowMs) ?? []));
    const [only, ...others] = results;
    return only !== undefined && others.length === 0 ? only : joined(results);
  }

  /** One line when the target goes down and one when it comes back. */
  #note(verdict: Verdict): void {
    const { name, engine, up: before } = this.#state;
    this.#state = { name, engine, ...verdict, lastScrapeAt: this.#clock.now() };
    if (!verdict.up && before !== false) this.#log.warn({ reason: verdict.reason }, 'target is down');
    if (verdict.up && before === false) this.#log.info({}, 'target is up again');
  }
}

function isOwn<P extends PooledSession, S>({ databases }: Watch<P, S>, { scope }: Collector<S>): boolean {
  return scope === 'server' || databases === undefined || databases.isOwnWatched;
}

function ownFamily<P extends PooledSession, S>(
  { databases }: Watch<P, S>,
  collector: Collector<S>,
  onSpent: (seconds: number) => void,
): Family<S> {
  const isInside = collector.scope === 'database' && databases !== undefined;
  return new Family(collector, { onSpent, ...(isInside ? { database: () => databases.own } : {}) });
}

function databasesOf<P extends PooledSession, S>(
  { databases, collectors, sourceOf, familyTimeoutMs }: Watch<P, S>,
  given: Pick<DatabasesOptions<P, S>, 'clock' | 'log' | 'onSpent'>,
): Databases<P, S> | undefined {
  const inside = collectors.filter(({ scope }) => scope === 'database');
  if (databases === undefined || inside.length === 0) return undefined;
  return new Databases({ watch: databases, collectors: inside, sourceOf, familyTimeoutMs, ...given });
}

/** One result of several databases: it succeeds when all do, and is as old as the oldest. */
function joined(results: readonly Collected[]): Collected {
  const collectedAt = results.map(({ collectedAtMs }) => collectedAtMs).filter((one) => one !== undefined);
  return {
    success: results.every(({ success }) => success),
    applicable: results.length === 0 || results.some(({ applicable }) => applicable),
    durationSeconds: results.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0),
    collectedAtMs: collectedAt.length === 0 ? undefined : Math.min(...collectedAt),
    samples: results.flatMap(({ samples }) => samples),
  };
}

/** Up is who lets us log in and answers. */
function verdictOf(login: Login, hasAnswer: boolean): Verdict {
  switch (login.status) {
    case 'pending':
      return { up: false, reason: 'no answer to a login in time' };
    case 'failed':
      return { up: false, reason: errorMessage(login.error) };
    case 'succeeded':
      return hasAnswer ? { up: true } : { up: false, reason: 'no answer in time' };
  }
}

function familySamples(result: Collected & { readonly collector: string }, nowMs: number): Sample[] {
  const { collector, success, applicable, durationSeconds, collectedAtMs, samples } = result;
  const about = [
    sample(collectorSuccess, success ? 1 : 0, { collector }),
    sample(collectorApplicable, applicable ? 1 : 0, { collector }),
    sample(collectorDuration, durationSeconds, { collector }),
  ];
  if (collectedAtMs !== undefined) about.push(sample(collectorAge, (nowMs - collectedAtMs) / 1_000, { collector }));
  return [...about, ...samples];
}
