import { describe, expect, test } from 'vitest';
import { JobFailed } from '../../../src/jobs/job.ts';
import { createRunner, type JobLock, type RunnerOptions } from '../../../src/jobs/runner.ts';
import { StoreError } from '../../../src/storage/object-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { recordingJob } from '../../support/recording-job.ts';
import { recordingLog } from '../../support/recording-log.ts';

/** Locks that are free unless their name is held; `lose` takes one away from whoever has it. */
function lockBook() {
  const held = new Map<string, AbortController>();
  const names: string[] = [];
  return {
    held,
    /** Every lock that was asked for. */
    names,
    lose: (name: string) => held.get(name)?.abort(new Error('another process took the lease')),
    acquireLock: async ({ lockName }: { readonly lockName: string }): Promise<JobLock | undefined> => {
      names.push(lockName);
      if (held.has(lockName)) return undefined;
      const lost = new AbortController();
      held.set(lockName, lost);
      return {
        signal: lost.signal,
        check: async () => {},
        [Symbol.asyncDispose]: async () => void held.delete(lockName),
      };
    },
  };
}

function setUp(options: Partial<RunnerOptions> = {}) {
  const clock = new ManualClock('2026-03-02T02:00:00Z');
  const locks = lockBook();
  const { log, lines } = recordingLog();
  const stop = new AbortController();
  const runner = createRunner({
    clock,
    log,
    acquireLock: locks.acquireLock,
    retries: 3,
    retryDelayMs: 30_000,
    ...options,
  });
  return { clock, locks, lines, stop, runner };
}

function failing(error: () => unknown): () => never {
  return () => {
    throw error();
  };
}

