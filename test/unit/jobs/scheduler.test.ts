import { describe, expect, test } from 'vitest';
import { type Job, JobFailed } from '../../../src/jobs/job.ts';
import { createRunner, type RunnerOptions } from '../../../src/jobs/runner.ts';
import { parseSchedule } from '../../../src/jobs/schedule.ts';
import { type SchedulerOptions, startScheduler } from '../../../src/jobs/scheduler.ts';
import { StoreError } from '../../../src/storage/object-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { recordingJob, scheduledJob } from '../../support/recording-job.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { sampleLineage } from '../../support/sample-backup.ts';

const nightly = parseSchedule('0 2 * * *', 'UTC');
const minutes = 60_000;
const hours = 60 * minutes;

const freeLock: RunnerOptions['acquireLock'] = async () => ({
  signal: new AbortController().signal,
  check: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
});

function setUp(
  now: string,
  jobs: readonly Job[],
  options: Partial<SchedulerOptions & Pick<RunnerOptions, 'acquireLock'>> = {},
) {
  const clock = new ManualClock(now);
  const { log, lines } = recordingLog();
  const { acquireLock = freeLock } = options;
  const runner = createRunner({ clock, log, acquireLock, retries: 0, retryDelayMs: 30_000 });
  const scheduler = startScheduler({ jobs, runner, clock, log, concurrency: 4, ...options });
  return { clock, lines, scheduler };
}

describe('a slot', () => {
  test('is served when it comes', async () => {
    const job = scheduledJob(nightly, { lastSuccessAt: '2026-03-02T02:00:00Z' });

    const { clock, scheduler } = setUp('2026-03-02T09:00:00Z', [job]);
    await clock.advance(48 * hours);
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toEqual(['2026-03-03T02:00:00Z', '2026-03-04T02:00:00Z']);
    expect(clock.sleeping).toBe(0);
  });

  test('missed while the process was down is served once after the start, not once for each', async () => {
    const job = scheduledJob(nightly, { lastSuccessAt: '2026-02-27T02:00:00Z' });

    const { clock, scheduler } = setUp('2026-03-02T09:00:00Z', [job]);
    await clock.advance(1 * hours);
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toEqual(['2026-03-02T09:00:00Z']);
  });

  test('missed while the machine was suspended is served within a minute', async () => {
    const job = scheduledJob(nightly, { lastSuccessAt: '2026-03-02T02:00:00Z' });

    const { clock, scheduler } = setUp('2026-03-02T21:00:00Z', [job]);
    await clock.advance(1 * hours);
    clock.setWallClock('2026-03-05T08:00:00Z');
    await clock.advance(1 * minutes);
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toHaveLength(1);
    expect(job.startedAt[0]).toMatch(/^2026-03-05T08:0[01]/);
  });

  test('is not served again when the clock is set back', async () => {
    const job = scheduledJob(nightly, { lastSuccessAt: '2026-03-01T02:00:00Z' });

    const { clock, scheduler } = setUp('2026-03-02T01:59:00Z', [job]);
    await clock.advance(10 * minutes);
    clock.setWallClock('2026-03-02T01:30:00Z');
    await clock.advance(2 * hours);
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toEqual(['2026-03-02T02:00:00Z']);
  });

  test('is found although the clock stood years ahead at the start', async () => {
    const job = scheduledJob(nightly, { lastSuccessAt: '2030-01-01T02:00:00Z' });

    const { clock, scheduler } = setUp('2030-01-01T09:00:00Z', [job]);
    await clock.advance(5 * minutes);
    clock.setWallClock('2026-03-02T09:00:00Z');
    await clock.advance(2 * minutes);
    const [planned] = scheduler.jobs();
    await scheduler[Symbol.asyncDispose]();

    expect(planned?.dueAt).toEqual(new Date('2026-03-03T02:00:00Z'));
  });

  test('that another process serves meanwhile is left to it', async () => {
    let doneElsewhere = false;
    const slot = new Date('2026-03-02T02:00:00Z');
    const job = recordingJob({ dueAt: async () => (doneElsewhere ? undefined : slot) });
    const acquireLock: RunnerOptions['acquireLock'] = async (...given) => {
      doneElsewhere = true;
      return freeLock(...given);
    };

    const { clock, scheduler } = setUp('2026-03-02T02:00:05Z', [job], { acquireLock });
    await clock.advance(5 * minutes);
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toEqual([]);
  });

  test('whose lock is held elsewhere is tried again until the lock is free', async () => {
    const job = recordingJob();
    let asked = 0;
    const acquireLock: RunnerOptions['acquireLock'] = async (...given) =>
      ++asked < 3 ? undefined : freeLock(...given);

    const { clock, scheduler } = setUp('2026-03-02T02:00:00Z', [job], { acquireLock });
    await clock.advance(10 * minutes);
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toEqual(['2026-03-02T02:01:00Z']);
  });
});

