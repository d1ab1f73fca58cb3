import type { Clock } from '../core/clock.ts';
import { abortable, withDeadline } from '../core/deadline.ts';
import { errorMessage } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { mapLimit } from '../core/map-limit.ts';
import { type Metric, type Sample, sample } from '../core/metric.ts';
import type { StoreRoom } from '../storage/object-store.ts';
import { type Catalog, type CatalogEntry, entriesOf, type TargetContents } from './catalog.ts';
import type { Job } from './job.ts';
import type { JobCounts } from './job-counts.ts';
import { jobMetrics, storeMetrics } from './keeping-declarations.ts';
import { type KeepingRules, noRules } from './keeping-rules.ts';
import { type Lineage, placesOf, sameLineage } from './lineage.ts';
import { lastVerificationOf, lineageSamples, newest, presentOf } from './lineage-samples.ts';
import { missingCopies } from './missing-copies.ts';
import { objectiveSamples, type ReadLineage } from './objective-samples.ts';
import { planPrune } from './prune-plan.ts';
import type { RetentionPlan } from './retention.ts';
import { retentionSamples } from './retention-samples.ts';
import type { RunInProgress } from './runner.ts';
import type { ScheduledJob } from './scheduler.ts';
import { storeRoomSamples } from './store-room.ts';

export interface KeepingOptions {
  readonly catalogs: readonly Catalog[];
  readonly lineages: readonly Lineage[];
  /** Of databases that are gone, whose backups are under retention still. */
  readonly retired?: readonly Lineage[];
  /** What is promised and wanted; nothing is told of it without. */
  readonly rules?: KeepingRules;
  readonly jobs: () => readonly ScheduledJob[];
  readonly running: () => readonly RunInProgress[];
  /** Runs that ended in this process; outlives a reload. */
  readonly counts: JobCounts;
  /** What was read before, of the same stores: it stands until they are read again. */
  readonly views?: ReadonlyMap<string, View>;
  readonly clock: Clock;
  readonly log: Log;
}

/** One lineage for people. */
export interface KeptLineage {
  readonly target: string;
  readonly schedule: string;
  readonly database: string;
  readonly lastSuccessAt: Date | undefined;
  readonly lastProofAt: Date | undefined;
  readonly verdict: string | undefined;
  readonly nextDueAt: Date | undefined;
  readonly running: string | undefined;
}

/** What is known about keeping: read from the stores in the background, told on the scrape path without asking them. */
export interface Keeping extends AsyncDisposable {
  /** By store and target; for the one that takes over with the same stores. */
  readonly views: ReadonlyMap<string, View>;
  /** Reads what the run may have changed. */
  ended(job: Job): void;
  samples(now: Date): Sample[];
  rows(): KeptLineage[];
}

/** What was read of a target in a store. */
export interface View {
  readonly contents: TargetContents | undefined;
  /** What retention makes of it, as of then. */
  readonly plans: ReadonlyMap<Lineage, RetentionPlan>;
  /** When the reading began, by the monotonic clock. */
  readonly readAtMs: number;
  readonly ok: boolean;
}

const refreshIntervalMs = 5 * 60_000;
const refreshDeadlineMs = 2 * 60_000;
const readsAtOnce = 4;

/** Starts reading at once; disposing ends it. */
export function createKeeping(options: KeepingOptions): Keeping {
  const keeping = new StoreKeeping(options);
  keeping.start();
  return keeping;
}

class StoreKeeping implements Keeping {
  readonly #options: KeepingOptions;
  readonly #views: Map<string, View>;
  /** By the name of the store. */
  readonly #rooms = new Map<string, StoreRoom>();
  readonly #stop = new AbortController();
  readonly #reads = new Set<Promise<void>>();
  #refreshing: Promise<void> = Promise.resolve();