describe('a run', () => {
  test('that succeeds is one log line with what it achieved', async () => {
    const { clock, lines, stop, runner } = setUp();
    const job = recordingJob({ takesMs: 1_234, run: () => ({ fields: { backup: 'b1', bytes: 4_096 } }) });

    const run = runner.run(job, stop.signal);
    await clock.advance(5_000);
    const outcome = await run;

    expect(outcome).toEqual({
      status: 'succeeded',
      startedAt: new Date('2026-03-02T02:00:00Z'),
      durationSeconds: 1.234,
      tries: 1,
      result: { fields: { backup: 'b1', bytes: 4_096 } },
    });
    expect(lines).toEqual([
      {
        level: 'info',
        message: 'job succeeded',
        fields: {
          job: 'backup',
          target: 'payments',
          schedule: 'nightly',
          database: 'payments_db',
          store: 'local',
          durationSeconds: 1.234,
          tries: 1,
          backup: 'b1',
          bytes: 4_096,
        },
      },
    ]);
    expect(clock.sleeping).toBe(0);
  });

  test('that fails for good is not tried again and says why', async () => {
    const { lines, stop, runner } = setUp();
    const cause = new Error('missing SELECT on public.orders');
    const job = recordingJob({ run: failing(() => new JobFailed('privilege', 'backing up', { cause })) });

    const outcome = await runner.run(job, stop.signal);

    expect(outcome).toMatchObject({ status: 'failed', reason: 'privilege', tries: 1 });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: 'error',
      message: 'job failed',
      fields: { reason: 'privilege', error: 'backing up: missing SELECT on public.orders' },
    });
  });

  test('that fails for now is tried again, each time after twice the wait', async () => {
    const { clock, lines, stop, runner } = setUp();
    const job = recordingJob({
      run: (number) => {
        if (number < 3) throw new StoreError('unavailable', 'S3 answered 503');
        return { fields: {} };
      },
    });

    const run = runner.run(job, stop.signal);
    await clock.advance(600_000);
    const outcome = await run;

    expect(job.startedAt).toEqual(['2026-03-02T02:00:00Z', '2026-03-02T02:00:30Z', '2026-03-02T02:01:30Z']);
    expect(outcome).toMatchObject({ status: 'succeeded', tries: 3, durationSeconds: 90 });
    expect(lines).toHaveLength(1);
  });

  test('that keeps failing ends after the configured number of further tries', async () => {
    const { clock, lines, stop, runner } = setUp({ retries: 2 });
    const job = recordingJob({ run: failing(() => new StoreError('unavailable', 'S3 answered 503')) });

    const run = runner.run(job, stop.signal);
    await clock.advance(600_000);
    const outcome = await run;

    expect(job.startedAt).toHaveLength(3);
    expect(outcome).toMatchObject({ status: 'failed', reason: 'store', tries: 3 });
    expect(lines.map(({ message }) => message)).toEqual(['job failed']);
  });

  test('gives its lock back while it waits for another try', async () => {
    const { clock, locks, stop, runner } = setUp();
    const job = recordingJob({ run: failing(() => new StoreError('unavailable', 'S3 answered 503')) });

    const run = runner.run(job, stop.signal);
    await clock.advance(10_000);
    locks.held.set(job.lockName, new AbortController());
    await clock.advance(600_000);

    expect(await run).toMatchObject({ status: 'skipped', reason: 'locked', tries: 2 });
    expect(job.startedAt).toHaveLength(1);
  });

  test('is skipped where another process holds its lock', async () => {
    const { lines, locks, stop, runner } = setUp();
    const job = recordingJob();
    locks.held.set(job.lockName, new AbortController());

    const outcome = await runner.run(job, stop.signal);

    expect(outcome).toMatchObject({ status: 'skipped', reason: 'locked' });
    expect(job.startedAt).toEqual([]);
    expect(lines.map(({ level }) => level)).toEqual(['debug']);
  });

  test('is skipped when another process has done the work before the lock was free', async () => {
    const { locks, stop, runner } = setUp();
    const job = recordingJob();

    const outcome = await runner.run(job, stop.signal, { stillDue: async () => !locks.held.has(job.lockName) });

    expect(outcome).toMatchObject({ status: 'skipped', reason: 'not_due' });
    expect(job.startedAt).toEqual([]);
    expect(locks.held.size).toBe(0);
  });

  test('is ended when its lock is lost, and tried again once it is free', async () => {
    const { clock, locks, stop, runner } = setUp();
    const job = recordingJob({ takesMs: 60_000 });

    const run = runner.run(job, stop.signal);
    await clock.advance(10_000);
    locks.lose(job.lockName);
    await clock.advance(600_000);

    expect(job.startedAt).toEqual(['2026-03-02T02:00:00Z', '2026-03-02T02:00:40Z']);
    expect(await run).toMatchObject({ status: 'succeeded', tries: 2 });
  });

  test('whose lock cannot be asked for fails with the store’s reason', async () => {
    const { stop, runner } = setUp({ acquireLock: failing(() => new StoreError('denied', 'no s3:PutObject')) });

    const outcome = await runner.run(recordingJob(), stop.signal);

    expect(outcome).toMatchObject({ status: 'failed', reason: 'store', tries: 1 });
  });

  test('is ended by its deadline', async () => {
    const { clock, stop, runner } = setUp();
    const job = recordingJob({ deadlineMs: 40_000, takesMs: 3_600_000 });

    const run = runner.run(job, stop.signal);
    await clock.advance(60_000);

    expect(await run).toMatchObject({
      status: 'failed',
      reason: 'deadline',
      durationSeconds: 40,
      error: { message: 'backup of payments/nightly/payments_db took longer than 40000 ms' },
    });
  });

  test('has one deadline for all its tries', async () => {
    const { clock, stop, runner } = setUp();
    const job = recordingJob({
      deadlineMs: 40_000,
      run: failing(() => new StoreError('unavailable', 'S3 answered 503')),
    });

    const run = runner.run(job, stop.signal);
    await clock.advance(600_000);

    expect(job.startedAt).toEqual(['2026-03-02T02:00:00Z', '2026-03-02T02:00:30Z']);
    expect(await run).toMatchObject({ status: 'failed', reason: 'deadline', durationSeconds: 40 });
  });

  test('is cancelled from outside, whatever its work throws then', async () => {
    const { clock, lines, locks, stop, runner } = setUp();
    const job = recordingJob({
      run: (_number, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new Error('pg_dump was ended'))),
        ),
    });

    const run = runner.run(job, stop.signal);
    await clock.settle();
    stop.abort(new Error('the daemon is stopping'));

    expect(await run).toMatchObject({ status: 'cancelled', error: { message: 'the daemon is stopping' } });
    expect(lines).toMatchObject([
      { level: 'warn', message: 'job cancelled', fields: { error: 'the daemon is stopping' } },
    ]);
    expect(locks.held.size).toBe(0);
  });

  test('that waits for another try is cancelled at once', async () => {
    const { clock, stop, runner } = setUp();
    const job = recordingJob({ run: failing(() => new StoreError('unavailable', 'S3 answered 503')) });

    const run = runner.run(job, stop.signal);
    await clock.advance(1_000);
    stop.abort(new Error('the daemon is stopping'));

    expect(await run).toMatchObject({ status: 'cancelled', tries: 1, durationSeconds: 1 });
    expect(clock.sleeping).toBe(0);
  });

  test('tells every outcome to whoever counts them', async () => {
    const told: string[] = [];
    const { stop, runner } = setUp({ onOutcome: (job, outcome) => told.push(`${job.kind} ${outcome.status}`) });

    await runner.run(recordingJob({ kind: 'prune' }), stop.signal);

    expect(told).toEqual(['prune succeeded']);
  });
});

describe('a run in progress', () => {
  test('can be looked at, and passes its progress on', async () => {
    const { clock, stop, runner } = setUp();
    const seen: unknown[] = [];
    const job = recordingJob({
      run: async (_number, { onProgress }) => {
        onProgress({ activity: 'dumping', doneBytes: 512 });
        await clock.sleep(1_000);
        return { fields: {} };
      },
    });

    const run = runner.run(job, stop.signal, { onProgress: (progress) => seen.push(progress) });
    await clock.settle();
    const during = runner.running();
    await clock.advance(1_000);
    await run;

    expect(during).toMatchObject([{ job, tries: 1, progress: { activity: 'dumping', doneBytes: 512 } }]);
    expect(seen).toEqual([{ activity: 'dumping', doneBytes: 512 }]);
    expect(runner.running()).toEqual([]);
  });

  test('says what it waits for between two tries', async () => {
    const { clock, stop, runner } = setUp();
    const job = recordingJob({ run: failing(() => new StoreError('unavailable', 'S3 answered 503')) });

    const run = runner.run(job, stop.signal);
    await clock.settle();
    const [during] = runner.running();
    stop.abort();
    await run;

    expect(during?.progress.activity).toBe('waiting 30.0s before another try: S3 answered 503');
  });
});
