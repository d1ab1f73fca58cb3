import { errorMessage } from '../core/errors.ts';
import type { FailureReason, Job, JobResult } from './job.ts';

interface Ran {
  readonly startedAt: Date;
  readonly durationSeconds: number;
  /** 1 without a further try; 0 when it was cancelled before the first one. */
  readonly tries: number;
}

/** How a run ended. */
export type RunOutcome = Ran &
  (
    | { readonly status: 'succeeded'; readonly result: JobResult }
    | { readonly status: 'failed'; readonly reason: FailureReason; readonly error: unknown }
    | { readonly status: 'cancelled'; readonly error: unknown }
    /** `locked`: another process is at it. `not_due`: another process has done it since it was found due. */
    | { readonly status: 'skipped'; readonly reason: 'locked' | 'not_due' }
  );

/** The one log line of a run. */
export function logLineOf(
  job: Pick<Job, 'kind' | 'lineage'>,
  outcome: RunOutcome,
): {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
} {
  const { target, schedule, database, store } = job.lineage;
  const durationSeconds = Math.round(outcome.durationSeconds * 1_000) / 1_000;
  const ran = { job: job.kind, target, schedule, database, store, durationSeconds, tries: outcome.tries };
  switch (outcome.status) {
    case 'succeeded':
      return { level: 'info', fields: { ...ran, ...outcome.result.fields }, message: 'job succeeded' };
    case 'failed': {
      const { reason, error } = outcome;
      return { level: 'error', fields: { ...ran, reason, error: errorMessage(error) }, message: 'job failed' };
    }
    case 'cancelled':
      return { level: 'warn', fields: { ...ran, error: errorMessage(outcome.error) }, message: 'job cancelled' };
    case 'skipped':
      return { level: 'debug', fields: { ...ran, reason: outcome.reason }, message: 'job skipped' };
  }
}