describe('a run that failed', () => {
  const fail = () => {
    throw new JobFailed('privilege', 'no SELECT on public.orders');
  };

  test('is not repeated before the next slot', async () => {
    const job = scheduledJob(nightly, { lastSuccessAt: '2026-03-01T02:00:00Z', run: fail });

    const { clock, scheduler } = setUp('2026-03-02T01:00:00Z', [job]);
    await clock.advance(48 * hours);
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toEqual(['2026-03-02T02:00:00Z', '2026-03-03T02:00:00Z']);
  });

  test('holds nothing else up', async () => {
    const failing = scheduledJob(nightly, { database: 'auth_db', run: fail });
    const sameKind = recordingJob({ lockName: 'other' });
    const healthy = recordingJob({ lockName: 'another' });

    const { clock, scheduler } = setUp('2026-03-02T03:00:00Z', [failing, sameKind, healthy]);
    await clock.advance(5 * minutes);
    await scheduler[Symbol.asyncDispose]();

    expect([failing, sameKind, healthy].map(({ startedAt }) => startedAt.length)).toEqual([1, 1, 1]);
  });

  test('is repeated when the configuration was replaced', async () => {
    const job = scheduledJob(nightly, { lastSuccessAt: '2026-03-01T02:00:00Z', run: fail });

    const { clock, scheduler } = setUp('2026-03-02T02:00:00Z', [job]);
    await clock.advance(30 * minutes);
    scheduler.replaceJobs([job]);
    await clock.advance(30 * minutes);
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toEqual(['2026-03-02T02:00:00Z', '2026-03-02T02:30:00Z']);
  });
});

describe('jobs that are due together', () => {
  test('run at the same time up to the limit, the longest overdue first', async () => {
    const events: string[] = [];
    const due = (database: string, at: string) => {
      let done = false;
      return recordingJob({
        database,
        events,
        takesMs: 10 * minutes,
        dueAt: async () => (done ? undefined : new Date(at)),
        run: () => {
          done = true;
          return { fields: {} };
        },
      });
    };
    const jobs = [
      due('profile_db', '2026-03-02T02:30:00Z'),
      due('auth_db', '2026-03-02T02:00:00Z'),
      due('admin_db', '2026-03-02T02:10:00Z'),
    ];

    const { clock, scheduler } = setUp('2026-03-02T03:00:00Z', jobs, { concurrency: 2 });
    await clock.advance(1 * hours);
    await scheduler[Symbol.asyncDispose]();

    expect(events).toEqual([
      'start auth_db',
      'start admin_db',
      'end auth_db',
      'start profile_db',
      'end admin_db',
      'end profile_db',
    ]);
  });

  test('of one lock name run one after the other', async () => {
    const events: string[] = [];
    const shared = { events, lockName: 'backup/payments', takesMs: 1 * minutes };
    const jobs = ['auth_db', 'admin_db'].map((database) => recordingJob({ ...shared, database }));

    const { clock, scheduler } = setUp('2026-03-02T03:00:00Z', jobs);
    await clock.advance(10 * minutes);
    await scheduler[Symbol.asyncDispose]();

    expect(events).toEqual(['start auth_db', 'end auth_db', 'start admin_db', 'end admin_db']);
  });

  test('of one lineage run one after the other', async () => {
    const events: string[] = [];
    const jobs = (['backup', 'prune'] as const).map((kind) =>
      recordingJob({ kind, events, lockName: kind, takesMs: 1 * minutes }),
    );

    const { clock, scheduler } = setUp('2026-03-02T03:00:00Z', jobs);
    await clock.advance(10 * minutes);
    await scheduler[Symbol.asyncDispose]();

    expect(events).toEqual(['start payments_db', 'end payments_db', 'start payments_db', 'end payments_db']);
  });

  test('of one database into two stores are two lineages', async () => {
    const events: string[] = [];
    const jobs = ['local', 'offsite'].map((store) =>
      recordingJob({ lineage: { ...sampleLineage, store }, lockName: store, events, takesMs: 1 * minutes }),
    );

    const { clock, scheduler } = setUp('2026-03-02T03:00:00Z', jobs);
    await clock.settle();
    const started = [...events];
    await scheduler[Symbol.asyncDispose]();

    expect(started).toEqual(['start payments_db', 'start payments_db']);
    expect(clock.sleeping).toBe(0);
  });
});

