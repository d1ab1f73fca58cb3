import { mkdir, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { silentLog } from '../../../src/core/log.ts';
import { ProgramMissing } from '../../../src/core/run-process.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import type { BackupMethod } from '../../../src/jobs/backup/method.ts';
import { entriesOf } from '../../../src/jobs/catalog.ts';
import { keptPrefix } from '../../../src/jobs/kept-folders.ts';
import { lineageSamples } from '../../../src/jobs/lineage-samples.ts';
import type { Sandbox } from '../../../src/jobs/sandbox/sandbox.ts';
import { parseSchedule } from '../../../src/jobs/schedule.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { type VerifyJobOptions, verifyJob } from '../../../src/jobs/verify-job.ts';
import { StoreError } from '../../../src/storage/object-store.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { sampleLineage, storeBackup } from '../../support/sample-backup.ts';

const minutes = 60_000;
const night = (date: number) => ({ at: `2026-03-0${date}T02:00:00Z` });

const unused = (): never => {
  throw new Error('the restore must not begin');
};
const method: BackupMethod = { format: 'postgres-dump/1', take: unused, restore: unused, measure: unused };

const emptySandbox: Sandbox = {
  description: 'empty',
  major: 15,
  access: {
    connection: { host: '127.0.0.1', port: 1, user: 'postgres', database: 'shop' },
  } as PostgresAccess,
  ownership: 'restore',
  notes: [],
  usedBytes: async () => 0,
  [Symbol.asyncDispose]: async () => undefined,
};

/** A job whose sandbox always fails in the same way, hangs until the proof is ended, or is there at once. */
function setUp(store: MemoryStore, sandbox: 'no_program' | 'hangs' | 'opens', given: Partial<VerifyJobOptions> = {}) {
  const clock = new ManualClock('2026-03-01T00:00:00Z');
  const catalog = new StoreCatalog('local', store, clock);
  const stop = new AbortController();
  const context = { clock, log: silentLog, signal: stop.signal, onProgress: () => undefined };
  const tried: string[] = [];
  const job = verifyJob({
    lineage: sampleLineage,
    store,
    catalog,
    method,
    async openSandbox({ id }, { signal }) {
      tried.push(`${id.slice(0, 8)} at ${clock.now().toISOString().slice(5, 16)}`);
      if (sandbox === 'no_program') throw new ProgramMissing('initdb of PostgreSQL 15 or newer is needed');
      if (sandbox === 'opens') return emptySandbox;
      await clock.sleep(48 * 60 * minutes, signal);
      return unused();
    },
    assertions: [],
    zstdProgram: undefined,
    ageProgram: undefined,
    identities: [],
    policy: {
      schedule: undefined,
      share: 1,
      backupSchedule: parseSchedule('0 2 * * *', 'UTC'),
      perRun: 2,
      tries: 3,
      retryAfterMs: 15 * minutes,
    },
    timeoutMs: 30 * minutes,
    ...given,
  });
  const run = async () => {
    catalog.forget('payments');
    return await job.run(context).then(
      () => 'proven',
      (error: Error) => error.message,
    );
  };
  /** Runs it as often as it is due before `end`, each time at the instant at which it is. */
  const runUntil = async (end: string) => {
    const [newest] = await entries();
    const finishedAt = newest?.manifest.finishedAt ?? '';
    if (new Date(finishedAt) > clock.now()) clock.setWallClock(finishedAt);
    for (;;) {
      catalog.forget('payments');
      const dueAt = await job.dueAt(context);
      if (dueAt === undefined || dueAt >= new Date(end)) return;
      clock.setWallClock(dueAt.toISOString());
      await run();
    }
  };
  const entries = async () => {
    catalog.forget('payments');
    return entriesOf(await catalog.read('payments', new AbortController().signal), sampleLineage);
  };
  const page = async () => {
    const view = { lineage: sampleLineage, entries: await entries(), lastAttemptAt: undefined, missingCopies: 0 };
    return lineageSamples(view, clock.now());
  };
  return { clock, job, stop, tried, run, runUntil, entries, page };
}

test('what could not be tried is tried again with growing pauses; report and metrics say why and how often', async () => {
  const store = new MemoryStore();
  storeBackup(store, night(2));

  const { tried, runUntil, entries, page } = setUp(store, 'no_program');
  await runUntil('2026-03-09T00:00:00Z');

  expect(tried).toEqual(['20260302 at 03-02T02:00', '20260302 at 03-02T02:15', '20260302 at 03-02T02:45']);
  const [entry] = await entries();
  expect(entry?.proofs.map(({ verdict, obstacle, attempt }) => [verdict, obstacle, attempt])).toEqual([
    ['inconclusive', 'program', 3],
    ['inconclusive', 'program', 2],
    ['inconclusive', 'program', 1],
  ]);
  const told = (await page()).filter(({ metric }) => metric.name.startsWith('watchkeeper_proof_last'));
  expect(told.find(({ metric }) => metric.name.endsWith('_tries'))?.value).toBe(3);
  const obstacles = told.filter(({ metric }) => metric.name.endsWith('_obstacle'));
  expect(obstacles.filter(({ value }) => value === 1)).toHaveLength(1);
  expect(JSON.stringify(obstacles.find(({ value }) => value === 1))).toContain('program');
});

test('before a proof, what a restore kept and nobody went on with for a day is removed', async () => {
  await using spool = await makeWorkDirectory({ prefix: 'watchkeeper-test-verify-' });
  const store = new MemoryStore();
  storeBackup(store, night(2));
  const { clock, run, tried } = setUp(store, 'no_program', { spoolDirectory: spool.path });
  clock.setWallClock('2026-03-02T12:00:00Z');
  for (const [name, usedAt] of Object.entries({ old: '2026-03-01T11:59:00Z', fresh: '2026-03-01T12:01:00Z' })) {
    const folder = join(spool.path, `${keptPrefix}${name}`);
    await mkdir(folder);
    await utimes(folder, new Date(usedAt), new Date(usedAt));
  }

  await run();

  expect(tried).toHaveLength(1);
  expect(await readdir(spool.path)).toEqual([`${keptPrefix}fresh`]);
});

test('the next backup goes before what could not be tried', async () => {
  const store = new MemoryStore();
  storeBackup(store, night(2));

  const { tried, runUntil } = setUp(store, 'no_program');
  await runUntil('2026-03-02T02:30:00Z');
  storeBackup(store, { at: '2026-03-03T02:00:00Z' });
  await runUntil('2026-03-03T02:30:00Z');

  expect(tried).toEqual([
    '20260302 at 03-02T02:00',
    '20260302 at 03-02T02:15',
    '20260303 at 03-03T02:00',
    '20260302 at 03-03T02:00',
    '20260303 at 03-03T02:15',
    '20260302 at 03-03T02:15',
  ]);
});

test('a proof whose time is over has its report, with a verdict that says nothing about the backup', async () => {
  const store = new MemoryStore();
  storeBackup(store, night(2));
  const { clock, tried, run, entries } = setUp(store, 'hangs');

  const running = run();
  await vi.waitFor(() => expect(tried).toHaveLength(1));
  await clock.advance(31 * minutes);

  expect(await running).toMatch(/is unproven \(time\): the proof took longer than 1800000 ms$/);
  const [entry] = await entries();
  expect(entry?.proofs).toMatchObject([{ verdict: 'inconclusive', obstacle: 'time', attempt: 1 }]);
});

test('a proof that is cancelled has no report', async () => {
  const store = new MemoryStore();
  storeBackup(store, night(2));
  const { stop, tried, run, entries } = setUp(store, 'hangs');

  const running = run();
  await vi.waitFor(() => expect(tried).toHaveLength(1));
  stop.abort(new Error('the process is stopping'));

  expect(await running).toBe('the process is stopping');
  expect((await entries())[0]?.proofs).toEqual([]);
});

test('an old backup is pinned while it is read, the newest is not', async () => {
  const store = new MemoryStore();
  storeBackup(store, night(2));
  storeBackup(store, night(3));
  const pins: string[] = [];
  const put = store.put.bind(store);
  store.put = async (key, ...rest) => {
    if (key.includes('in-use-')) pins.push(key);
    return await put(key, ...rest);
  };

  const { tried, runUntil } = setUp(store, 'no_program');
  await runUntil('2026-03-03T02:01:00Z');

  expect(tried.map((one) => one.slice(0, 8))).toEqual(['20260303', '20260302']);
  expect(pins).toHaveLength(1);
  expect(pins[0]).toContain('20260302');
});

describe('a store that goes away in the middle of a proof', () => {
  const reportsIn = (store: MemoryStore) =>
    [...store.objects.keys()].filter((key) => key.includes('verified-') || key.startsWith('.proofs/'));

  test.each(['unavailable', 'denied', 'misconfigured'] as const)(
    'is no verdict (%s): no report, and the same proof stays due, to be tried as often as what has one',
    async (kind) => {
      const store = new MemoryStore();
      storeBackup(store, night(2));
      const before = [...store.objects.keys()];
      const get = store.get.bind(store);
      store.get = async (key, ...rest) => {
        if (key.includes('database.dump')) throw new StoreError(kind, 'the store went away');
        return get(key, ...rest);
      };

      const { run, job, clock } = setUp(store, 'opens');
      clock.setWallClock('2026-03-02T02:10:00Z');
      const message = await run();

      expect(message).toContain('the store went away');
      expect([...store.objects.keys()]).toEqual(before);
      expect(await job.dueAt({ clock, log: silentLog, signal: new AbortController().signal })).toEqual(
        new Date('2026-03-02T02:00:10Z'),
      );
      expect(job.tryAgain).toEqual({ tries: 3, afterMs: 15 * minutes });
    },
  );

  test('is not taken for a damaged backup when the whole of it is gone at once, as in a folder that is no longer mounted', async () => {
    const store = new MemoryStore();
    storeBackup(store, night(2));
    const get = store.get.bind(store);
    store.get = async (key, ...rest) => {
      if (key.includes('database.dump')) store.objects.clear();
      return get(key, ...rest);
    };

    const { run } = setUp(store, 'opens');
    const message = await run();

    expect(message).toContain('is gone as well: the store, or the backup as a whole');
    expect(reportsIn(store)).toEqual([]);
  });

  test('a part alone that is missing is a bad backup', async () => {
    const store = new MemoryStore();
    storeBackup(store, night(2));
    const part = [...store.objects.keys()].find((key) => key.includes('database.dump')) ?? '';
    store.objects.delete(part);

    const { run, entries } = setUp(store, 'opens');
    await run();

    expect((await entries())[0]?.proofs).toMatchObject([{ verdict: 'failed', cause: 'damaged' }]);
  });
});
