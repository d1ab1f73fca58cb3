import type { Clock } from '../core/clock.ts';
import { errorMessage } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { mapLimit } from '../core/map-limit.ts';
import { type Metric, type Sample, sample } from '../core/metric.ts';
import { type Catalog, type CatalogEntry, entriesOf, isProven, type TargetContents } from './catalog.ts';
import type { Job } from './job.ts';
import type { JobCounts } from './job-counts.ts';
import { jobMetrics, lineageMetrics, proofLastVerdict, storeMetrics } from './keeping-declarations.ts';
import type { Lineage } from './lineage.ts';
import { verdicts } from './manifest.ts';
import type { RunInProgress } from './runner.ts';
import type { ScheduledJob } from './scheduler.ts';

export interface KeepingOptions {
  readonly catalogs: readonly Catalog[];
  readonly lineages: readonly Lineage[];
  readonly jobs: () => readonly ScheduledJob[];
  readonly running: () => readonly RunInProgress[];
  /** Runs that ended in this process; outlives a reload. */
  readonly counts: JobCounts;
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
  /** Reads what the run may have changed. */
  ended(job: Job): void;
  samples(now: Date): Sample[];
  rows(): KeptLineage[];
}

interface View {
  readonly contents: TargetContents | undefined;
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
  readonly #views = new Map<string, View>();
  readonly #stop = new AbortController();
  #refreshing: Promise<void> = Promise.resolve();

  constructor(options: KeepingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#refreshing = this.#refreshUntilStopped();
  }

  ended({ lineage }: Job): void {
    const previous = this.#refreshing;
    this.#refreshing = Promise.all([previous, this.#read(lineage.store, lineage.target)]).then(() => undefined);
  }

  samples(now: Date): Sample[] {
    return [
      ...this.#options.lineages.flatMap((lineage) => this.#lineageSamples(lineage, now)),
      ...this.#jobSamples(now),
      ...this.#options.counts.samples(),
      ...this.#storeSamples(),
    ];
  }

  rows(): KeptLineage[] {
    const jobs = this.#options.jobs();
    return this.#options.lineages.map((lineage) => {
      const entries = this.#entries(lineage) ?? [];
      const own = jobs.filter(({ job }) => job.lineage === lineage);
      const proofs = entries.flatMap((entry) => entry.proofs);
      return {
        target: lineage.target,
        schedule: lineage.schedule,
        database: lineage.database,
        lastSuccessAt: dateOf(entries[0]?.manifest.finishedAt),
        lastProofAt: dateOf(
          newest(proofs.filter(({ verdict }) => verdict === 'proven').map((proof) => proof.finishedAt)),
        ),
        verdict: entries.find((entry) => entry.proofs.length > 0)?.proofs[0]?.verdict,
        nextDueAt: own.find(({ job }) => job.kind === 'backup')?.dueAt,
        running: own.find(({ running }) => running)?.job.kind,
      };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the process is stopping'));
    await this.#refreshing;
  }

