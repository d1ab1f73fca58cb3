import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/core/log.ts';
import { backupKey, manifestName } from '../../../src/jobs/backup-keys.ts';
import { isProven } from '../../../src/jobs/catalog.ts';
import { checkChain } from '../../../src/jobs/check-chain.ts';
import { type CopyJobOptions, copyJob } from '../../../src/jobs/copy-job.ts';
import { writeReport } from '../../../src/jobs/proof-chain.ts';
import { pruneJob } from '../../../src/jobs/prune.ts';
import { planRetention, retentionEntries } from '../../../src/jobs/retention.ts';
import { marksPrefix, pinName, putMark } from '../../../src/jobs/retention-marks.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { type ObjectStore, passingOn, StoreError } from '../../../src/storage/object-store.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { sampleId, sampleLineage, sampleManifest, sampleProof, storeBackup } from '../../support/sample-backup.ts';

const night = (date: number) => ({ at: `2026-03-0${date}T02:00:00Z` });
const partName = 'database.dump.zst';
const keyOf = (date: number, name: string) => backupKey('payments', sampleId(night(date)), name);

/** A backup whose part really has the hash that the manifest names. */
function storeReal(store: MemoryStore, date: number, verdict?: 'proven'): Buffer {
  const content = createHash('sha512').update(`content of ${date}`).digest();
  const bytes = Buffer.concat(Array.from({ length: 40_000 }, () => content));
  storeBackup(store, { ...night(date), ...(verdict && { verdict }) });
  const manifest = sampleManifest(night(date));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const parts = manifest.parts.map((part) => ({ ...part, sizeBytes: bytes.length, sha256, chunkBytes: 2 ** 20 }));
  const replace = (name: string, content: Buffer) => {
    store.objects.get(keyOf(date, name))!.bytes = content;
  };
  replace(partName, bytes);
  replace(manifestName, Buffer.from(JSON.stringify({ ...manifest, parts })));
  return bytes;
}

function setUp(
  given: { policy?: CopyJobOptions['rules']['policy']; sources?: ObjectStore[]; into?: ObjectStore } = {},
) {
  const clock = new ManualClock('2026-03-05T09:03:00Z');
  const [a, b] = [new MemoryStore(() => clock.now()), new MemoryStore(() => clock.now())];
  const place = (name: string, store: ObjectStore) => ({ name, store, catalog: new StoreCatalog(name, store, clock) });
  const destination = place('b', given.into ?? b);
  const sources = (given.sources ?? [a]).map((store, index) => place(`source ${index}`, store));
  let busy = false;
  const job = copyJob({
    lineage: { ...sampleLineage, store: 'b' },
    destination,
    sources,
    rules: { policy: given.policy, timezone: 'UTC' },
    exclusively: async () => (busy ? undefined : { async [Symbol.asyncDispose]() {} }),
    deadlineMs: 60_000,
  });
  const context = { clock, log: silentLog, signal: new AbortController().signal, onProgress: () => undefined };
  const forget = () => {
    for (const { catalog } of [destination, ...sources]) catalog.forget('payments');
  };
  return { clock, a, b, job, context, forget, setBusy: (value: boolean) => (busy = value) };
}

