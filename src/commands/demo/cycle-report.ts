import { errorMessage } from '../../core/errors.ts';
import type { Job, JobKind } from '../../jobs/job.ts';
import type { RetentionAction } from '../../jobs/retention.ts';
import type { RunOutcome } from '../../jobs/run-outcome.ts';

/** What `demo --once --report FILE` writes. Field names are API. */
export interface CycleReport {
  readonly version: string;
  readonly server: string;
  readonly startedAt: Date;
  readonly seconds: number;
  /** Every step below succeeded: all targets were scraped whole, all databases backed up and proven, retention planned. */
  readonly proven: boolean;
  readonly scrape: { readonly seconds: number; readonly targets: readonly ScrapedTarget[] };
  readonly runs: readonly JobReport[];
  readonly retention: readonly PlanReport[];
}

export interface ScrapedTarget {
  readonly target: string;
  readonly up: boolean;
  readonly samples: number;
  readonly families: number;
  /** Families that failed or were not ready in time. */
  readonly failedFamilies: readonly string[];
}

/** A backup or a proof; further fields are those of the job's own log line (`backup`, `bytes`, `facts`, `verdict`, …). */
export interface JobReport {
  readonly job: JobKind;
  readonly database: string;
  readonly status: string;
  readonly seconds: number;
  readonly error?: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface PlanReport {
  readonly database: string;
  readonly decisions: readonly {
    readonly backup: string;
    readonly action: RetentionAction;
    readonly proven: boolean;
    readonly reasons: readonly string[];
  }[];
  /** Why nothing may be deleted. */
  readonly refusal?: string;
}

/** Whether the whole cycle is a success: nothing is taken for granted that is not in the report. */
export function isProven(
  parts: Pick<CycleReport, 'scrape' | 'runs' | 'retention'>,
  expected: { readonly targets: readonly string[]; readonly databases: readonly string[] },
): boolean {
  const scraped = expected.targets.every((name) =>
    parts.scrape.targets.some(
      ({ target, up, families, failedFamilies }) =>
        target === name && up && families > 0 && failedFamilies.length === 0,
    ),
  );
  const kept = expected.databases.every((name) => {
    const runs = parts.runs.filter(({ database, status }) => database === name && status === 'succeeded');
    const plan = parts.retention.find(({ database }) => database === name);
    return (
      runs.some(({ job }) => job === 'backup') &&
      runs.some(({ job, fields }) => job === 'verify' && fields['verdict'] === 'proven') &&
      plan?.refusal === undefined &&
      plan?.decisions.some(({ action, proven }) => action === 'keep' && proven) === true
    );
  });
  return scraped && kept;
}

export function jobReport(job: Pick<Job, 'kind' | 'lineage'>, outcome: RunOutcome): JobReport {
  const { status, durationSeconds: seconds } = outcome;
  const report = { job: job.kind, database: job.lineage.database, status, seconds, fields: {} };
  switch (outcome.status) {
    case 'succeeded':
      return { ...report, fields: outcome.result.fields };
    case 'skipped':
      return { ...report, error: outcome.reason };
    default:
      return { ...report, error: errorMessage(outcome.error) };
  }
}