describe('a finished run', () => {
  test('makes due what follows from it at once', async () => {
    let backedUp = false;
    const backup = recordingJob({
      takesMs: 90_000,
      run: () => {
        backedUp = true;
        return { fields: {} };
      },
    });
    let proven = false;
    const proof = recordingJob({
      kind: 'verify',
      lockName: 'verify',
      dueAt: async () => (backedUp && !proven ? new Date('2026-03-02T02:01:30Z') : undefined),
      run: () => {
        proven = true;
        return { fields: {} };
      },
    });

    const { clock, scheduler } = setUp('2026-03-02T02:00:00Z', [backup, proof]);
    await clock.advance(10 * minutes);
    await scheduler[Symbol.asyncDispose]();

    expect(proof.startedAt).toEqual(['2026-03-02T02:01:30Z']);
  });

  test('outdates a look that was under way while it ended', async () => {
    let backedUp = false;
    let proven = false;
    const backup = recordingJob({
      takesMs: 63_000,
      run: () => {
        backedUp = true;
        return { fields: {} };
      },
    });
    const proof = recordingJob({
      kind: 'verify',
      lockName: 'verify',
      // Reads the store first and gives its answer two seconds later.
      dueAt: async ({ clock }) => {
        const answer = backedUp && !proven ? new Date('2026-03-02T02:01:01Z') : undefined;
        await clock.sleep(2_000);
        return answer;
      },
      run: () => {
        proven = true;
        return { fields: {} };
      },
    });

    const { clock, scheduler } = setUp('2026-03-02T02:00:00Z', [backup, proof]);
    await clock.advance(10 * minutes);
    await scheduler[Symbol.asyncDispose]();

    expect(proof.startedAt).toEqual(['2026-03-02T02:01:08Z']);
  });

  test('lets the store be looked at afresh once the next one holds its lock', async () => {
    const forgotten: string[] = [];
    const job = recordingJob();

    const { clock, scheduler } = setUp('2026-03-02T02:00:00Z', [job], {
      forgetView: ({ target }) => forgotten.push(target),
    });
    await clock.settle();
    await scheduler[Symbol.asyncDispose]();

    expect(forgotten).toEqual(['payments']);
  });
});

