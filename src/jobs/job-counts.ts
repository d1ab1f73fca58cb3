import { type Sample, sample } from '../core/metric.ts';
import type { Job } from './job.ts';
import { jobMetrics } from './keeping-declarations.ts';
import { type Lineage, sameLineage } from './lineage.ts';
import type { RunOutcome } from './run-outcome.ts';

const statuses = ['succeeded', 'failed', 'cancelled', 'skipped'] as const;

interface Count {
  readonly job: Pick<Job, 'kind' | 'lineage'>;
  readonly byStatus: Map<string, number>;
  readonly byReason: Map<string, number>;
  /** By `store` and `reason`, of runs that succeeded without them. */
  readonly byFailedStore: Map<string, number>;
  /** Of the run that ended last. */
  startedAt: Date | undefined;
}

/** Counts the runs that ended in this process. */
export class JobCounts {
  readonly #counts = new Map<string, Count>();

  /** Makes the job's counters begin at 0, so that their first increase is seen. */
  expect(job: Pick<Job, 'kind' | 'lineage'>): void {
    this.#of(job);
  }

  ended(job: Pick<Job, 'kind' | 'lineage'>, outcome: RunOutcome): void {
    const count = this.#of(job);
    increase(count.byStatus, outcome.status);
    if (outcome.status !== 'skipped') count.startedAt = outcome.startedAt;
    if (outcome.status === 'failed') increase(count.byReason, outcome.reason);
    if (outcome.status !== 'succeeded') return;
    for (const { store, reason } of outcome.result.failedStores ?? []) {
      increase(count.byFailedStore, `${store}\n${reason}`);
    }
  }

  /** When the last backup was begun that ended in this process, well or badly; a backup job is of all its stores. */
  lastBackupStarted(lineage: Lineage): Date | undefined {
    const own = [...this.#counts.values()].filter(
      ({ job, startedAt }) => job.kind === 'backup' && startedAt !== undefined && sameLineage(job.lineage, lineage),
    );
    return own.map(({ startedAt }) => startedAt).sort((a, b) => Number(b) - Number(a))[0];
  }

  samples(): Sample[] {
    return [...this.#counts.values()].flatMap(({ job, byStatus, byReason, byFailedStore }) => {
      const labels = { ...job.lineage, kind: job.kind };
      return [
        ...statuses.map((status) => sample(jobMetrics.runs, byStatus.get(status) ?? 0, { ...labels, status })),
        ...[...byReason].map(([reason, value]) => sample(jobMetrics.failures, value, { ...labels, reason })),
        ...[...byFailedStore].map(([key, value]) => {
          const [store = '', reason = ''] = key.split('\n');
          return sample(jobMetrics.storeFailures, value, { ...job.lineage, store, reason });
        }),
      ];
    });
  }

  #of(job: Pick<Job, 'kind' | 'lineage'>): Count {
    const { store, target, schedule, database } = job.lineage;
    const key = [job.kind, store, target, schedule, database].join('\n');
    const count = this.#counts.get(key) ?? {
      job,
      byStatus: new Map(),
      byReason: new Map(),
      byFailedStore: new Map(),
      startedAt: undefined,
    };
    this.#counts.set(key, count);
    return count;
  }
}

function increase(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
