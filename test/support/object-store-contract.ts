import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type ObjectStore, readWhole, StoreError } from '../../src/storage/object-store.ts';

const signal = new AbortController().signal;

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, signal)) keys.push(key);
  return keys;
}

/** What every store must do; `open` gives an empty one for each test. */
export function describeObjectStore(name: string, open: () => Promise<ObjectStore>): void {
  describe(`the store ${name}`, () => {
    test('gives back what was put, with its size', async () => {
      await using store = await open();

      const stored = await store.put('a/b/object.json', Buffer.from('hello'), signal);

      expect(stored.sizeBytes).toBe(5);
      expect((await readWhole(store, 'a/b/object.json', signal)).toString()).toBe('hello');
      expect((await store.head('a/b/object.json', signal))?.sizeBytes).toBe(5);
    });

    test('keeps a stream of several parts byte by byte', async () => {
      await using store = await open();
      const chunks = Array.from({ length: 21 }, () => randomBytes(2 ** 20));
      const expected = createHash('sha256').update(Buffer.concat(chunks)).digest('hex');

      const stored = await store.put('a/large', Readable.from(chunks), signal);

      const hash = createHash('sha256');
      for await (const chunk of await store.get('a/large', signal)) hash.update(chunk as Buffer);
      expect(stored.sizeBytes).toBe(21 * 2 ** 20);
      expect(hash.digest('hex')).toBe(expected);
    });

    test('keeps an empty object', async () => {
      await using store = await open();

      await store.put('a/empty', Readable.from([]), signal);

      expect((await readWhole(store, 'a/empty', signal)).length).toBe(0);
    });

    test('gives a range of bytes, both ends included', async () => {
      await using store = await open();
      await store.put('a/range', Buffer.from('0123456789'), signal);

      const chunks: Buffer[] = [];
      for await (const chunk of await store.get('a/range', signal, { first: 2, last: 4 })) chunks.push(chunk as Buffer);

      expect(Buffer.concat(chunks).toString()).toBe('234');
    });

    test('gives what there is of a range that goes beyond the end', async () => {
      await using store = await open();
      await store.put('a/range', Buffer.from('0123456789'), signal);

      const chunks: Buffer[] = [];
      for await (const chunk of await store.get('a/range', signal, { first: 8, last: 99 }))
        chunks.push(chunk as Buffer);

      expect(Buffer.concat(chunks).toString()).toBe('89');
    });

    test('a read that is aborted half-way rejects with the reason', async () => {
      await using store = await open();
      await store.put('a/large', Buffer.alloc(12 * 2 ** 20), signal);
      const stop = new AbortController();
      const reason = new Error('the deadline passed');

      const reading = (async () => {
        for await (const _chunk of await store.get('a/large', stop.signal)) stop.abort(reason);
      })();

      await expect(reading).rejects.toBe(reason);
    });

    test('a signal that fired already stops every call with its reason', async () => {
      await using store = await open();
      await store.put('a/b', Buffer.from('x'), signal);
      const reason = new Error('stopped by SIGTERM');
      const fired = AbortSignal.abort(reason);
      const listing = async () => {
        for await (const object of store.list('', fired)) return object;
        return undefined;
      };

      const calls = [
        store.put('a/c', Buffer.from('x'), fired),
        store.get('a/b', fired),
        store.head('a/b', fired),
        listing(),
        store.delete('a/b', fired),
        store.putIfAbsent('a/d', Buffer.from('x'), fired),
      ];

      for (const outcome of await Promise.allSettled(calls)) {
        expect(outcome).toEqual({ status: 'rejected', reason });
      }
      expect(await keysOf(store, '')).toEqual(['a/b']);
    });

    test('says when it took an object', async () => {
      await using store = await open();
      const earliestMs = Date.now() - 5_000;

      const stored = await store.put('a/b', Buffer.from('x'), signal);

      expect(stored.modifiedAt.getTime()).toBeGreaterThan(earliestMs);
      expect(stored.modifiedAt.getTime()).toBeLessThan(Date.now() + 5_000);
      expect((await store.head('a/b', signal))?.modifiedAt).toEqual(stored.modifiedAt);
    });

    test('never overwrites, neither by a buffer nor by a stream', async () => {
      await using store = await open();
      await store.put('a/once', Buffer.from('first'), signal);

      const buffer = store.put('a/once', Buffer.from('second'), signal);
      await expect(buffer).rejects.toMatchObject({ kind: 'exists' });
      const stream = store.put('a/once', Readable.from([Buffer.from('third')]), signal);
      await expect(stream).rejects.toMatchObject({ kind: 'exists' });

      expect((await readWhole(store, 'a/once', signal)).toString()).toBe('first');
    });

    test('a body that fails half-way stores nothing and keeps its own words', async () => {
      await using store = await open();
      const body = Readable.from(
        (async function* () {
          yield randomBytes(9 * 2 ** 20);
          yield randomBytes(9 * 2 ** 20);
          throw new Error('pg_dump exited with code 1');
        })(),
      );

      await expect(store.put('a/broken', body, signal)).rejects.toThrow('pg_dump exited with code 1');

      expect(await keysOf(store, '')).toEqual([]);
    });

    test('an aborted put stores nothing and rejects with the reason', async () => {
      await using store = await open();
      const stop = new AbortController();
      const reason = new Error('stopped by SIGTERM');
      const body = Readable.from(
        (async function* () {
          yield randomBytes(9 * 2 ** 20);
          stop.abort(reason);
          yield randomBytes(9 * 2 ** 20);
        })(),
      );

      await expect(store.put('a/aborted', body, stop.signal)).rejects.toBe(reason);

      expect(await keysOf(store, '')).toEqual([]);
    });

    test('lists by prefix in the order of keys', async () => {
      await using store = await open();
      for (const key of ['b/2', 'a/2', 'a/10', 'a/1', 'ab/1']) await store.put(key, Buffer.from(key), signal);

      expect(await keysOf(store, 'a/')).toEqual(['a/1', 'a/10', 'a/2']);
      expect(await keysOf(store, 'a')).toEqual(['a/1', 'a/10', 'a/2', 'ab/1']);
      expect(await keysOf(store, 'c/')).toEqual([]);
    });

    test('a missing object is undefined to head and an error of kind missing to get', async () => {
      await using store = await open();

      expect(await store.head('a/nothing', signal)).toBeUndefined();
      await expect(readWhole(store, 'a/nothing', signal)).rejects.toMatchObject({ kind: 'missing' });
    });

    test('deletes, and deletes again without complaint', async () => {
      await using store = await open();
      await store.put('a/gone', Buffer.from('x'), signal);

      await store.delete('a/gone', signal);
      await store.delete('a/gone', signal);

      expect(await store.head('a/gone', signal)).toBeUndefined();
      expect(await keysOf(store, '')).toEqual([]);
    });

    test('of several writers of one lease exactly one wins', async () => {
      await using store = await open();

      const wins = await Promise.all(
        Array.from({ length: 8 }, (_, writer) => store.putIfAbsent('.leases/x/1', Buffer.from(`${writer}`), signal)),
      );

      expect(wins.filter((won) => won)).toHaveLength(1);
      expect((await readWhole(store, '.leases/x/1', signal)).toString()).toBe(String(wins.indexOf(true)));
    });
  });
}

/** For stores that keep keys as paths. */
export function describeKeyRules(name: string, open: () => Promise<ObjectStore>): void {
  test.each(['../outside', 'a/../../b', '/absolute', 'a//b', 'a/b c', '', 'a/.'])(
    `the store ${name} refuses the key "%s"`,
    async (key) => {
      await using store = await open();

      const refused = await store.put(key, Buffer.from('x'), signal).catch((error: unknown) => error);

      expect(refused).toBeInstanceOf(StoreError);
      expect(refused).toMatchObject({ kind: 'misconfigured' });
    },
  );

  test.each(['../', 'a/../', '/', 'a b'])(`the store ${name} lists nothing below "%s"`, async (prefix) => {
    await using store = await open();

    await expect(keysOf(store, prefix)).rejects.toMatchObject({ kind: 'misconfigured' });
  });
}