describe('a store that is away', () => {
  test('is asked again at growing intervals, and what was missed is made up for', async () => {
    let isAway = true;
    let asked = 0;
    const job = recordingJob({
      dueAt: async () => {
        asked++;
        if (isAway) throw new StoreError('unavailable', 'connection refused');
        return new Date('2026-03-02T02:00:00Z');
      },
    });

    const { clock, lines, scheduler } = setUp('2026-03-02T01:00:00Z', [job]);
    await clock.advance(2 * hours);
    const askedWhileAway = asked;
    const [during] = scheduler.jobs();
    isAway = false;
    await clock.advance(10 * minutes);
    const [after] = scheduler.jobs();
    await scheduler[Symbol.asyncDispose]();

    expect(askedWhileAway).toBe(17);
    expect(during).toMatchObject({ problem: 'connection refused', failedLooks: 17 });
    expect(job.startedAt).toHaveLength(1);
    expect(after?.problem).toBeUndefined();
    expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'warn due time of job is not known',
      'info due time of job is known again',
      'info job succeeded',
    ]);
  });

  test('and never answers holds up no job of another store', async () => {
    const hung = recordingJob({
      dueAt: ({ signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const healthy = recordingJob({ lineage: { ...sampleLineage, store: 'offsite' } });

    const { clock, scheduler } = setUp('2026-03-02T02:00:00Z', [hung, healthy]);
    await clock.advance(2 * minutes);
    const [first] = scheduler.jobs();
    await scheduler[Symbol.asyncDispose]();

    expect(healthy.startedAt).toEqual(['2026-03-02T02:00:00Z']);
    expect(first?.problem).toBe(
      'finding out when the backup of payments/nightly/payments_db is due took longer than 60000 ms',
    );
  });
});

describe('a new configuration', () => {
  test('lets runs under way end and takes over for all that follows', async () => {
    const events: string[] = [];
    const old = recordingJob({ database: 'auth_db', events, takesMs: 10 * minutes });
    const replacement = recordingJob({ database: 'auth_db', events });
    const added = recordingJob({ database: 'admin_db', events });

    const { clock, scheduler } = setUp('2026-03-02T02:00:00Z', [old]);
    await clock.advance(1 * minutes);
    scheduler.replaceJobs([replacement, added]);
    await clock.advance(1 * hours);
    await scheduler[Symbol.asyncDispose]();

    expect(events).toEqual([
      'start auth_db',
      'start admin_db',
      'end admin_db',
      'end auth_db',
      'start auth_db',
      'end auth_db',
    ]);
  });

  test('ends what is not in it any more', async () => {
    const job = scheduledJob(nightly, { lastSuccessAt: '2026-03-01T02:00:00Z' });

    const { clock, scheduler } = setUp('2026-03-02T01:00:00Z', [job]);
    await clock.settle();
    scheduler.replaceJobs([]);
    await clock.advance(24 * hours);
    const planned = scheduler.jobs();
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toEqual([]);
    expect(planned).toEqual([]);
  });
});

describe('stopping', () => {
  test('cancels what runs with a reason and waits for it', async () => {
    const job = recordingJob({ takesMs: 1 * hours });

    const { clock, lines, scheduler } = setUp('2026-03-02T02:00:00Z', [job]);
    await clock.advance(1 * minutes);
    await scheduler[Symbol.asyncDispose]();

    expect(job.events).toEqual(['start payments_db', 'end payments_db']);
    expect(lines).toMatchObject([{ message: 'job cancelled', fields: { error: 'the process is stopping' } }]);
    expect(clock.sleeping).toBe(0);
  });

  test('waits only so long for a run that does not end', async () => {
    const job = recordingJob({ run: () => new Promise(() => undefined) });

    const { clock, lines, scheduler } = setUp('2026-03-02T02:00:00Z', [job], { stopTimeoutMs: 5_000 });
    await clock.settle();
    const stopped = scheduler[Symbol.asyncDispose]();
    await clock.advance(5_000);
    await stopped;

    expect(lines).toEqual([
      {
        level: 'error',
        message: 'jobs did not end in time',
        fields: { jobs: ['backup payments/nightly/payments_db'], waitedMs: 5_000 },
      },
    ]);
  });

  test('starts nothing any more', async () => {
    const job = recordingJob();

    const { clock, scheduler } = setUp('2026-03-02T02:00:00Z', [job]);
    await scheduler[Symbol.asyncDispose]();
    await clock.advance(1 * hours);

    expect(job.startedAt).toEqual([]);
  });
});

test('what is planned, running and done can be looked at', async () => {
  const planned = scheduledJob(nightly, { database: 'auth_db', lastSuccessAt: '2026-03-02T02:00:00Z' });
  const running = recordingJob({ database: 'admin_db', takesMs: 1 * hours });
  const done = recordingJob({ database: 'profile_db' });

  const { clock, scheduler } = setUp('2026-03-02T09:00:00Z', [planned, running, done]);
  await clock.advance(1 * minutes);
  const jobs = scheduler.jobs();
  await scheduler[Symbol.asyncDispose]();

  expect(jobs).toMatchObject([
    { job: planned, dueAt: new Date('2026-03-03T02:00:00Z'), running: false, lastOutcome: undefined },
    { job: running, running: true },
    { job: done, dueAt: undefined, running: false, lastOutcome: { status: 'succeeded' } },
  ]);
});

test('idle is told once nothing runs and nothing is due', async () => {
  const job = recordingJob({ takesMs: 1 * minutes });
  const { clock, scheduler } = setUp('2026-03-02T02:00:00Z', [job]);
  let isIdle = false;

  const idle = scheduler.idle().then(() => {
    isIdle = true;
  });
  await clock.advance(30_000);
  const during = isIdle;
  await clock.advance(31_000);
  await idle;
  await scheduler[Symbol.asyncDispose]();

  expect(during).toBe(false);
  expect(job.events).toEqual(['start payments_db', 'end payments_db']);
});

describe('a job that says how it is tried again', () => {
  const unavailable = () => {
    throw new StoreError('unavailable', 'the store went away');
  };

  test('is tried for the same instant with pauses that double, as often as it says, and told each time', async () => {
    const job = recordingJob({ tryAgain: { tries: 3, afterMs: 15 * minutes }, run: unavailable });

    const { clock, scheduler, lines } = setUp('2026-03-02T09:00:00Z', [job]);
    await clock.advance(48 * hours);
    const [told] = scheduler.jobs();
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toEqual(['2026-03-02T09:00:00Z', '2026-03-02T09:15:00Z', '2026-03-02T09:45:00Z']);
    expect(told).toMatchObject({ dueAt: new Date('2026-03-02T02:00:00Z'), lastOutcome: { reason: 'store' } });
    const again = lines.filter(({ message }) => message === 'job is tried again');
    expect(again.map(({ fields }) => fields)).toMatchObject([
      { nextTry: 2, of: 3, inSeconds: 900 },
      { nextTry: 3, of: 3, inSeconds: 1_800 },
    ]);
  });

  test('waits no longer when something else has become due, and begins to count anew', async () => {
    let dueAt = new Date('2026-03-02T02:00:00Z');
    const job = recordingJob({
      tryAgain: { tries: 2, afterMs: 60 * minutes },
      dueAt: async () => dueAt,
      run: unavailable,
    });

    const { clock, scheduler } = setUp('2026-03-02T09:00:00Z', [job]);
    await clock.advance(9.5 * minutes);
    dueAt = new Date('2026-03-02T09:10:00Z');
    await clock.advance(48 * hours);
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toEqual(['2026-03-02T09:00:00Z', '2026-03-02T09:10:00Z', '2026-03-02T10:10:00Z']);
  });

  test('is done when a later try succeeds', async () => {
    const job = recordingJob({
      tryAgain: { tries: 5, afterMs: 1 * minutes },
      dueAt: async () => new Date('2026-03-02T02:00:00Z'),
      run: (number) => (number < 3 ? unavailable() : { fields: {} }),
    });

    const { clock, scheduler, lines } = setUp('2026-03-02T09:00:00Z', [job]);
    await clock.advance(48 * hours);
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toEqual(['2026-03-02T09:00:00Z', '2026-03-02T09:01:00Z', '2026-03-02T09:03:00Z']);
    expect(lines.filter(({ message }) => message === 'job is tried again')).toHaveLength(2);
  });

  test('says nothing of another try when what failed has left its trace in the store', async () => {
    let dueAt: Date | undefined = new Date('2026-03-02T02:00:00Z');
    const job = recordingJob({
      tryAgain: { tries: 5, afterMs: 1 * minutes },
      dueAt: async () => dueAt,
      run: () => {
        dueAt = undefined;
        throw new JobFailed('not_proven', 'it does not restore');
      },
    });

    const { clock, scheduler, lines } = setUp('2026-03-02T09:00:00Z', [job]);
    await clock.advance(48 * hours);
    await scheduler[Symbol.asyncDispose]();

    expect(job.startedAt).toHaveLength(1);
    expect(lines.filter(({ message }) => message === 'job is tried again')).toEqual([]);
  });
});
