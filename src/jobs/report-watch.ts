import type { Clock } from '../core/clock.ts';
import { abortable, withDeadline } from '../core/deadline.ts';
import { errorMessage } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { mapLimit } from '../core/map-limit.ts';
import { type Sample, sample } from '../core/metric.ts';
import { type ChainCheck, checkChain } from './check-chain.ts';
import type { Job } from './job.ts';
import { reportMetrics } from './keeping-declarations.ts';
import type { ChainHead } from './proof-chain.ts';
import { ReportMemory, type ReportStore } from './read-chain.ts';

/** The reports of one target in one store. */
export interface ReportPlace {
  readonly target: string;
  /** By its name in the configuration. */
  readonly store: string;
  readonly objects: ReportStore & { readonly description: string };
}

export interface ReportWatchOptions {
  /** Those of the configuration that is in force now. */
  readonly places: () => readonly ReportPlace[];
  readonly clock: Clock;
  readonly log: Log;
}

/** What is known of the chains of reports; disposing ends a look that is under way. */
export interface ReportWatch extends AsyncDisposable {
  /** Looks at what the run may have added. */
  ended(job: Pick<Job, 'kind' | 'lineage'>): void;
  samples(): Sample[];
  /** What the last look that came to its end found; undefined before there was one. */
  lastCheck(store: string, target: string): ChainCheck | undefined;
}

const lookEveryMs = 15 * 60_000;
const rereadAfterMs = 24 * 3_600_000;
/** Between finding something and believing it. */
const secondLookMs = 10_000;
const lookDeadlineMs = 10 * 60_000;
const looksAtOnce = 4;

/**
 * Checks the chain of reports of every target in every store, all its life: what is new or has another size or time at
 * each look, all of it anew once a day. The end of the chain that was seen last must still be there at the next look, so
 * cutting it off is noticed, too. Nothing is said of a store that is away: what was known of it before stands.
 */
export function startReportWatch(options: ReportWatchOptions): ReportWatch {
  const watch = new ChainWatch(options);
  watch.start();
  return watch;
}

/** What is known of one place. */
interface Known {
  memory: ReportMemory;
  /** Everything that is remembered was read since. */
  begunAt: Date;
  begunAtMs: number;
  last: { readonly check: ChainCheck; readonly at: Date; readonly readSince: Date } | undefined;
  /** Of the last chain that was whole. */
  head: ChainHead | undefined;
  isAway: boolean;
  looking: Promise<void>;
  isLookWaiting: boolean;
}