describe('a copy', () => {
  test('is the same byte for byte, except for reports: it is proven by itself', async () => {
    const { a, b, job, context } = setUp();
    for (const date of [2, 3]) storeReal(a, date, 'proven');

    const result = await job.run(context);

    expect(result.fields).toEqual({ copied: 2, waiting: 0, bytes: 2 * 2_560_000 });
    const expected = [...a.objects].filter(([key]) => !key.includes('verified-'));
    expect([...b.objects].map(([key, { bytes }]) => [key, bytes]).sort()).toEqual(
      expected.map(([key, { bytes }]) => [key, bytes]).sort(),
    );
    expect([...b.objects.keys()].at(-1)).toContain(manifestName);
  });

  test('of a damaged backup is refused: nothing of it is stored, and the reason is told', async () => {
    const { a, b, job, context } = setUp();
    const bytes = storeReal(a, 3);
    bytes[1_000_000]! ^= 1;

    await expect(job.run(context)).rejects.toMatchObject({
      reason: 'damaged',
      message: expect.stringContaining('SHA-256'),
    });

    expect([...b.objects.keys()]).toEqual([]);
  });

  test('is made from another store when the first one is damaged or away', async () => {
    const [damaged, good] = [new MemoryStore(), new MemoryStore()];
    storeReal(damaged, 3)[5] = 99;
    const bytes = storeReal(good, 3);
    const { b, job, context } = setUp({ sources: [damaged, good] });

    const result = await job.run(context);

    expect(result.fields).toMatchObject({ copied: 1 });
    expect(b.objects.get(keyOf(3, partName))?.bytes).toEqual(bytes);
  });

  test('uses what an earlier attempt left when it is right, and replaces it when it is not', async () => {
    const { a, b, job, context } = setUp();
    const right = storeReal(a, 2);
    const wrong = storeReal(a, 3);
    b.objects.set(keyOf(2, partName), { bytes: right, modifiedAt: new Date(0) });
    b.objects.set(keyOf(3, partName), { bytes: Buffer.from('half'), modifiedAt: new Date(0) });

    await job.run(context);

    expect(b.objects.get(keyOf(2, partName))?.modifiedAt).toEqual(new Date(0));
    expect(b.objects.get(keyOf(3, partName))?.bytes).toEqual(wrong);
  });

  test('one failure at each call of the destination fails cleanly, and the next run completes it', async () => {
    const count = async () => {
      const clean = setUp();
      const counting = faultyStore(clean.b, -1, 'unavailable');
      const { a, job, context } = setUp({ into: counting.store });
      storeReal(a, 3);
      await job.run(context);
      return counting.calls.length;
    };

    const calls = await count();
    for (let at = 0; at < calls; at++) {
      const inner = new MemoryStore();
      const { a, job, context, forget } = setUp({ into: faultyStore(inner, at, 'unavailable').store });
      const bytes = storeReal(a, 3);
      await job.run(context).catch(() => undefined);
      const lies = inner.objects.has(keyOf(3, manifestName)) && !inner.objects.has(keyOf(3, partName));
      forget();
      await job.run(context);

      expect({ at, lies, bytes: inner.objects.get(keyOf(3, partName))?.bytes.equals(bytes) }).toEqual({
        at,
        lies: false,
        bytes: true,
      });
      expect(inner.objects.has(keyOf(3, manifestName))).toBe(true);
    }
    expect(calls).toBeGreaterThan(4);
  });
});

describe('copying is due', () => {
  test('never, while nothing is missing', async () => {
    const { a, b, job, context } = setUp();
    for (const store of [a, b]) storeReal(store, 3);

    expect(await job.dueAt(context)).toBeUndefined();
  });

  test('as soon as a backup is missing, and every ten minutes after a failure', async () => {
    const { clock, a, job, context, forget } = setUp();
    storeReal(a, 3);

    const first = await job.dueAt(context);
    await clock.advance(10 * 60_000);
    forget();
    const later = await job.dueAt(context);

    expect(first).toEqual(new Date('2026-03-05T09:00:00Z'));
    expect(later).toEqual(new Date('2026-03-05T09:10:00Z'));
  });

  test('not for what retention deleted here and has not deleted there', async () => {
    const { a, b, job, context } = setUp({ policy: { last: 2 } });
    for (const date of [1, 2, 3, 4]) storeReal(a, date, 'proven');
    for (const date of [3, 4]) storeReal(b, date, 'proven');

    expect(await job.dueAt(context)).toBeUndefined();
  });

  test('for what retention would keep here, newest first', async () => {
    const { a, b, job, context } = setUp({ policy: { last: 2 } });
    for (const date of [1, 2, 3, 4]) storeReal(a, date);

    await job.run(context);

    const manifests = [...b.objects.keys()].filter((key) => key.endsWith(manifestName));
    expect(manifests).toEqual([keyOf(4, manifestName), keyOf(3, manifestName)]);
  });

  test('a backup under way has precedence: what is missing waits', async () => {
    const { a, b, job, context, setBusy } = setUp();
    storeReal(a, 3);
    setBusy(true);

    const result = await job.run(context);

    expect(result.fields).toEqual({ copied: 0, waiting: 1, bytes: 0 });
    expect(b.objects.size).toBe(0);
  });

  test('it is not known when every other store is away, nor when the own one is', async () => {
    const none = faultyStore(new MemoryStore(), 0, 'unavailable');
    const own = faultyStore(new MemoryStore(), 0, 'unavailable');

    await expect(setUp({ sources: [none.store] }).job.dueAt(setUp().context)).rejects.toThrow('HTTP 503');
    await expect(setUp({ into: own.store }).job.dueAt(setUp().context)).rejects.toThrow('HTTP 503');
  });
});

