import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { type FanOutOptions, fanOut } from '../../../src/storage/fan-out.ts';
import { type ObjectStore, passingOn, StoreError } from '../../../src/storage/object-store.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { gatedStore } from '../../support/gated-store.ts';
import { MemoryStore } from '../../support/memory-store.ts';

const signal = new AbortController().signal;

function setUp(stores: Readonly<Record<string, ObjectStore>>, options: Partial<FanOutOptions> = {}) {
  const failed: string[] = [];
  const members = Object.entries(stores).map(([name, store]) => ({ name, store }));
  const onFailure = (name: string, error: unknown) => failed.push(`${name}: ${(error as Error).message}`);
  return { failed, store: fanOut(members, { clock: systemClock, onFailure, ...options }) };
}

function body(chunks: readonly Buffer[]): Readable {
  return Readable.from(chunks);
}

const mebibytes = (count: number) => Array.from({ length: count }, () => randomBytes(2 ** 20));

test('a stream that is read once arrives whole in every store', async () => {
  const [a, b, c] = [new MemoryStore(), new MemoryStore(), new MemoryStore()];
  const { store, failed } = setUp({ a, b, c });
  const chunks = mebibytes(20);

  const stored = await store.put('t/dump', body(chunks), signal);
  await store.put('t/manifest.json', Buffer.from('{}'), signal);

  const expected = createHash('sha256').update(Buffer.concat(chunks)).digest('hex');
  for (const memory of [a, b, c]) {
    const { bytes } = memory.objects.get('t/dump')!;
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(expected);
    expect(memory.objects.has('t/manifest.json')).toBe(true);
  }
  expect(stored.sizeBytes).toBe(20 * 2 ** 20);
  expect(failed).toEqual([]);
});

describe('one store that fails', () => {
  test.each([0, 1, 2])('at call %i gets nothing further, and the other has everything', async (at) => {
    const [good, inner] = [new MemoryStore(), new MemoryStore()];
    const bad = faultyStore(inner, at, 'unavailable');
    const { store, failed } = setUp({ bad: bad.store, good });

    await store.put('t/started.json', Buffer.from('{}'), signal);
    await store.put('t/dump', body(mebibytes(8)), signal);
    const found = await store.head('t/dump', signal);
    await store.put('t/manifest.json', Buffer.from('{}'), signal);

    expect(failed).toEqual(['bad: HTTP 503']);
    expect(found?.sizeBytes).toBe(8 * 2 ** 20);
    expect([...good.objects.keys()]).toEqual(['t/started.json', 't/dump', 't/manifest.json']);
    expect(inner.objects.has('t/manifest.json')).toBe(false);
    expect(bad.calls).toHaveLength(at + 1);
  });

  test('that keeps fewer bytes than it was sent has failed', async () => {
    const [good, inner] = [new MemoryStore(), new MemoryStore()];
    const short: ObjectStore = {
      ...passingOn(inner),
      async put(key, content, from) {
        return { ...(await inner.put(key, content, from)), sizeBytes: 5 };
      },
    };
    const { store, failed } = setUp({ short, good });

    const stored = await store.put('t/dump', body(mebibytes(1)), signal);

    expect(stored.sizeBytes).toBe(2 ** 20);
    expect(failed).toEqual(['short: t/dump: 1048576 bytes were sent, 5 are there']);
  });

  test('that loses what it took is found out when it is asked', async () => {
    const [good, forgetful] = [new MemoryStore(), new MemoryStore()];
    const { store, failed } = setUp({ forgetful, good });
    await store.put('t/dump', body(mebibytes(1)), signal);
    forgetful.objects.clear();

    const found = await store.head('t/dump', signal);

    expect(found?.sizeBytes).toBe(2 ** 20);
    expect(failed).toEqual(['forgetful: t/dump: 1048576 bytes were sent, nothing is there']);
  });

  test('that takes nothing any more does not hold up the other for ever', async () => {
    const [good, inner] = [new MemoryStore(), new MemoryStore()];
    const gate = gatedStore(inner);
    const { store, failed } = setUp({ stuck: gate.store, good }, { stallMs: 200 });

    await store.put('t/dump', body(mebibytes(12)), signal);

    expect(good.objects.get('t/dump')?.bytes.length).toBe(12 * 2 ** 20);
    expect(failed).toEqual(['stuck: the store took nothing for 0 seconds']);
    expect(inner.objects.size).toBe(0);
    gate.open();
  });
});

