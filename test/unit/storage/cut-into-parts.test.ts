import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import {
  contentBytes,
  cutIntoParts,
  type PartSizes,
  partBytes,
  spooledBytes,
  usualPartSizes,
} from '../../../src/storage/cut-into-parts.ts';
import { PartSpool } from '../../../src/storage/part-spool.ts';

const signal = new AbortController().signal;
const mebibyte = 2 ** 20;
/** The first of 2 bytes in memory, further ones of 10 bytes in files; four of them. */
const small: PartSizes = { mostParts: 4, bytesOf: (number) => (number === 1 ? 2 : 10), mostInMemoryBytes: 2 };

async function* chunksOf(...sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (const [index, size] of sizes.entries()) yield Buffer.alloc(size, index + 1);
}

async function sizesOf(chunks: AsyncIterable<Buffer>): Promise<string[]> {
  const sizes: string[] = [];
  for await (const part of cutIntoParts(chunks, usualPartSizes(), new PartSpool('/nonexistent'))) {
    sizes.push(`${part.number}: ${contentBytes(part)}`);
  }
  return sizes;
}

function tebibytesOf(mostParts: number): number {
  let totalBytes = 0;
  for (let number = 1; number <= mostParts; number++) totalBytes += partBytes(number, mostParts);
  return totalBytes / 2 ** 40;
}

test('ten thousand parts, all that S3 takes, hold the largest object that it takes', () => {
  expect(tebibytesOf(10_000)).toBeCloseTo(5.07, 2);
});

test('where a service takes a thousand parts they grow ten times sooner, and up to 5 GiB', () => {
  const sizes = [80, 81, 560, 561, 641, 721, 801, 1_000].map((number) => partBytes(number, 1_000) / mebibyte);

  expect(sizes).toEqual([8, 16, 512, 1_024, 2_048, 4_096, 5_120, 5_120]);
  expect(tebibytesOf(1_000)).toBeCloseTo(1.6, 2);
});

test('parts begin at 8 MiB, double every 800 and end at 1 GiB', () => {
  const sizes = [1, 800, 801, 1_601, 5_601, 10_000].map((number) => partBytes(number) / mebibyte);

  expect(sizes).toEqual([8, 8, 16, 32, 1_024, 1_024]);
});

test.each([10_000, 1_000, 100])('of %s parts two in memory are never more than 16 MiB', (mostParts) => {
  const { bytesOf, mostInMemoryBytes } = usualPartSizes(mostParts);

  const inMemory = Array.from({ length: mostParts }, (_, index) => bytesOf(index + 1)).filter(
    (bytes) => bytes <= mostInMemoryBytes,
  );

  expect(2 * Math.max(...inMemory)).toBe(16 * mebibyte);
});

test.each([
  ['6.25 GiB', 6_400, 10_000, 0],
  ['one MiB more', 6_401, 10_000, 32],
  ['194 GiB', 198_656, 10_000, 512],
  ['5 TiB', 5 * mebibyte, 10_000, 2_048],
  ['640 MiB in a thousand parts', 640, 1_000, 0],
  ['2 TiB, which a thousand parts do not hold', 2 * mebibyte, 1_000, 10_240],
])('an object of %s takes two of its largest parts in the spool', (_name, mebibytes, mostParts, expected) => {
  expect(spooledBytes(mebibytes * mebibyte, mostParts) / mebibyte).toBe(expected);
});

test('an empty body is one empty part', async () => {
  expect(await sizesOf(chunksOf())).toEqual(['1: 0']);
});

test('a body that fills its parts exactly has no empty one at its end', async () => {
  expect(await sizesOf(chunksOf(5 * mebibyte, 11 * mebibyte))).toEqual(['1: 8388608', '2: 8388608']);
});

test('chunks that cross the border of parts keep their order', async () => {
  const parts: Buffer[] = [];
  const chunks = chunksOf(6 * mebibyte, 6 * mebibyte, 1);
  for await (const { content } of cutIntoParts(chunks, usualPartSizes(), new PartSpool('/nonexistent'))) {
    parts.push(content as Buffer);
  }

  const [first, second] = parts;
  expect(parts).toHaveLength(2);
  expect([first?.[0], first?.[6 * mebibyte - 1], first?.[6 * mebibyte], first?.length]).toEqual([
    1,
    1,
    2,
    8 * mebibyte,
  ]);
  expect([second?.[0], second?.at(-1), second?.length]).toEqual([2, 3, 4 * mebibyte + 1]);
});

test('a part that is too large for memory lies in a file, with its hashes, and is read as often as one likes', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-parts-' });
  const read: string[] = [];

  await using spool = new PartSpool(folder.path);
  for await (const { content } of cutIntoParts(chunksOf(7, 7), small, spool)) {
    if (content instanceof Uint8Array) continue;
    const [first, second] = [await buffer(await content.read(signal)), await buffer(await content.read(signal))];
    const hashes = [content.md5.toString('hex'), content.sha256];
    const expected = ['md5', 'sha256'].map((name) => createHash(name).update(first).digest('hex'));
    read.push(first.toString('hex'), `${first.equals(second)} ${hashes.join() === expected.join()}`);
    await content.remove();
  }

  expect(read).toEqual(['01010101010202020202', 'true true', '0202', 'true true']);
});

test('nothing of the files is left, whether or not the parts were given up', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-parts-' });
  {
    await using spool = new PartSpool(folder.path);
    // The second of three is being filled when nobody wants further ones.
    for await (const { number } of cutIntoParts(chunksOf(30), small, spool)) if (number === 2) break;
  }

  expect(await readdir(folder.path)).toEqual([]);
});

test('a body that fills all parts exactly is taken, and one byte more is told as too much', async () => {
  const cut = async (bytes: number) => {
    await using spool = new PartSpool(undefined);
    const numbers: number[] = [];
    for await (const { number } of cutIntoParts(chunksOf(bytes), small, spool)) numbers.push(number);
    return numbers;
  };

  const taken = await cut(32);
  const tooMuch = cut(33);

  expect(taken).toEqual([1, 2, 3, 4]);
  await expect(tooMuch).rejects.toMatchObject({
    kind: 'full',
    message: 'more than the 32 B that fit into the 4 parts of an object',
  });
});

test('a spool that cannot be used is told as such: what it is, where, and for how much', async () => {
  await using spool = new PartSpool('/nonexistent/spool');

  const cutting = Array.fromAsync(cutIntoParts(chunksOf(30), small, spool));

  await expect(cutting).rejects.toMatchObject({ name: 'StoreError', kind: 'spool' });
  await expect(cutting).rejects.toThrow(
    'keeping part 2 (up to 10 B, two of them at once) in the spool directory /nonexistent/spool: ENOENT',
  );
});
