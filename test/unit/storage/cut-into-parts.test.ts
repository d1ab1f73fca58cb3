import { expect, test } from 'vitest';
import { cutIntoParts, partBytes } from '../../../src/storage/cut-into-parts.ts';

async function* chunksOf(...sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (const [index, size] of sizes.entries()) yield Buffer.alloc(size, index + 1);
}

async function sizesOf(chunks: AsyncIterable<Buffer>): Promise<string[]> {
  const sizes: string[] = [];
  for await (const { number, bytes } of cutIntoParts(chunks)) sizes.push(`${number}: ${bytes.length}`);
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

test('where a service takes a thousand parts they grow ten times sooner', () => {
  expect(tebibytesOf(1_000)).toBeCloseTo(0.507, 2);
});

test('parts begin at 8 MiB, double every 800 and end at 1 GiB', () => {
  const sizes = [1, 800, 801, 1_601, 5_601, 10_000].map((number) => partBytes(number) / 2 ** 20);

  expect(sizes).toEqual([8, 8, 16, 32, 1_024, 1_024]);
});

test('an empty body is one empty part', async () => {
  expect(await sizesOf(chunksOf())).toEqual(['1: 0']);
});

test('a body that fills its parts exactly has no empty one at its end', async () => {
  expect(await sizesOf(chunksOf(5 * 2 ** 20, 11 * 2 ** 20))).toEqual(['1: 8388608', '2: 8388608']);
});

test('chunks that cross the border of parts keep their order', async () => {
  const parts: Buffer[] = [];
  for await (const { bytes } of cutIntoParts(chunksOf(6 * 2 ** 20, 6 * 2 ** 20, 1))) parts.push(bytes);

  const [first, second] = parts;
  expect(parts).toHaveLength(2);
  expect([first?.[0], first?.[6 * 2 ** 20 - 1], first?.[6 * 2 ** 20], first?.length]).toEqual([1, 1, 2, 8 * 2 ** 20]);
  expect([second?.[0], second?.at(-1), second?.length]).toEqual([2, 3, 4 * 2 ** 20 + 1]);
});