class ChainWatch implements ReportWatch {
  readonly #options: ReportWatchOptions;
  readonly #known = new Map<string, Known>();
  readonly #stop = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  constructor(options: ReportWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#watching = this.#watchUntilStopped();
  }

  ended({ kind, lineage }: Pick<Job, 'kind' | 'lineage'>): void {
    if (kind !== 'verify') return;
    const place = this.#options.places().find(isPlace(lineage.store, lineage.target));
    if (place !== undefined) void this.#lookNext(place);
  }

  samples(): Sample[] {
    return this.#options.places().flatMap((place) => {
      const last = this.#known.get(nameOf(place))?.last;
      if (last === undefined) return [];
      const labels = { target: place.target, store: place.store };
      return [
        sample(reportMetrics.reports, last.check.reports, labels),
        sample(reportMetrics.unbroken, Number(isWhole(last.check)), labels),
        sample(reportMetrics.lastCheck, last.at.getTime() / 1_000, labels),
        sample(reportMetrics.readSince, last.readSince.getTime() / 1_000, labels),
      ];
    });
  }

  lastCheck(store: string, target: string): ChainCheck | undefined {
    const place = this.#options.places().find(isPlace(store, target));
    return place && this.#known.get(nameOf(place))?.last?.check;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the process is stopping'));
    await this.#watching;
    await Promise.all([...this.#known.values()].map(({ looking }) => looking));
  }

  async #watchUntilStopped(): Promise<void> {
    const { clock, places } = this.#options;
    while (!this.#stop.signal.aborted) {
      const now = places();
      const names = new Set(now.map(nameOf));
      for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
      await mapLimit(now, looksAtOnce, (place) => this.#lookNext(place));
      await clock.sleep(lookEveryMs, this.#stop.signal).catch(() => undefined);
    }
  }

  /** After the look that is under way; those who ask meanwhile share the next one. */
  #lookNext(place: ReportPlace): Promise<void> {
    const known = this.#knownOf(place);
    if (known.isLookWaiting) return known.looking;
    known.isLookWaiting = true;
    known.looking = known.looking.then(() => {
      known.isLookWaiting = false;
      return this.#look(place, known);
    });
    return known.looking;
  }

  #knownOf(place: ReportPlace): Known {
    const { clock } = this.#options;
    const found = this.#known.get(nameOf(place));
    if (found !== undefined) return found;
    const begun = { memory: new ReportMemory(), begunAt: clock.now(), begunAtMs: clock.monotonicMs() };
    const none = { last: undefined, head: undefined, isAway: false, looking: Promise.resolve(), isLookWaiting: false };
    const known: Known = { ...begun, ...none };
    this.#known.set(nameOf(place), known);
    return known;
  }

  /** Never rejects: what could not be looked at stays as it was known. */
  async #look(place: ReportPlace, known: Known): Promise<void> {
    const { clock, log } = this.#options;
    if (this.#stop.signal.aborted) return;
    const { target, store } = place;
    const what = `reading the reports of ${target} in store "${store}"`;
    try {
      const deadline = { parent: this.#stop.signal, ms: lookDeadlineMs, clock, what };
      const check = await withDeadline(deadline, (signal) => {
        // A hung disk notices no signal.
        return abortable(this.#check(place, known, signal), signal);
      });
      if (isEmpty(check) && known.head !== undefined) throw new Error('nothing at all is there, where reports were');
      this.#tellChange(place, known.last?.check, check);
      known.last = { check, at: clock.now(), readSince: known.begunAt };
      if (isWhole(check)) known.head = check.head;
      known.isAway = false;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (!known.isAway)
        log.warn({ store, target, error: errorMessage(error) }, 'the reports of proofs cannot be read');
      known.isAway = true;
    }
  }

  async #check({ objects, target }: ReportPlace, known: Known, signal: AbortSignal): Promise<ChainCheck> {
    const { clock } = this.#options;
    if (clock.monotonicMs() - known.begunAtMs >= rereadAfterMs) this.#beginAnew(known);
    const heads = known.head === undefined ? [] : [known.head];
    const check = await checkChain(objects, target, signal, { known: heads, memory: known.memory });
    const wasBroken = known.last !== undefined && !isWhole(known.last.check);
    if (isWhole(check) || wasBroken || isEmpty(check)) return check;
    // A proof that is being reported meanwhile, or a bit that was wrong on its way, looks different a little later.
    await clock.sleep(secondLookMs, signal);
    this.#beginAnew(known);
    return await checkChain(objects, target, signal, { known: heads, memory: known.memory });
  }

  #beginAnew(known: Known): void {
    const { clock } = this.#options;
    known.memory = new ReportMemory();
    known.begunAt = clock.now();
    known.begunAtMs = clock.monotonicMs();
  }

  #tellChange({ target, store }: ReportPlace, before: ChainCheck | undefined, check: ChainCheck): void {
    const { log } = this.#options;
    const wasWhole = before === undefined || isWhole(before);
    const [first] = check.problems;
    if (first !== undefined && wasWhole) {
      const fields = { target, store, problems: check.problems.length, first: first.message };
      log.error(fields, 'reports of proofs were changed, removed or slipped in');
    }
    if (first === undefined && !wasWhole) log.info({ target, store }, 'the reports of proofs are whole again');
  }
}

function isWhole({ problems }: ChainCheck): boolean {
  return problems.length === 0;
}

/** As a filesystem that is not mounted looks. That the backups are gone is told by others. */
function isEmpty({ reports, backups }: ChainCheck): boolean {
  return reports === 0 && backups === 0;
}

function isPlace(store: string, target: string): (place: ReportPlace) => boolean {
  return (place) => place.store === store && place.target === target;
}

/** A store that was moved is another one. */
function nameOf({ target, store, objects }: ReportPlace): string {
  return [store, target, objects.description].join('\n');
}