describe('a backup that lost a part', () => {
  test.each([
    ['is gone', undefined],
    ['was cut short', Buffer.from('half')],
  ])('has it copied again where the part %s, and is proven again by its report', async (_what, left) => {
    const { a, b, job, context, forget, clock } = setUp();
    for (const store of [a, b]) for (const date of [2, 3]) storeReal(store, date, 'proven');
    if (left === undefined) b.objects.delete(keyOf(2, partName));
    else b.objects.get(keyOf(2, partName))!.bytes = left;
    const look = () => new StoreCatalog('b', b, clock).read('payments', context.signal);
    const provenBefore = (await look()).entries.map(isProven);

    const dueAt = await job.dueAt(context);
    const result = await job.run(context);
    forget();

    expect(dueAt).toBeDefined();
    expect(result.fields).toEqual({ copied: 1, waiting: 0, bytes: 2_560_000 });
    expect(b.objects.get(keyOf(2, partName))?.bytes).toEqual(a.objects.get(keyOf(2, partName))?.bytes);
    expect(provenBefore).toEqual([true, false]);
    expect((await look()).entries.map(isProven)).toEqual([true, true]);
    expect(await job.dueAt(context)).toBeUndefined();
  });

  test('is no source of copies', async () => {
    const [broken, good] = [new MemoryStore(), new MemoryStore()];
    for (const store of [broken, good]) storeReal(store, 3);
    broken.objects.delete(keyOf(3, partName));
    const both = setUp({ sources: [broken, good] });
    const alone = setUp({ sources: [broken] });

    const result = await both.job.run(both.context);

    expect(result.fields).toMatchObject({ copied: 1 });
    expect(await alone.job.dueAt(alone.context)).toBeUndefined();
  });

  test('keeps what it has when the copy of its part fails, and when the other store has another backup of its name', async () => {
    const damaged = setUp();
    for (const store of [damaged.a, damaged.b]) storeReal(store, 2);
    damaged.a.objects.get(keyOf(2, partName))!.bytes[5] = 99;
    damaged.b.objects.delete(keyOf(2, partName));
    const other = setUp();
    for (const store of [other.a, other.b]) storeReal(store, 2);
    other.b.objects.delete(keyOf(2, partName));
    const manifest = other.b.objects.get(keyOf(2, manifestName))!;
    manifest.bytes = Buffer.from(manifest.bytes.toString().replace('"15.20"', '"15.19"'));

    await expect(damaged.job.run(damaged.context)).rejects.toThrow('is not what its manifest says');
    await expect(other.job.run(other.context)).rejects.toThrow('the store to copy from has another');

    for (const { b } of [damaged, other]) {
      expect([...b.objects.keys()].sort()).toEqual([keyOf(2, manifestName), keyOf(2, 'started.json')]);
    }
  });
});

