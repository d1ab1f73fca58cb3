import type { WorkContext } from '../../src/core/work-context.ts';
import type { Job, JobContext, JobResult } from '../../src/jobs/job.ts';
import type { Schedule } from '../../src/jobs/schedule.ts';
import { sampleLineage } from './sample-backup.ts';

/** A job that writes down when it was started; what it does and when it is due the test says. */
export interface RecordingJob extends Job {
  /** `2026-03-02T09:00:00Z`, one for each start. */
  readonly startedAt: string[];
  /** Start and end of every run of all jobs that share it: `start payments_db`, `end payments_db`. */
  readonly events: string[];
}

export interface RecordingJobOptions extends Partial<Omit<Job, 'run'>> {
  readonly database?: string;
  /** How long a run takes; by default it ends at once. */
  readonly takesMs?: number;
  /** What a run does after that; `number` counts from 1. Its success is remembered as a store would. */
  readonly run?: (number: number, context: JobContext) => Promise<JobResult> | JobResult;
  readonly events?: string[];
}

/** Due as `dueAt` says; without it once, at any time, until a run succeeded. */
export function recordingJob(options: RecordingJobOptions = {}): RecordingJob {
  const { database = 'payments_db', takesMs = 0, run, events = [], ...rest } = options;
  const lineage = rest.lineage ?? { ...sampleLineage, database };
  const startedAt: string[] = [];
  let done = false;
  return {
    kind: 'backup',
    lineage,
    lockName: `backup/${lineage.database}`,
    deadlineMs: 3_600_000,
    dueAt: async () => (done ? undefined : new Date('2026-03-02T02:00:00Z')),
    ...rest,
    startedAt,
    events,
    async run(context) {
      startedAt.push(context.clock.now().toISOString().replace('.000Z', 'Z'));
      events.push(`start ${lineage.database}`);
      try {
        await context.clock.sleep(takesMs, context.signal);
        context.signal.throwIfAborted();
        const result = (await run?.(startedAt.length, context)) ?? { fields: {} };
        done = true;
        return result;
      } finally {
        events.push(`end ${lineage.database}`);
      }
    },
  };
}

/** A job on a schedule, as a backup is one: due as long as no successful run was begun since the last slot. */
export function scheduledJob(
  schedule: Schedule,
  options: RecordingJobOptions & { readonly lastSuccessAt?: string } = {},
): RecordingJob {
  let lastSuccessAt = options.lastSuccessAt === undefined ? undefined : new Date(options.lastSuccessAt);
  const dueAt = async ({ clock }: WorkContext) => {
    const slot = schedule.lastAtOrBefore(clock.now());
    const missed = slot !== undefined && (lastSuccessAt === undefined || lastSuccessAt < slot);
    return missed ? slot : schedule.nextAfter(clock.now());
  };
  return recordingJob({
    dueAt,
    ...options,
    run: async (number, context) => {
      const beganAt = context.clock.now();
      const result = (await options.run?.(number, context)) ?? { fields: {} };
      lastSuccessAt = beganAt;
      return result;
    },
  });
}