  async #refreshUntilStopped(): Promise<void> {
    const { lineages, clock } = this.#options;
    const places = [...new Map(lineages.map((one) => [viewKey(one.store, one.target), one])).values()];
    while (!this.#stop.signal.aborted) {
      await mapLimit(places, readsAtOnce, ({ store, target }) => this.#read(store, target));
      await clock.sleep(refreshIntervalMs, this.#stop.signal).catch(() => undefined);
    }
  }

  /** Never rejects: what could not be read keeps its old view and is marked. */
  async #read(store: string, target: string): Promise<void> {
    const { catalogs, clock, log } = this.#options;
    const catalog = catalogs.find(({ storeName }) => storeName === store);
    const key = viewKey(store, target);
    const previous = this.#views.get(key);
    try {
      const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(refreshDeadlineMs)]);
      const contents = await catalog?.read(target, signal);
      this.#views.set(key, { contents, readAtMs: clock.monotonicMs(), ok: true });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (previous?.ok !== false) log.warn({ store, target, error: errorMessage(error) }, 'store cannot be read');
      const readAtMs = previous?.readAtMs ?? clock.monotonicMs();
      this.#views.set(key, { contents: previous?.contents, readAtMs, ok: false });
    }
  }

  #entries(lineage: Lineage): CatalogEntry[] | undefined {
    const contents = this.#views.get(viewKey(lineage.store, lineage.target))?.contents;
    return contents === undefined ? undefined : entriesOf(contents, lineage);
  }

  /** Nothing before the store was read for the first time: "no backup" would be a lie then. */
  #lineageSamples(lineage: Lineage, now: Date): Sample[] {
    const entries = this.#entries(lineage);
    if (entries === undefined) return [];
    const labels = { ...lineage };
    const measured = { ...backupFigures(entries, this.#lastAttempt(lineage, entries)), ...proofFigures(entries, now) };
    const samples = Object.entries(measured)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => sample(lineageMetrics[name as keyof typeof lineageMetrics], value ?? 0, labels));
    const last = entries.find((entry) => entry.proofs.length > 0)?.proofs[0]?.verdict;
    for (const verdict of verdicts) {
      samples.push(sample(proofLastVerdict, Number(verdict === last), { ...labels, verdict }));
    }
    return samples;
  }

  #lastAttempt(lineage: Lineage, entries: readonly CatalogEntry[]): string | undefined {
    const attempts = this.#views.get(viewKey(lineage.store, lineage.target))?.contents?.attempts ?? [];
    const started = attempts
      .map(({ started: marker }) => marker)
      .filter((marker) => marker?.schedule === lineage.schedule && marker.database === lineage.database);
    return newest([
      ...started.map((marker) => marker?.startedAt ?? ''),
      ...entries.map(({ manifest }) => manifest.startedAt),
    ]);
  }

  #jobSamples(now: Date): Sample[] {
    const running = this.#options.running();
    return this.#options.jobs().flatMap(({ job, dueAt, running: isRunning }) => {
      const labels = { ...job.lineage, job: job.kind };
      const samples = [sample(jobMetrics.running, Number(isRunning), labels)];
      const overdueSeconds = dueAt === undefined ? 0 : Math.max(0, (now.getTime() - dueAt.getTime()) / 1_000);
      samples.push(sample(jobMetrics.overdue, overdueSeconds, labels));
      if (dueAt !== undefined) samples.push(sample(jobMetrics.nextDue, dueAt.getTime() / 1_000, labels));
      const doneBytes = running.find((one) => one.job === job)?.progress.doneBytes;
      if (doneBytes !== undefined) samples.push(sample(jobMetrics.runningBytes, doneBytes, labels));
      return samples;
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
      const stored = [...contents.entries, ...contents.attempts].reduce((sum, { storedBytes }) => sum + storedBytes, 0);
      return [
        ...samples,
        value(storeMetrics.bytes, stored),
        value(storeMetrics.leftovers, contents.attempts.length),
        value(storeMetrics.unreadable, contents.unreadable.length),
      ];
    });
  }
}

type Figures = Partial<Record<keyof typeof lineageMetrics, number | undefined>>;

function backupFigures(entries: readonly CatalogEntry[], lastAttempt: string | undefined): Figures {
  const figures: Figures = {
    backupLastAttempt: secondsOf(lastAttempt),
    backupLastSuccess: secondsOf(newest(entries.map(({ manifest }) => manifest.finishedAt))),
    backups: entries.length,
    backupsProven: entries.filter(isProven).length,
  };
  const manifest = entries[0]?.manifest;
  if (manifest === undefined) return figures;
  const durationSeconds = (Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt)) / 1_000;
  const contentBytes = manifest.parts.reduce((sum, part) => sum + part.content.sizeBytes, 0);
  return {
    ...figures,
    backupLastDuration: durationSeconds,
    backupLastStoredBytes: manifest.parts.reduce((sum, part) => sum + part.sizeBytes, 0),
    backupLastContentBytes: contentBytes,
    backupLastThroughput: durationSeconds > 0 ? contentBytes / durationSeconds : undefined,
  };
}

function proofFigures(entries: readonly CatalogEntry[], now: Date): Figures {
  const proofs = entries.flatMap((entry) => entry.proofs);
  const proven = proofs.filter(({ verdict }) => verdict === 'proven');
  const lastProvenAt = newest(proven.map(({ finishedAt }) => finishedAt));
  const last = proven.find(({ finishedAt }) => finishedAt === lastProvenAt);
  const ageOf = (entry: CatalogEntry | undefined) =>
    entry === undefined ? Number.POSITIVE_INFINITY : (now.getTime() - Date.parse(entry.manifest.snapshotAt)) / 1_000;
  return {
    proofLastAttempt: secondsOf(newest(proofs.map(({ finishedAt }) => finishedAt))),
    proofLastSuccess: secondsOf(lastProvenAt),
    rpo: ageOf(entries.find(isProven)),
    rpoUnproven: ageOf(entries[0]),
    rto: last === undefined ? undefined : (last.seconds.fetch ?? 0) + (last.seconds.restore ?? 0),
    proofLastDuration: last?.seconds.total,
  };
}

/** ISO instants of one zone sort as text. */
function newest(instants: readonly string[]): string | undefined {
  return instants.reduce<string | undefined>((best, one) => (best === undefined || one > best ? one : best), undefined);
}

function secondsOf(instant: string | undefined): number {
  return instant === undefined || instant === '' ? 0 : Date.parse(instant) / 1_000;
}

function dateOf(instant: string | undefined): Date | undefined {
  return instant === undefined ? undefined : new Date(instant);
}

function viewKey(store: string, target: string): string {
  return `${store}\n${target}`;
}
