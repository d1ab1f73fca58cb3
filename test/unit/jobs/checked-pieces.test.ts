import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { checkedPieces } from '../../../src/jobs/checked-pieces.ts';
import type { Part } from '../../../src/jobs/manifest.ts';
import { PieceHashes } from '../../../src/jobs/pieces.ts';
import { type ByteRange, type ObjectStore, StoreError } from '../../../src/storage/object-store.ts';

const bytes = Buffer.from('0123456789abcdefghij+++');

const ofOneSize: Part = {
  name: 'database.dump.zst',
  sizeBytes: bytes.length,
  sha256: hash(bytes),
  chunkBytes: 10,
  chunks: PieceHashes.of([hash(bytes.subarray(0, 10)), hash(bytes.subarray(10, 20)), hash(bytes.subarray(20))]),
  compression: 'zstd',
  content: { sizeBytes: 100 },
};

function hash(of: Buffer): string {
  return createHash('sha256').update(of).digest('hex');
}

type Reading = (good: Buffer) => Buffer;

/** What each reading in turn makes of the bytes that are there; the last one stays. */
function storeThat(...readings: readonly Reading[]) {
  const asked: (ByteRange | undefined)[] = [];
  const store: Pick<ObjectStore, 'get'> = {
    async get(_key, _signal, range) {
      const reading = readings[Math.min(asked.length, readings.length - 1)]!;
      asked.push(range);
      const given = reading(range === undefined ? bytes : bytes.subarray(range.first, range.last + 1));
      return Readable.from([...given].map((byte) => Buffer.from([byte])));
    },
  };
  return { store, asked };
}

async function read(store: Pick<ObjectStore, 'get'>, part = ofOneSize) {
  const rereads: string[] = [];
  const out: Buffer[] = [];
  const pieces = checkedPieces(
    { store, key: 'shop/1/database.dump.zst', part },
    { signal: AbortSignal.timeout(5_000), onBytes: () => undefined, onReread: (what) => rereads.push(what) },
  );
  const failure = await (async () => {
    for await (const piece of pieces) out.push(piece);
    return undefined;
  })().catch((error: unknown) => errorMessage(error));
  return { given: Buffer.concat(out).toString(), rereads, failure };
}

const right: Reading = (good) => good;
const flipped =
  (at: number): Reading =>
  (good) =>
    Buffer.from(good.map((byte, index) => (index === at ? byte ^ 1 : byte)));
const cut =
  (length: number): Reading =>
  (good) =>
    good.subarray(0, length);

test('what is right is read once', async () => {
  const { store, asked } = storeThat(right);

  const result = await read(store);

  expect(result).toEqual({ given: bytes.toString(), rereads: [], failure: undefined });
  expect(asked).toEqual([undefined]);
});

test('a bit that changed on its way is read again from its piece on', async () => {
  const { store, asked } = storeThat(flipped(13), right);

  const result = await read(store);

  expect(result).toEqual({
    given: bytes.toString(),
    rereads: ['part database.dump.zst is damaged: bytes 10 to 19 are not what was stored'],
    failure: undefined,
  });
  expect(asked).toEqual([undefined, { first: 10, last: 22 }]);
});

test('a bit that is wrong at the second reading too is damage, and nothing of its piece is given', async () => {
  const { store, asked } = storeThat(flipped(13), flipped(3));

  const result = await read(store);

  expect(result.failure).toBe('part database.dump.zst is damaged: bytes 10 to 19 are not what was stored');
  expect(result.given).toBe('0123456789');
  expect(asked).toHaveLength(2);
});

test('each piece has a second chance of its own', async () => {
  const { store } = storeThat(flipped(0), flipped(10), flipped(12), right);

  const result = await read(store);

  expect(result.failure).toBeUndefined();
  expect(result.given).toBe(bytes.toString());
  expect(result.rereads.map((what) => /bytes .* are/.exec(what)?.[0])).toEqual([
    'bytes 0 to 9 are',
    'bytes 10 to 19 are',
    'bytes 20 to 22 are',
  ]);
});

test('an answer that ends early is continued where it ended', async () => {
  const { store, asked } = storeThat(cut(20), right);

  const result = await read(store);

  expect(result.given).toBe(bytes.toString());
  expect(result.rereads).toEqual(['part database.dump.zst ends after 20 of 23 bytes, 3 are missing']);
  expect(asked[1]).toEqual({ first: 20, last: 22 });
});

test('a store that refuses the bytes behind the end confirms that they are missing', async () => {
  const { store } = storeThat(cut(20));
  const strict: Pick<ObjectStore, 'get'> = {
    async get(key, signal, range) {
      if (range !== undefined) throw new StoreError('misconfigured', 'InvalidRange');
      return store.get(key, signal);
    },
  };

  const result = await read(strict);

  expect(result.failure).toBe('part database.dump.zst ends after 20 of 23 bytes, 3 are missing');
});

test('a store that is away at the second reading is no verdict', async () => {
  const { store } = storeThat(flipped(1));
  const leaving: Pick<ObjectStore, 'get'> = {
    get: (() => {
      let calls = 0;
      return async (key: string, signal: AbortSignal) => {
        if (calls++ > 0) throw new StoreError('unavailable', 'HTTP 503');
        return store.get(key, signal);
      };
    })(),
  };

  const result = await read(leaving);

  expect(result.failure).toBe('HTTP 503');
});

test('bytes in excess are damage at once', async () => {
  const { store, asked } = storeThat((good) => Buffer.concat([good, Buffer.from('x')]));

  const result = await read(store);

  expect(result.failure).toBe('part database.dump.zst is longer than the 23 bytes of the manifest');
  expect(asked).toHaveLength(1);
});

/** Of 2, 2, 4, 4, 5, 5 and, what is left, 1 bytes. */
const grown: Part = {
  ...ofOneSize,
  chunkBytes: 2,
  chunkGrowth: { every: 2, mostBytes: 5 },
  chunks: PieceHashes.of(
    [0, 2, 4, 8, 12, 17, 22].map((first, index, firsts) => hash(bytes.subarray(first, firsts[index + 1]))),
  ),
};

test('pieces that grow are checked each by its own size, also when one is read again', async () => {
  const { store, asked } = storeThat(flipped(13), right);

  const { given, rereads, failure } = await read(store, grown);

  expect({ given, failure }).toEqual({ given: bytes.toString(), failure: undefined });
  expect(rereads).toEqual(['part database.dump.zst is damaged: bytes 12 to 16 are not what was stored']);
  expect(asked).toEqual([undefined, { first: 12, last: 22 }]);
});

test('of pieces that grow, one that is cut short is told by its place', async () => {
  const { store } = storeThat(cut(10), (good) => good.subarray(0, 0));

  const { given, failure } = await read(store, grown);

  expect(given).toBe('01234567');
  expect(failure).toContain('ends after 8 of 23 bytes');
});
