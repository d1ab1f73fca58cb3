import { describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/core/log.ts';
import { holdBackup } from '../../../src/jobs/hold-backup.ts';
import { type PruneJobOptions, pruneJob } from '../../../src/jobs/prune.ts';
import { marksPrefix, type Pin, pinName, putMark, tombstoneName } from '../../../src/jobs/retention-marks.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { StoreError } from '../../../src/storage/object-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { sampleId, sampleLineage, sampleManifest, storeAttempt, storeBackup } from '../../support/sample-backup.ts';

const dayMs = 86_400_000;
const night = (date: number) => ({ at: `2026-03-0${date}T02:00:00Z` });
const signal = new AbortController().signal;

function setUp(rules: Partial<PruneJobOptions> = {}) {
  const clock = new ManualClock('2026-03-04T09:00:00Z');
  const store = new MemoryStore(() => clock.now());
  const catalog = new StoreCatalog('local', store, clock);
  const context = { clock, log: silentLog, signal, onProgress: () => undefined };
  const look = () => {
    catalog.forget('payments');
    return catalog.read('payments', signal);
  };
  const jobWith = (more: Partial<PruneJobOptions> = {}) =>
    pruneJob({
      lineage: sampleLineage,
      store,
      catalog,
      policy: { last: 2 },
      leftoverGraceMs: dayMs,
      graceMs: dayMs,
      ...rules,
      ...more,
    });
  const run = async (more: Partial<PruneJobOptions> = {}) => {
    catalog.forget('payments');
    return (await jobWith(more).run(context)).fields;
  };
  const due = async () => {
    await look();
    return jobWith().dueAt(context);
  };
  const ids = async () => (await look()).entries.map(({ manifest }) => manifest.id);
  for (const date of [1, 2, 3]) storeBackup(store, night(date));
  return { clock, store, catalog, context, look, run, due, ids };
}

function jobOf(store: MemoryStore, clock: ManualClock) {
  const catalog = new StoreCatalog('local', store, clock);
  const rules = { policy: { last: 2 }, leftoverGraceMs: dayMs, graceMs: dayMs };
  return pruneJob({ lineage: sampleLineage, store, catalog, ...rules });
}

function pin(changes: Partial<Pin> = {}): Pin {
  return {
    format: 'watchkeeper-pin/1',
    target: 'payments',
    backupId: sampleId(night(1)),
    pinnedAt: '2026-03-04T09:00:00Z',
    reason: '',
    ...changes,
  };
}

describe('what retention no longer keeps', () => {
  test('is marked first, deleted after the grace, and leaves nothing', async () => {
    const { clock, run, ids, store, due } = setUp();

    const dueBefore = await due();
    const first = await run();
    const marked = await ids();
    const dueAfter = await due();
    await clock.advance(dayMs - 1);
    const early = await run();
    await clock.advance(1);
    const ripe = await run();

    expect(dueBefore).toEqual(new Date('2026-03-03T02:00:10Z'));
    expect(first).toMatchObject({ marked: 1, deleted: 0 });
    expect(marked).toHaveLength(3);
    expect(dueAfter).toEqual(new Date('2026-03-05T09:00:00Z'));
    expect(early).toMatchObject({ marked: 0, deleted: 0 });
    expect(ripe).toMatchObject({ marked: 0, deleted: 1 });
    expect(await ids()).toEqual([sampleId(night(3)), sampleId(night(2))]);
    expect([...store.objects.keys()].filter((key) => key.startsWith('.retention/'))).toEqual([]);
    expect(await due()).toBeUndefined();
  });

  test('is kept again when the policy becomes more generous in time', async () => {
    const { run, look, due, clock } = setUp();
    await run();

    const spared = await run({ policy: { last: 3 } });
    await clock.advance(2 * dayMs);
    const later = await run({ policy: { last: 3 } });

    expect(spared).toMatchObject({ spared: 1, deleted: 0 });
    expect(later).toMatchObject({ marked: 0, deleted: 0 });
    expect((await look()).entries.map(({ marks }) => marks.tombstone)).toEqual([undefined, undefined, undefined]);
    expect(await due()).toEqual(new Date('2026-03-03T02:00:10Z'));
  });

  test('is kept again when no policy is left', async () => {
    const { run } = setUp();
    await run();

    expect(await run({ policy: undefined })).toMatchObject({ spared: 1, deleted: 0 });
  });

  test('is marked anew when its tombstone cannot be read, and not deleted', async () => {
    const { clock, run, look, store } = setUp();
    await run();
    const key = `${marksPrefix('payments', sampleId(night(1)))}${tombstoneName}`;
    store.objects.set(key, { bytes: Buffer.from('{"mark'), modifiedAt: new Date(0) });
    await clock.advance(3 * dayMs);

    const result = await run();

    expect(result).toMatchObject({ marked: 1, deleted: 0 });
    expect((await look()).entries.at(-1)?.marks.tombstone?.markedAt).toBe('2026-03-07T09:00:00.000Z');
  });

  test('is not deleted by a run whose lock was lost', async () => {
    const { clock, store, catalog, context, run, ids } = setUp();
    await run();
    await clock.advance(2 * dayMs);
    catalog.forget('payments');
    const job = pruneJob({
      lineage: sampleLineage,
      store,
      catalog,
      policy: { last: 2 },
      leftoverGraceMs: dayMs,
      graceMs: dayMs,
    });

    const lost = job.run({
      ...context,
      confirmLock: async () => {
        throw new Error('another process took it over');
      },
    });

    await expect(lost).rejects.toThrow('1 of 1 not removed');
    expect(await ids()).toHaveLength(3);
  });
});

describe('a mark without its backup', () => {
  test('stays as long as the backup is there, although a listing lacks it', async () => {
    const { clock, store, context, run } = setUp();
    await putMark(store, pinName, pin(), signal);
    await clock.advance(2 * dayMs);
    const partial = {
      get: store.get.bind(store),
      async *list(prefix: string) {
        for await (const object of store.list(prefix, signal)) {
          if (!object.key.startsWith(`payments/${sampleId(night(1))}/`)) yield object;
        }
      },
    };
    const catalog = new StoreCatalog('local', partial, context.clock);

    const swept = run({ catalog, sweepBeside: [sampleLineage] });

    await expect(swept).rejects.toMatchObject({
      reason: 'store',
      message: expect.stringContaining(`lacks the manifest of ${sampleId(night(1))}`),
    });
    expect(store.objects.has(`${marksPrefix('payments', sampleId(night(1)))}${pinName}`)).toBe(true);
  });
});

describe('a pin', () => {
  test('that is set after the plan was made keeps its backup, and lets the others go', async () => {
    const { clock, store, context, ids, run } = setUp();
    storeBackup(store, { at: '2026-02-28T02:00:00Z' });
    await run();
    await clock.advance(2 * dayMs);
    const pinning = {
      ...context,
      // Of two that go the older one is removed last: somebody begins to restore it meanwhile.
      onProgress: ({ activity }: { readonly activity: string }) => {
        if (!activity.endsWith(sampleId(night(1)))) return;
        const bytes = Buffer.from(JSON.stringify(pin({ until: '2026-03-06T10:00:00Z' })));
        const key = `${marksPrefix('payments', sampleId(night(1)))}in-use-0123456789ab.json`;
        store.objects.set(key, { bytes, modifiedAt: clock.now() });
      },
    };

    const result = await jobOf(store, clock).run(pinning);

    expect(result.fields).toMatchObject({ deleted: 1, kept: 3 });
    expect(await ids()).toEqual([sampleId(night(3)), sampleId(night(2)), sampleId(night(1))]);
  });

  test('keeps a backup, also one that is marked, and lets it go when it is taken away', async () => {
    const { clock, store, run, ids } = setUp();
    await run();
    await putMark(store, pinName, pin({ reason: 'before the migration' }), signal);
    await clock.advance(2 * dayMs);

    const pinned = await run();
    const still = await ids();
    await store.delete(`${marksPrefix('payments', sampleId(night(1)))}${pinName}`, signal);
    const unpinned = await run();

    expect(pinned).toMatchObject({ spared: 1, deleted: 0 });
    expect(still).toHaveLength(3);
    expect(unpinned).toMatchObject({ marked: 1, deleted: 0 });
  });

  test('that cannot be read keeps the backup', async () => {
    const { clock, store, run, ids } = setUp({ graceMs: 0 });
    const key = `${marksPrefix('payments', sampleId(night(1)))}${pinName}`;
    store.objects.set(key, { bytes: Buffer.alloc(0), modifiedAt: clock.now() });

    expect(await run()).toMatchObject({ deleted: 0 });
    expect(await ids()).toHaveLength(3);
  });

  test('of a reader lasts as long as it reads, however long that is, and that of a killed one for minutes', async () => {
    const { clock, store, run, context } = setUp({ graceMs: 0 });
    const manifest = sampleManifest(night(1));
    // As a killed process leaves it: what it would still do does not reach the store.
    const killed = new AbortController();
    const store2 = {
      put: store.put.bind(store),
      delete: store.delete.bind(store),
    };
    const dead = await holdBackup(
      {
        put: (...given) => (killed.signal.aborted ? Promise.reject(killed.signal.reason) : store2.put(...given)),
        delete: (...given) => (killed.signal.aborted ? Promise.reject(killed.signal.reason) : store2.delete(...given)),
      },
      manifest,
      'a restore reads it',
      context,
    );
    const living = await holdBackup(store, manifest, 'a restore reads it', context);

    const pins = () => [...store.objects.keys()].filter((key) => key.startsWith('.retention/'));
    for (let minute = 0; minute < 24 * 60; minute++) await clock.advance(60_000);
    const during = await run();
    const whileBothRead = pins().length;
    killed.abort(new Error('killed'));
    await living[Symbol.asyncDispose]();
    const soon = await run();
    await clock.advance(15 * 60_000 + 1);
    const after = await run();
    await dead[Symbol.asyncDispose]();

    expect([during, soon, after].map(({ deleted }) => deleted)).toEqual([0, 0, 1]);
    expect(whileBothRead).toBe(2);
    expect(pins()).toEqual([]);
  });

  test('of a reader is never gone for a moment while it is renewed', async () => {
    const { clock, store, context } = setUp();
    const manifest = sampleManifest(night(1));
    const calls: string[] = [];
    const pins = () => [...store.objects.keys()].filter((key) => key.includes('/in-use-')).length;
    const watched = {
      async put(...given: Parameters<typeof store.put>) {
        const stored = await store.put(...given);
        calls.push(`put, ${pins()}`);
        return stored;
      },
      async delete(...given: Parameters<typeof store.delete>) {
        await store.delete(...given);
        calls.push(`delete, ${pins()}`);
      },
    };

    const held = await holdBackup(watched, manifest, 'a restore reads it', context);
    await clock.advance(3 * 60_000);
    await held[Symbol.asyncDispose]();

    expect(calls).toEqual(['put, 1', 'put, 2', 'delete, 1', 'delete, 0']);
  });

  test('of a reader is tried again when it could not be renewed', async () => {
    const { clock, store, context } = setUp({ graceMs: 0 });
    const manifest = sampleManifest(night(1));
    const put = store.put.bind(store);
    await using held = await holdBackup(store, manifest, 'a restore reads it', context);
    store.put = async () => {
      throw new StoreError('unavailable', 'away');
    };
    await clock.advance(3 * 60_000);
    store.put = put;
    await clock.advance(3 * 60_000);

    const [key = ''] = [...store.objects.keys()].filter((one) => one.includes('/in-use-'));
    const { until } = JSON.parse(store.objects.get(key)?.bytes.toString() ?? '{}');

    expect(held).toBeDefined();
    expect(Date.parse(until) - clock.now().getTime()).toBe(15 * 60_000);
  });

  test('that cannot be written keeps nobody from reading', async () => {
    const { store, context } = setUp();
    store.put = async () => {
      throw new StoreError('denied', 'read only');
    };

    await using held = await holdBackup(store, sampleManifest(night(1)), 'a restore reads it', context);

    expect(held).toBeDefined();
  });
});

describe('beside what is configured', () => {
  const gone = { ...sampleLineage, schedule: 'hourly' };
  const rules = { sweepBeside: [sampleLineage] };

  test('remains of schedules that are gone are swept after a week, never their finished backups', async () => {
    const { clock, store, run, look } = setUp(rules);
    storeAttempt(store, { at: '2026-03-04T01:00:00Z', lineage: gone });
    storeBackup(store, { at: '2026-03-04T03:00:00Z', lineage: gone });

    await clock.advance(6 * dayMs);
    const early = await run();
    await clock.advance(dayMs);
    const late = await run();

    expect([early['leftovers'], late['leftovers']]).toEqual([0, 1]);
    expect((await look()).entries.map(({ manifest }) => manifest.schedule)).toContain('hourly');
  });

  test('a job that is not in charge of it leaves it alone', async () => {
    const { clock, store, run } = setUp();
    storeAttempt(store, { at: '2026-03-04T01:00:00Z', lineage: gone });
    await clock.advance(30 * dayMs);

    expect(await run()).toMatchObject({ leftovers: 0 });
  });

  test('what nobody of ours began is never touched', async () => {
    const { clock, store, run } = setUp(rules);
    const key = 'payments/20260301T020000Z-by-hand/dump.sql';
    store.objects.set(key, { bytes: Buffer.from('x'), modifiedAt: new Date('2026-03-01T02:00:00Z') });
    await clock.advance(30 * dayMs);

    await run();

    expect(store.objects.has(key)).toBe(true);
  });

  test('marks whose backup is gone are swept', async () => {
    const { clock, store, run } = setUp(rules);
    await putMark(store, pinName, pin({ backupId: '20250101T020000Z-nightly-payments_db-00000a' }), signal);
    await clock.advance(dayMs);

    await run();

    expect([...store.objects.keys()].filter((key) => key.startsWith('.retention/payments/2025'))).toEqual([]);
  });
});