test('a slow store holds back the source: only a small buffer is between them', async () => {
  const [fast, slow] = [new MemoryStore(), new MemoryStore()];
  const gate = gatedStore(slow);
  const { store } = setUp({ fast, slow: gate.store });
  let readChunks = 0;
  const source = Readable.from(
    (function* () {
      for (; readChunks < 64; readChunks++) yield Buffer.alloc(2 ** 20);
    })(),
    { highWaterMark: 1 },
  );

  const put = store.put('t/dump', source, signal);
  await gate.reached;
  await new Promise((resolve) => setTimeout(resolve, 200));
  const whileHeld = readChunks;
  gate.open();
  await put;

  expect(whileHeld).toBeLessThan(12);
  expect(readChunks).toBe(64);
  expect([fast, slow].map((one) => one.objects.get('t/dump')?.bytes.length)).toEqual([64 * 2 ** 20, 64 * 2 ** 20]);
});

test('a body that fails stores nothing anywhere, keeps its words, and is no failure of a store', async () => {
  const [a, b] = [new MemoryStore(), new MemoryStore()];
  const { store, failed } = setUp({ a, b });
  const broken = Readable.from(
    (async function* () {
      yield randomBytes(2 ** 20);
      throw new Error('pg_dump exited with code 1');
    })(),
  );

  await expect(store.put('t/dump', broken, signal)).rejects.toThrow('pg_dump exited with code 1');

  expect([a.objects.size, b.objects.size]).toEqual([0, 0]);
  expect(failed).toEqual([]);
});

test('when it is stopped it rejects with the reason, and no store has failed', async () => {
  const [a, b] = [new MemoryStore(), new MemoryStore()];
  const { store, failed } = setUp({ a, b });
  const stop = new AbortController();
  const reason = new Error('stopped by SIGTERM');
  const endless = Readable.from(
    (async function* () {
      yield randomBytes(2 ** 20);
      stop.abort(reason);
      yield randomBytes(2 ** 20);
    })(),
  );

  await expect(store.put('t/dump', endless, stop.signal)).rejects.toBe(reason);

  expect([a.objects.size, b.objects.size]).toEqual([0, 0]);
  expect(failed).toEqual([]);
});

test('when every store fails each is named, and one that may come back makes another try worth it', async () => {
  const full = faultyStore(new MemoryStore(), 0, 'full').store;
  const away = faultyStore(new MemoryStore(), 0, 'unavailable').store;
  const { store } = setUp({ full, away });

  const failure = await store.put('t/dump', body(mebibytes(4)), signal).catch((error: unknown) => error);

  expect(failure).toBeInstanceOf(StoreError);
  expect(failure).toMatchObject({
    kind: 'unavailable',
    message: 'every store failed – full: no space left; away: HTTP 503',
  });
});

test('what is removed is removed from a store that failed as well', async () => {
  const [good, inner] = [new MemoryStore(), new MemoryStore()];
  const { store } = setUp({ bad: faultyStore(inner, 1, 'unavailable').store, good });
  await store.put('t/dump', body(mebibytes(1)), signal);
  await store.put('t/more', body(mebibytes(1)), signal);

  await store.delete('t/dump', signal);

  expect([...good.objects.keys()]).toEqual(['t/more']);
  expect([...inner.objects.keys()]).toEqual([]);
});