  constructor(options: KeepingOptions) {
    this.#options = options;
    this.#views = new Map(options.views);
    const places = new Set(this.#places().map(({ store, target }) => viewKey(store, target)));
    for (const key of this.#views.keys()) if (!places.has(key)) this.#views.delete(key);
  }

  get views(): ReadonlyMap<string, View> {
    return this.#views;
  }

  start(): void {
    this.#refreshing = this.#refreshUntilStopped();
  }

  ended({ lineage }: Job): void {
    // A backup changes every store that it goes to.
    for (const { store, target } of this.#places().filter((place) => place.target === lineage.target)) {
      const read = this.#read(store, target).finally(() => this.#reads.delete(read));
      this.#reads.add(read);
    }
  }

  samples(now: Date): Sample[] {
    return [
      ...this.#options.lineages.flatMap((lineage) => this.#lineageSamples(lineage, now)),
      ...objectiveSamples(this.#readLineages(), this.#rules, now),
      ...this.#jobSamples(now),
      ...this.#options.counts.samples(),
      ...this.#storeSamples(),
      ...this.#roomSamples(),
    ];
  }

  rows(): KeptLineage[] {
    const jobs = this.#options.jobs();
    const now = this.#options.clock.now();
    return this.#options.lineages.map((lineage) => {
      const entries = this.#entries(lineage) ?? [];
      const own = jobs.filter(({ job }) => job.lineage === lineage);
      const proven = entries.flatMap((entry) => entry.proofs).filter(({ verdict }) => verdict === 'proven');
      return {
        target: lineage.target,
        schedule: lineage.schedule,
        database: lineage.database,
        lastSuccessAt: dateOf(presentOf(entries, now)[0]?.manifest.finishedAt),
        lastProofAt: dateOf(newest(proven.map(({ finishedAt }) => finishedAt))),
        verdict: lastVerificationOf(entries)?.verdict,
        nextDueAt: own.find(({ job }) => job.kind === 'backup')?.dueAt,
        running: own.find(({ running }) => running)?.job.kind,
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the process is stopping'));
    await Promise.all([this.#refreshing, ...this.#reads]);
  }

  async #refreshUntilStopped(): Promise<void> {
    const { clock } = this.#options;
    const places = this.#places();
    while (!this.#stop.signal.aborted) {
      await mapLimit(places, readsAtOnce, ({ store, target }) => this.#read(store, target));
      await clock.sleep(refreshIntervalMs, this.#stop.signal).catch(() => undefined);
    }
  }

  /** Every target in every store, once. */
  #places(): Pick<Lineage, 'store' | 'target'>[] {
    return placesOf(this.#known);
  }

  /** All that a schedule of the configuration speaks for. */
  get #known(): readonly Lineage[] {
    const { lineages, retired = [] } = this.#options;
    return [...lineages, ...retired];
  }

  /** Never rejects: what could not be read keeps its old view and is marked. */
  async #read(store: string, target: string): Promise<void> {
    const { catalogs, clock, log } = this.#options;
    const catalog = catalogs.find(({ storeName }) => storeName === store);
    const key = viewKey(store, target);
    const previous = this.#views.get(key);
    const readAtMs = clock.monotonicMs();
    try {
      const deadline = { parent: this.#stop.signal, ms: refreshDeadlineMs, clock, what: `reading store "${store}"` };
      const contents = await withDeadline(deadline, async (signal) => catalog?.read(target, signal));
      const plans = this.#plansOf(contents, store, target);
      this.#tell(key, { contents, plans, readAtMs, ok: true });
      for (const { backupId, reason } of newlyUnreadable(previous?.contents, contents)) {
        log.warn({ store, target, backup: backupId, error: reason }, 'the manifest of a backup cannot be read');
      }
      // A folder that nothing was written to yet cannot be measured, and a disk that hangs must not hold up the other stores.
      const room = withDeadline(deadline, async (signal) =>
        abortable(catalog?.room?.() ?? Promise.resolve({}), signal),
      );
      this.#rooms.set(store, await room.catch(() => ({})));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (previous?.ok !== false) log.warn({ store, target, error: errorMessage(error) }, 'store cannot be read');
      const known = this.#views.get(key) ?? { contents: undefined, plans: new Map(), readAtMs };
      if (known.readAtMs <= readAtMs) this.#views.set(key, { ...known, ok: false });
    }
  }

  /** One that began earlier and took longer tells of what was before. */
  #tell(key: string, view: View): void {
    const known = this.#views.get(key);
    if (known?.contents === undefined || known.readAtMs <= view.readAtMs) this.#views.set(key, view);
  }

  #entries(lineage: Lineage): CatalogEntry[] | undefined {
    const contents = this.#views.get(viewKey(lineage.store, lineage.target))?.contents;
    return contents === undefined ? undefined : entriesOf(contents, lineage);
  }

  /** Nothing before the store was read for the first time: "no backup" would be a lie then. */
  #lineageSamples(lineage: Lineage, now: Date): Sample[] {
    const entries = this.#entries(lineage);
    if (entries === undefined) return [];
    const plan = this.#views.get(viewKey(lineage.store, lineage.target))?.plans.get(lineage);
    const lastAttemptAt = this.#lastAttempt(lineage, entries);
    const view = { lineage, entries, lastAttemptAt, missingCopies: this.#missing(lineage, entries, now) };
    return [...lineageSamples(view, now), ...(plan === undefined ? [] : retentionSamples(lineage, plan))];
  }

  #missing(lineage: Lineage, entries: readonly CatalogEntry[], now: Date): number {
    const others = this.#options.lineages.filter((one) => sameLineage(one, lineage) && one.store !== lineage.store);
    if (others.length === 0) return 0;
    const found = new Map(others.map((one) => [one.store, this.#entries(one) ?? []]));
    return missingCopies(entries, found, this.#rules.pruneRules(lineage) ?? { policy: undefined }, now).length;
  }

  get #rules(): KeepingRules {
    return this.#options.rules ?? noRules;
  }

  #readLineages(): ReadLineage[] {
    return this.#options.lineages.map((lineage) => ({ lineage, entries: this.#entries(lineage) }));
  }

  /** Planned when the store is read, so that no scrape waits for it. */
  #plansOf(contents: TargetContents | undefined, store: string, target: string): Map<Lineage, RetentionPlan> {
    const plans = new Map<Lineage, RetentionPlan>();
    if (contents === undefined) return plans;
    for (const lineage of this.#options.lineages) {
      if (lineage.store !== store || lineage.target !== target) continue;
      const rules = this.#rules.pruneRules(lineage);
      if (rules === undefined) continue;
      plans.set(lineage, planPrune(contents, lineage, rules, this.#options.clock.now()).retention);
    }
    return plans;
  }

  #lastAttempt(lineage: Lineage, entries: readonly CatalogEntry[]): string | undefined {
    const attempts = this.#views.get(viewKey(lineage.store, lineage.target))?.contents?.attempts ?? [];
    const started = attempts
      .map(({ started: marker }) => marker)
      .filter((marker) => marker?.schedule === lineage.schedule && marker.database === lineage.database);
    return newest([
      ...started.map((marker) => marker?.startedAt ?? ''),
      // One that failed and cleared away what it had written is known to this process alone.
      this.#options.counts.lastBackupStarted(lineage)?.toISOString() ?? '',
      ...entries.map(({ manifest }) => manifest.startedAt),
    ]);
  }

  #unconfigured({ entries }: TargetContents, store: string, target: string): number {
    const own = this.#known.filter((one) => one.store === store && one.target === target);
    return entries.filter(({ manifest }) => !own.some((lineage) => sameLineage(lineage, manifest))).length;
  }

  #jobSamples(now: Date): Sample[] {
    const running = this.#options.running();
    return this.#options.jobs().flatMap(({ job, dueAt, failedLooks, running: isRunning }) => {
      const labels = { ...job.lineage, kind: job.kind };
      const samples = [
        sample(jobMetrics.running, Number(isRunning), labels),
        sample(jobMetrics.dueFailures, failedLooks, labels),
      ];
      const overdueSeconds = dueAt === undefined ? 0 : Math.max(0, (now.getTime() - dueAt.getTime()) / 1_000);
      samples.push(sample(jobMetrics.overdue, overdueSeconds, labels));
      if (dueAt !== undefined) samples.push(sample(jobMetrics.nextDue, dueAt.getTime() / 1_000, labels));
      const doneBytes = running.find((one) => one.job === job)?.progress.doneBytes;
      if (doneBytes !== undefined) samples.push(sample(jobMetrics.runningBytes, doneBytes, labels));
      return samples;
    });
  }

  #roomSamples(): Sample[] {
    return [...this.#rooms].flatMap(([store, room]) => {
      const places = this.#places().filter((place) => place.store === store);
      const contents = places.map(({ target }) => this.#views.get(viewKey(store, target))?.contents);
      // What is used is known when all targets were read.
      if (contents.includes(undefined)) return [];
      const usedBytes = contents.reduce((sum, one) => sum + (one === undefined ? 0 : storedBytesOf(one)), 0);
      const own = this.#options.lineages.filter((lineage) => lineage.store === store);
      const lineages = own.map((lineage) => this.#entries(lineage) ?? []);
      return storeRoomSamples({ store, room, usedBytes, lineages });
    });
  }

  #storeSamples(): Sample[] {
    const nowMs = this.#options.clock.monotonicMs();
    return [...this.#views].flatMap(([key, { contents, readAtMs, ok }]) => {
      const [store = '', target = ''] = key.split('\n');
      const labels = { target, store };
      const value = (of: Metric<'target' | 'store'>, amount: number) => sample(of, amount, labels);
      const samples = [
        value(storeMetrics.viewSuccess, Number(ok)),
        value(storeMetrics.viewAge, (nowMs - readAtMs) / 1_000),
      ];
      if (contents === undefined) return samples;
      return [
        ...samples,
        value(storeMetrics.bytes, storedBytesOf(contents)),
        value(storeMetrics.leftovers, contents.attempts.length),
        value(storeMetrics.unreadable, contents.unreadable.length),
        value(storeMetrics.unconfigured, this.#unconfigured(contents, store, target)),
      ];
    });
  }
}

function dateOf(instant: string | undefined): Date | undefined {
  return instant === undefined ? undefined : new Date(instant);
}

/** Each is told once, and again when another reason keeps it from being read. */
function newlyUnreadable(
  before: TargetContents | undefined,
  contents: TargetContents | undefined,
): TargetContents['unreadable'] {
  const known = new Map(before?.unreadable.map(({ backupId, reason }) => [backupId, reason]));
  return contents?.unreadable.filter(({ backupId, reason }) => known.get(backupId) !== reason) ?? [];
}

function storedBytesOf({ entries, attempts }: TargetContents): number {
  return [...entries, ...attempts].reduce((sum, { storedBytes }) => sum + storedBytes, 0);
}

function viewKey(store: string, target: string): string {
  return `${store}\n${target}`;
}