describe('a pin', () => {
  const pin = {
    format: 'watchkeeper-pin/1',
    target: 'payments',
    backupId: sampleId(night(2)),
    pinnedAt: '2026-03-04T00:00:00.000Z',
    reason: 'before the migration',
  } as const;
  const keyOfPin = `${marksPrefix('payments', sampleId(night(2)))}${pinName}`;
  const pinIn = (store: MemoryStore) => {
    const bytes = store.objects.get(keyOfPin)?.bytes;
    return bytes && JSON.parse(bytes.toString());
  };
  const setPin = (store: MemoryStore, given: { readonly until?: string; readonly reason?: string } = {}) =>
    putMark(store, pinName, { ...pin, ...given }, new AbortController().signal);

  test('goes with the copy, with its reason and its end; that of a reader does not', async () => {
    const { a, b, job, context } = setUp();
    storeReal(a, 2);
    await setPin(a, { until: '2026-06-01T00:00:00.000Z' });
    await putMark(a, 'in-use-0a.json', { ...pin, until: '2026-03-05T09:10:00.000Z' }, context.signal);

    await job.run(context);

    expect(pinIn(b)).toEqual({ ...pin, until: '2026-06-01T00:00:00.000Z' });
    expect([...b.objects.keys()].filter((key) => key.startsWith('.retention/'))).toEqual([keyOfPin]);
    const keys = [...b.objects.keys()];
    expect(keys.indexOf(keyOfPin)).toBeLessThan(keys.indexOf(keyOf(2, manifestName)));
  });

  test('that is over is not taken over, one that cannot be read is', async () => {
    const over = setUp();
    storeReal(over.a, 2);
    await setPin(over.a, { until: '2026-03-05T09:02:59.000Z' });
    const damaged = setUp();
    storeReal(damaged.a, 2);
    await damaged.a.put(keyOfPin, Buffer.from('{'), damaged.context.signal);

    await over.job.run(over.context);
    await damaged.job.run(damaged.context);

    expect(pinIn(over.b)).toBeUndefined();
    expect(pinIn(damaged.b)).toMatchObject({ reason: 'its pin cannot be read', backupId: sampleId(night(2)) });
  });

  test('makes a copy of a backup that the policy would not keep, which retention then keeps', async () => {
    const policy = { last: 1 };
    const { a, b, job, context, forget, clock } = setUp({ policy });
    for (const date of [2, 3, 4]) storeReal(a, date);
    const unpinned = await job.run(context);
    await setPin(a);
    forget();

    const dueAt = await job.dueAt(context);
    const result = await job.run(context);
    forget();
    const again = await job.dueAt(context);

    expect(unpinned.fields).toMatchObject({ copied: 1 });
    expect(dueAt).toBeDefined();
    expect(result.fields).toMatchObject({ copied: 1 });
    expect(again).toBeUndefined();
    const { entries } = await new StoreCatalog('b', b, clock).read('payments', context.signal);
    const { decisions } = planRetention(retentionEntries(entries), policy, clock.now());
    expect(decisions.map(({ id, action }) => [id, action])).toEqual([
      [sampleId(night(4)), 'keep'],
      [sampleId(night(2)), 'keep'],
    ]);
  });

  test('of a store that is not copied from counts, too: the first one may have been away when it was set', async () => {
    const [first, second] = [new MemoryStore(), new MemoryStore()];
    const { b, job, context } = setUp({ policy: { last: 1 }, sources: [first, second] });
    for (const store of [first, second]) for (const date of [2, 4]) storeReal(store, date);
    await setPin(second);

    await job.run(context);

    expect(pinIn(b)).toEqual(pin);
  });

  test.each(['pinned', 'unpinned'] as const)('of a backup that is %s while it is copied is seen', async (change) => {
    const into = new MemoryStore();
    const a = new MemoryStore();
    const destination = passingOn(into);
    const put: ObjectStore['put'] = async (key, body, signal) => {
      // Between the look for a pin and the moment in which others can see the copy.
      if (key.endsWith(manifestName)) await (change === 'pinned' ? setPin(a) : a.delete(keyOfPin, signal));
      return into.put(key, body, signal);
    };
    const { job, context } = setUp({ sources: [a], into: { ...destination, put } });
    storeReal(a, 2);
    if (change === 'unpinned') await setPin(a);

    await job.run(context);

    expect(pinIn(into)).toEqual(change === 'pinned' ? pin : undefined);
    expect([...into.objects.keys()]).toContain(keyOf(2, manifestName));
  });

  test('brings back a backup that was proven here and deleted: its former report is not missing', async () => {
    const policy = { last: 1 };
    const { a, b, job, context, forget, clock } = setUp({ policy });
    const bLineage = { ...sampleLineage, store: 'b' };
    for (const store of [a, b]) for (const date of [2, 4]) storeReal(store, date);
    for (const date of [4, 2]) await writeReport(b, { ...sampleProof(night(date)), manifestSha256: null }, context);
    const catalog = new StoreCatalog('b', b, clock);
    const pruning = pruneJob({ lineage: bLineage, store: b, catalog, policy, leftoverGraceMs: 3_600_000 });
    for (let round = 0; round < 2; round++) {
      catalog.forget('payments');
      await pruning.run(context);
    }
    const pruned = [...b.objects.keys()].filter((key) => key.startsWith(keyOf(2, '')));
    await setPin(a);
    forget();

    const result = await job.run(context);

    expect(pruned).toEqual([]);
    expect(result.fields).toMatchObject({ copied: 1 });
    expect(await checkChain(b, 'payments', context.signal)).toMatchObject({ reports: 2, backups: 2, problems: [] });
  });

  test.each([
    { what: 'pinned', before: undefined, after: { reason: 'set by hand' } },
    { what: 'pinned anew', before: {}, after: { reason: 'set by hand' } },
    { what: 'unpinned', before: {}, after: undefined },
  ])('of a copy that is $what as soon as it is there is left as it is', async ({ before, after }) => {
    const [a, into] = [new MemoryStore(), new MemoryStore()];
    const put: ObjectStore['put'] = async (key, body, signal) => {
      const stored = await into.put(key, body, signal);
      // Who finds the copy at once comes to this store first, and has not come to the other one yet.
      if (!key.endsWith(manifestName)) return stored;
      if (after === undefined) await into.delete(keyOfPin, signal);
      else await setPin(into, after);
      return stored;
    };
    const { job, context } = setUp({ sources: [a], into: { ...passingOn(into), put } });
    storeReal(a, 2);
    if (before !== undefined) await setPin(a, before);

    await job.run(context);

    expect(pinIn(into)).toEqual(after && { ...pin, ...after });
  });

  test.each([
    { what: 'taken away', other: undefined },
    { what: 'replaced by that of another store', other: { reason: 'another' } },
  ])('is not $what while the store that has it cannot be asked', async ({ other }) => {
    const [pinned, second, into] = [new MemoryStore(), new MemoryStore(), new MemoryStore()];
    let isAway = false;
    const get: ObjectStore['get'] = async (key, signal, range) => {
      if (isAway) throw new StoreError('unavailable', 'it is away');
      return pinned.get(key, signal, range);
    };
    const put: ObjectStore['put'] = async (key, body, signal) => {
      isAway ||= key.endsWith(manifestName);
      return into.put(key, body, signal);
    };
    const sources = [{ ...passingOn(pinned), get }, second];
    const { job, context } = setUp({ sources, into: { ...passingOn(into), put } });
    for (const store of [pinned, second]) storeReal(store, 2);
    await setPin(pinned);
    if (other !== undefined) await setPin(second, other);

    await job.run(context);

    expect({ isAway, pin: pinIn(into) }).toEqual({ isAway: true, pin });
  });

  test('that is over in one store does not hide one that counts in another', async () => {
    const [first, second] = [new MemoryStore(), new MemoryStore()];
    const { b, job, context } = setUp({ policy: { last: 1 }, sources: [first, second] });
    for (const store of [first, second]) for (const date of [2, 4]) storeReal(store, date);
    await setPin(first, { until: '2026-03-05T09:02:59.000Z' });
    await setPin(second);

    const result = await job.run(context);

    expect(result.fields).toMatchObject({ copied: 2 });
    expect(pinIn(b)).toEqual(pin);
  });

  test('leaves with a copy that fails', async () => {
    const into = new MemoryStore();
    const a = new MemoryStore();
    const put: ObjectStore['put'] = async (key, body, signal) => {
      if (key.endsWith(manifestName)) throw new StoreError('full', 'no space');
      return into.put(key, body, signal);
    };
    const { job, context } = setUp({ sources: [a], into: { ...passingOn(into), put } });
    storeReal(a, 2);
    await setPin(a);

    await expect(job.run(context)).rejects.toThrow('no space');

    expect(pinIn(into)).toBeUndefined();
  });
});

