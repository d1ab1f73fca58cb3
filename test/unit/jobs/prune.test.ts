import { describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/core/log.ts';
import type { WorkContext } from '../../../src/core/work-context.ts';
import { isProven } from '../../../src/jobs/catalog.ts';
import { JobFailed } from '../../../src/jobs/job.ts';
import { type PruneJobOptions, pruneJob } from '../../../src/jobs/prune.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { StoreError } from '../../../src/storage/object-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { sampleId, sampleLineage, storeAttempt, storeBackup } from '../../support/sample-backup.ts';

const night = (date: number) => ({ at: `2026-03-0${date}T02:00:00Z` });

function setUp(rules: Partial<PruneJobOptions> = {}, now = '2026-03-05T09:00:00Z') {
  const clock = new ManualClock(now);
  const store = new MemoryStore(() => clock.now());
  const catalog = new StoreCatalog('local', store, clock);
  const options = {
    lineage: sampleLineage,
    store,
    catalog,
    policy: { last: 2 },
    leftoverGraceMs: 24 * 3_600_000,
    ...rules,
  };
  const context = { clock, log: silentLog, signal: new AbortController().signal, onProgress: () => undefined };
  const look = () => {
    catalog.forget('payments');
    return catalog.read('payments', context.signal);
  };
  return { clock, store, catalog, context, look, job: pruneJob(options) };
}

describe('pruning a lineage', () => {
  test('removes what retention does not keep, whole', async () => {
    const { store, context, job } = setUp();
    for (const date of [1, 2, 3, 4]) storeBackup(store, night(date));

    const result = await job.run(context);

    expect(result.fields).toMatchObject({ deleted: 2, kept: 2, leftovers: 0 });
    expect([...store.objects.keys()].sort()).toEqual([
      'payments/20260303T020000Z-nightly-payments_db-00000a/database.dump.zst',
      'payments/20260303T020000Z-nightly-payments_db-00000a/manifest.json',
      'payments/20260303T020000Z-nightly-payments_db-00000a/started.json',
      'payments/20260304T020000Z-nightly-payments_db-00000a/database.dump.zst',
      'payments/20260304T020000Z-nightly-payments_db-00000a/manifest.json',
      'payments/20260304T020000Z-nightly-payments_db-00000a/started.json',
    ]);
  });

  test('keeps a backup that was never tried when all that came after it have failed', async () => {
    const { store, context, job, look } = setUp();
    for (const date of [1, 2]) storeBackup(store, night(date));
    for (const date of [3, 4]) storeBackup(store, { ...night(date), verdict: 'failed' });

    await job.run(context);

    const kept = (await look()).entries.map(({ manifest }) => manifest.id);
    expect(kept).toEqual([sampleId(night(4)), sampleId(night(3)), sampleId(night(2))]);
  });

  test('keeps the newest proven backup', async () => {
    const { store, context, job, look } = setUp();
    storeBackup(store, { ...night(1), verdict: 'proven' });
    for (const date of [2, 3, 4]) storeBackup(store, { ...night(date), verdict: 'failed' });

    await job.run(context);

    const kept = (await look()).entries.map(({ manifest }) => manifest.id);
    expect(kept).toEqual([sampleId(night(4)), sampleId(night(3)), sampleId(night(1))]);
  });

  test.each([
    ['lost a part', undefined],
    ['has a part cut short', Buffer.alloc(10)],
  ])('a backup of which the store %s pushes out none that is whole, proven once or not', async (_what, left) => {
    const { store, context, job, look } = setUp();
    for (const date of [1, 2]) storeBackup(store, night(date));
    for (const date of [3, 4]) {
      storeBackup(store, { ...night(date), verdict: 'proven' });
      const key = `payments/${sampleId(night(date))}/database.dump.zst`;
      if (left === undefined) store.objects.delete(key);
      else store.objects.set(key, { bytes: left, modifiedAt: new Date(0) });
    }
    storeBackup(store, { at: '2026-02-28T02:00:00Z' });

    await job.run(context);

    const { entries } = await look();
    expect(entries.map((entry) => [entry.manifest.id, entry.missingParts, isProven(entry)])).toEqual([
      [sampleId(night(4)), ['database.dump.zst'], false],
      [sampleId(night(3)), ['database.dump.zst'], false],
      [sampleId(night(2)), [], false],
      [sampleId(night(1)), [], false],
    ]);
  });

  test('touches no other lineage of the target', async () => {
    const { store, context, job, look } = setUp({ policy: { last: 1 } });
    const other = { ...sampleLineage, database: 'auth_db' };
    storeBackup(store, { ...night(1), lineage: other });
    storeAttempt(store, { ...night(2), lineage: other });
    storeBackup(store, night(3));

    await job.run(context);

    const contents = await look();
    expect(contents.entries).toHaveLength(2);
    expect(contents.attempts).toHaveLength(1);
  });

  test('never removes a backup whose manifest cannot be read', async () => {
    const { store, context, job, look } = setUp({ policy: { last: 1 } });
    for (const date of [1, 2, 3]) storeBackup(store, night(date));
    const key = `payments/${sampleId(night(1))}/manifest.json`;
    store.objects.set(key, { bytes: Buffer.from('{'), modifiedAt: new Date('2026-03-01T02:00:00Z') });

    await job.run(context);

    expect((await look()).unreadable.map(({ backupId }) => backupId)).toEqual([sampleId(night(1))]);
    expect(store.objects.has(key)).toBe(true);
  });

  test('removes the remains of an unfinished backup once they are old, even where nothing is configured to be kept', async () => {
    const { store, context, job, look } = setUp({ policy: undefined });
    storeAttempt(store, night(1));
    storeAttempt(store, { at: '2026-03-05T08:00:00Z' });
    storeBackup(store, night(4));

    const result = await job.run(context);

    const contents = await look();
    expect(result.fields).toMatchObject({ deleted: 0, kept: 1, leftovers: 1, bytes: expect.any(Number) });
    expect(contents.attempts.map(({ backupId }) => backupId)).toEqual([sampleId({ at: '2026-03-05T08:00:00Z' })]);
    expect(contents.entries).toHaveLength(1);
  });

  test('removes remains without a start marker only when their name is one of ours', async () => {
    const { store, context, job } = setUp();
    const modifiedAt = new Date('2026-03-01T02:00:00Z');
    store.objects.set('payments/20260301T020000Z-nightly-payments_db-0f3a9c/x', {
      bytes: Buffer.from('x'),
      modifiedAt,
    });
    store.objects.set('payments/20260301T020000Z-nightly-by-hand/x', { bytes: Buffer.from('x'), modifiedAt });

    await job.run(context);

    expect([...store.objects.keys()]).toEqual(['payments/20260301T020000Z-nightly-by-hand/x']);
  });

  test('an interrupted removal leaves no backup, and the next run removes the rest', async () => {
    const { store, context, job, look } = setUp({ policy: { last: 1 } });
    for (const date of [1, 2]) storeBackup(store, night(date));
    const interrupted = deletingBy(store, {
      delete: async (key: string, signal: AbortSignal) => {
        if (key.endsWith('database.dump.zst')) throw new StoreError('unavailable', 'connection reset');
        await store.delete(key, signal);
      },
    });
    const failing = pruneJob({ ...setUpOptions(store, look), policy: { last: 1 }, store: interrupted });

    const failure = await failing.run(context).catch((error) => error);
    const between = await look();
    const result = await job.run(context);

    expect(failure).toBeInstanceOf(JobFailed);
    expect(failure).toMatchObject({
      reason: 'store',
      transient: true,
      message: `1 of 1 not removed, the first of them ${sampleId(night(1))}`,
    });
    expect(between.entries.map(({ manifest }) => manifest.id)).toEqual([sampleId(night(2))]);
    expect(result.fields).toMatchObject({ deleted: 0, leftovers: 1 });
    expect((await look()).attempts).toEqual([]);
  });

  test('a store that only claims to delete is found out', async () => {
    const { store, context, look } = setUp();
    for (const date of [1, 2, 3]) storeBackup(store, night(date));
    const lying = deletingBy(store, { delete: async () => undefined });

    const run = pruneJob({ ...setUpOptions(store, look), store: lying }).run(context);

    await expect(run).rejects.toMatchObject({
      reason: 'store',
      cause: { message: expect.stringContaining('still lists payments/20260301T020000Z') },
    });
  });

  test('what a guard rail holds back stays, and the run fails with the reason', async () => {
    const { store, context, job, look } = setUp({ policy: { last: 1 } });
    for (const date of [1, 2, 3, 4]) {
      storeBackup(store, night(date));
      storeBackup(store, { at: `2026-03-0${date}T14:00:00Z` });
    }

    const run = job.run(context);

    await expect(run).rejects.toMatchObject({ reason: 'refused', transient: false });
    expect((await look()).entries).toHaveLength(8);
  });

  test('what is locked stays whole, is told and is no failure; the rest goes', async () => {
    const { store, context, look } = setUp();
    // The report of the first one was written later and is locked for longer.
    for (const date of [1, 2, 3, 4]) storeBackup(store, { ...night(date), verdict: 'proven' });
    const until = new Date('2026-12-24T00:00:00Z');
    const locking = {
      list: (prefix: string, signal: AbortSignal) => store.list(prefix, signal),
      delete: (key: string, signal: AbortSignal) => store.delete(key, signal),
      get: store.get.bind(store),
      put: store.put.bind(store),
      async head(key: string, signal: AbortSignal) {
        const found = await store.head(key, signal);
        const isLocked = key.includes(sampleId(night(1))) && key.includes('verified-');
        return found === undefined || !isLocked ? found : { ...found, lock: { until } };
      },
    };
    const job = pruneJob(
      setUpOptions(locking, (target, signal) => new StoreCatalog('local', store, context.clock).read(target, signal)),
    );

    const result = await job.run(context);

    expect(result.fields).toMatchObject({ deleted: 1, locked: 1, lockedUntil: '2026-12-24T00:00:00.000Z' });
    expect((await look()).entries.map(({ manifest }) => manifest.id)).toEqual(
      [4, 3, 1].map((date) => sampleId(night(date))),
    );
    expect((await look()).attempts).toEqual([]);
  });

  test('a listing that lacks the manifest of a finished backup has nothing removed', async () => {
    const { store, context, job, catalog } = setUp();
    for (const date of [1, 2, 3, 4]) storeBackup(store, night(date));
    const manifest = `payments/${sampleId(night(2))}/manifest.json`;
    const before = [...store.objects.keys()];
    const partial = pruneJob(
      setUpOptions(
        store,
        listingBy(store, context, (key) => key !== manifest),
      ),
    );

    const run = partial.run(context);

    await expect(run).rejects.toMatchObject({
      reason: 'store',
      transient: true,
      message: expect.stringContaining(`lacks the manifest of ${sampleId(night(2))}, which is there`),
    });
    expect([...store.objects.keys()]).toEqual(before);
    catalog.forget('payments');
    expect((await job.run(context)).fields).toMatchObject({ deleted: 2, leftovers: 0 });
  });

  test.each([
    ['the newest backup', 4],
    ['the newest proven backup', 1],
  ])('a listing that still shows %s, which is gone, has nothing removed', async (_what, date) => {
    const { store, context } = setUp();
    storeBackup(store, { ...night(1), verdict: 'proven' });
    for (const other of [2, 3, 4]) storeBackup(store, night(other));
    const late = new StoreCatalog('local', store, context.clock);
    await late.read('payments', context.signal);
    store.objects.delete(`payments/${sampleId(night(date))}/manifest.json`);
    const before = [...store.objects.keys()];

    const run = pruneJob(setUpOptions(store, late.read.bind(late))).run(context);

    await expect(run).rejects.toMatchObject({
      reason: 'store',
      message: expect.stringContaining(`shows the manifest of ${sampleId(night(date))}, which is not there`),
    });
    expect([...store.objects.keys()]).toEqual(before);
  });

  test('a listing that still shows the newest backup that has not failed, which is gone, has nothing removed', async () => {
    const { store, context } = setUp();
    for (const date of [1, 2]) storeBackup(store, night(date));
    for (const date of [3, 4]) storeBackup(store, { ...night(date), verdict: 'failed' });
    const late = new StoreCatalog('local', store, context.clock);
    await late.read('payments', context.signal);
    store.objects.delete(`payments/${sampleId(night(2))}/manifest.json`);

    const run = pruneJob(setUpOptions(store, late.read.bind(late))).run(context);

    await expect(run).rejects.toThrow(`shows the manifest of ${sampleId(night(2))}, which is not there`);
    expect(store.objects.has(`payments/${sampleId(night(1))}/manifest.json`)).toBe(true);
  });

  test('a backup under way is not swept where the store gives no dates', async () => {
    const { store, context, job, clock } = setUp();
    storeAttempt(store, { at: '2026-03-05T08:00:00Z' });
    for (const [key, { bytes }] of store.objects) store.objects.set(key, { bytes, modifiedAt: new Date(0) });

    const early = await job.run(context);
    await clock.advance(24 * 3_600_000);
    const late = await setUpJob(store, clock).run(context);

    expect(early.fields).toMatchObject({ leftovers: 0 });
    expect(late.fields).toMatchObject({ leftovers: 1 });
  });

  test('remains whose start marker is dated in the future do not stay for that', async () => {
    const { store, context, job } = setUp();
    storeAttempt(store, { at: '2027-01-01T00:00:00Z' });
    for (const [key, { bytes }] of store.objects) {
      store.objects.set(key, { bytes, modifiedAt: new Date('2026-03-01T00:00:00Z') });
    }

    expect((await job.run(context)).fields).toMatchObject({ leftovers: 1 });
  });

  test('ends when it is cancelled, between two removals', async () => {
    const { store, context, job, look } = setUp({ policy: { last: 1 } });
    for (const date of [1, 2, 3]) storeBackup(store, night(date));
    const cancel = new AbortController();

    const run = job.run({ ...context, signal: cancel.signal, onProgress: () => cancel.abort(new Error('stopping')) });

    await expect(run).rejects.toThrow('stopping');
    expect((await look()).entries).toHaveLength(3);
  });
});

/** Reads a catalog whose listings leave out what is not wanted. */
function listingBy(
  store: MemoryStore,
  { clock }: Pick<WorkContext, 'clock'>,
  isListed: (key: string) => boolean,
): StoreCatalog['read'] {
  const partial = {
    get: store.get.bind(store),
    async *list(prefix: string, signal: AbortSignal) {
      for await (const object of store.list(prefix, signal)) if (isListed(object.key)) yield object;
    },
  };
  return (target, signal) => new StoreCatalog('local', partial, clock).read(target, signal);
}

function setUpJob(store: MemoryStore, clock: ManualClock) {
  return pruneJob(
    setUpOptions(store, (target, signal) => new StoreCatalog('local', store, clock).read(target, signal)),
  );
}

function deletingBy(store: MemoryStore, own: Pick<MemoryStore, 'delete'>): PruneJobOptions['store'] {
  return {
    list: (prefix, signal) => store.list(prefix, signal),
    head: (key, signal) => store.head(key, signal),
    get: (key, signal) => store.get(key, signal),
    put: (key, body, signal) => store.put(key, body, signal),
    ...own,
  };
}

function setUpOptions(store: PruneJobOptions['store'], read: StoreCatalog['read']): PruneJobOptions {
  return {
    lineage: sampleLineage,
    store,
    catalog: { storeName: 'local', read },
    policy: { last: 2 },
    leftoverGraceMs: 24 * 3_600_000,
  };
}

describe('pruning is due', () => {
  test('never, while there is nothing to remove', async () => {
    const { store, context, job } = setUp();
    for (const date of [3, 4]) storeBackup(store, night(date));

    expect(await job.dueAt(context)).toBeUndefined();
  });

  test('since the newest backup was finished, when it made an older one superfluous', async () => {
    const { store, context, job } = setUp();
    for (const date of [2, 3, 4]) storeBackup(store, night(date));

    expect(await job.dueAt(context)).toEqual(new Date('2026-03-04T02:00:10Z'));
  });

  test('since the proof that made an older proof superfluous', async () => {
    const { store, context, job } = setUp({ policy: { last: 1 } });
    storeBackup(store, { ...night(3), verdict: 'proven' });
    storeBackup(store, { ...night(4), verdict: 'proven' });

    expect(await job.dueAt(context)).toEqual(new Date('2026-03-04T02:01:09Z'));
  });

  test('when the remains of an unfinished backup will be old enough', async () => {
    const { store, context, job } = setUp();
    storeAttempt(store, { at: '2026-03-05T08:00:00Z' });

    expect(await job.dueAt(context)).toEqual(new Date('2026-03-06T08:00:09Z'));
  });

  test('again after the next backup, when something could not be removed', async () => {
    const { store, catalog, context, job } = setUp();
    storeAttempt(store, night(1));
    storeBackup(store, night(3));

    const before = await job.dueAt(context);
    storeBackup(store, night(4));
    catalog.forget('payments');
    const after = await job.dueAt(context);

    expect(before).toEqual(new Date('2026-03-03T02:00:10Z'));
    expect(after).toEqual(new Date('2026-03-04T02:00:10Z'));
  });
});
