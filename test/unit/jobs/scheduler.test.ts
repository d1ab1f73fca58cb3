import { expect, test } from 'vitest';
import type { Job } from '../../../src/jobs/job.ts';
import { createRunner } from '../../../src/jobs/runner.ts';
import { parseSchedule } from '../../../src/jobs/schedule.ts';
import { startScheduler } from '../../../src/jobs/scheduler.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { recordingJob, scheduledJob } from '../../support/recording-job.ts';
import { recordingLog } from '../../support/recording-log.ts';

const nightly = parseSchedule('0 2 * * *', 'UTC');

function setUp(
  jobs: readonly Job[],
  options: { readonly now?: string; readonly concurrency?: number; readonly busy?: () => boolean } = {},
) {
  const clock = new ManualClock(options.now ?? '2026-03-02T09:00:00Z');
  const { log, lines } = recordingLog();
  const runner = createRunner({
    clock,
    log,
    acquireLock: async () =>
      options.busy?.()
        ? undefined
        : { signal: new AbortController().signal, check: async () => {}, async [Symbol.asyncDispose]() {} },
    retries: 0,
    retryDelayMs: 1_000,
  });
  const scheduler = startScheduler({ jobs, runner, clock, log, concurrency: options.concurrency ?? 2 });
  return { clock, lines, scheduler };
}

test('a slot missed while the process was down is run once after the start, not once per slot', async () => {
  const job = scheduledJob(nightly, { lastSuccessAt: '2026-02-27T02:00:00Z' });
  const { clock, scheduler } = setUp([job]);
  await using _scheduler = scheduler;

  await clock.settle();
  await clock.advanceTo('2026-03-02T23:00:00Z');

  expect(job.startedAt).toEqual(['2026-03-02T09:00:00Z']);
});

test('a job whose last slot was served waits for the next one and starts at its second', async () => {
  const job = scheduledJob(nightly, { lastSuccessAt: '2026-03-02T02:00:00Z' });
  const { clock, scheduler } = setUp([job]);
  await using _scheduler = scheduler;

  await clock.advanceTo('2026-03-05T00:00:00Z');

  expect(job.startedAt).toEqual(['2026-03-03T02:00:00Z', '2026-03-04T02:00:00Z']);
});

test('a run that failed for good is not tried again before the next slot', async () => {
  const job = scheduledJob(nightly, {
    run: (number) => {
      if (number === 1) throw new Error('broken');
      return { fields: {} };
    },
  });
  const { clock, scheduler } = setUp([job]);
  await using _scheduler = scheduler;

  await clock.advanceTo('2026-03-03T12:00:00Z');

  expect(job.startedAt).toEqual(['2026-03-02T09:00:00Z', '2026-03-03T02:00:00Z']);
});

test('jobs of one lock never run at once, others do up to the limit', async () => {
  const events: string[] = [];
  const one = (database: string, lockName: string) => recordingJob({ database, lockName, takesMs: 10_000, events });
  const jobs = [one('a', 'backup/x'), one('b', 'backup/x'), one('c', 'backup/y'), one('d', 'backup/z')];
  const { clock, scheduler } = setUp(jobs, { concurrency: 2 });
  await using _scheduler = scheduler;

  await clock.advance(60_000);

  expect(events.slice(0, 2)).toEqual(['start a', 'start c']);
  expect(events.filter((event) => event.startsWith('end'))).toHaveLength(4);
  expect(events.indexOf('start b')).toBeGreaterThan(events.indexOf('end a'));
  expect(events.indexOf('start d')).toBeGreaterThan(Math.min(events.indexOf('end a'), events.indexOf('end c')));
});

test('what a run makes due in its lineage follows at once', async () => {
  let backedUp = false;
  const backup = recordingJob({
    run: () => {
      backedUp = true;
      return { fields: {} };
    },
  });
  let proven = false;
  const proof = recordingJob({
    kind: 'verify',
    lockName: 'verify',
    dueAt: async () => (backedUp && !proven ? new Date('2026-03-02T09:00:00Z') : undefined),
    run: () => {
      proven = true;
      return { fields: {} };
    },
  });
  const { clock, scheduler } = setUp([backup, proof]);
  await using _scheduler = scheduler;

  await clock.settle();

  expect(proof.startedAt).toEqual(['2026-03-02T09:00:00Z']);
});

test('work that another process holds is looked at again later', async () => {
  let busy = true;
  const job = recordingJob();
  const { clock, scheduler } = setUp([job], { busy: () => busy });
  await using _scheduler = scheduler;

  await clock.advance(20_000);
  const early = [...job.startedAt];
  busy = false;
  await clock.advance(120_000);

  expect(early).toEqual([]);
  expect(job.startedAt).toHaveLength(1);
});

test('a store that cannot be asked when a job is due is asked again, and told once', async () => {
  let reachable = false;
  const job = recordingJob({
    dueAt: async () => {
      if (!reachable) throw new Error('store away');
      return new Date('2026-03-02T02:00:00Z');
    },
  });
  const { clock, lines, scheduler } = setUp([job]);
  await using _scheduler = scheduler;

  await clock.advance(300_000);
  const told = lines.filter(({ message }) => message === 'due time of job is not known');
  const problem = scheduler.jobs()[0]?.problem;
  reachable = true;
  await clock.advance(600_000);

  expect(told).toHaveLength(1);
  expect(problem).toBe('store away');
  expect(job.startedAt).toHaveLength(1);
});

test('a machine that slept over a slot runs it when it wakes', async () => {
  const job = scheduledJob(nightly, { lastSuccessAt: '2026-03-02T02:00:00Z' });
  const { clock, scheduler } = setUp([job]);
  await using _scheduler = scheduler;
  await clock.settle();

  clock.setWallClock('2026-03-03T07:30:00Z');
  await clock.advance(61_000);

  expect(job.startedAt).toHaveLength(1);
});

test('a clock that was set back repeats nothing', async () => {
  const job = scheduledJob(nightly, { lastSuccessAt: '2026-03-02T02:00:00Z' });
  const { clock, scheduler } = setUp([job], { now: '2026-03-02T02:30:00Z' });
  await using _scheduler = scheduler;
  await clock.settle();

  clock.setWallClock('2026-03-02T01:30:00Z');
  await clock.advance(600_000);

  expect(job.startedAt).toEqual([]);
});

test('stopping cancels what runs and waits for it', async () => {
  const events: string[] = [];
  const job = recordingJob({ takesMs: 3_600_000, events });
  const { clock, lines, scheduler } = setUp([job]);
  await clock.settle();

  await scheduler[Symbol.asyncDispose]();

  expect(events).toEqual(['start payments_db', 'end payments_db']);
  expect(lines.map(({ message }) => message)).toEqual(['job cancelled']);
  expect(clock.sleeping).toBe(0);
});

test('a new list of jobs takes over, and what runs goes on to its end', async () => {
  const events: string[] = [];
  const old = recordingJob({ database: 'old', takesMs: 10_000, events });
  const fresh = recordingJob({ database: 'fresh', events });
  const { clock, scheduler } = setUp([old]);
  await using _scheduler = scheduler;
  await clock.settle();

  scheduler.replaceJobs([fresh]);
  await clock.advance(20_000);

  expect(events).toEqual(['start old', 'start fresh', 'end fresh', 'end old']);
  expect(scheduler.jobs().map(({ job }) => job.lineage.database)).toEqual(['fresh']);
});