describe('a copy that fails', () => {
  const failing = (into: MemoryStore): ObjectStore => ({
    ...passingOn(into),
    put: async (key, body, signal) => {
      if (key.endsWith(manifestName)) throw new StoreError('full', 'no space');
      return into.put(key, body, signal);
    },
  });

  test('leaves what an earlier attempt had left, and the marker that says whose it is', async () => {
    const [a, into] = [new MemoryStore(), new MemoryStore()];
    const { job, context } = setUp({ sources: [a], into: failing(into) });
    storeReal(a, 2);
    for (const name of ['started.json', partName]) {
      into.objects.set(keyOf(2, name), { ...a.objects.get(keyOf(2, name))! });
    }

    await expect(job.run(context)).rejects.toThrow('no space');

    expect([...into.objects.keys()].sort()).toEqual([keyOf(2, partName), keyOf(2, 'started.json')]);
  });

  test('touches nothing when another process has taken its lock over, who may have finished the same copy', async () => {
    const [a, into] = [new MemoryStore(), new MemoryStore()];
    const { job, context } = setUp({ sources: [a], into });
    storeReal(a, 2);
    const confirmLock = async () => {
      // The other one wrote the manifest over the parts that it found.
      into.objects.set(keyOf(2, manifestName), { ...a.objects.get(keyOf(2, manifestName))! });
      throw new Error('the lease is another one’s');
    };

    await expect(job.run({ ...context, confirmLock })).rejects.toThrow('another one’s');

    expect([...into.objects.keys()].sort()).toEqual(
      [manifestName, partName, 'started.json'].map((name) => keyOf(2, name)).sort(),
    );
  });
});
