import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/core/log.ts';
import { backupKey, manifestName } from '../../../src/jobs/backup-keys.ts';
import { type CopyJobOptions, copyJob } from '../../../src/jobs/copy-job.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { sampleId, sampleLineage, sampleManifest, storeBackup } from '../../support/sample-backup.ts';

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

    expect([...b.objects.keys()]).toEqual([keyOf(3, 'started.json')]);
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
