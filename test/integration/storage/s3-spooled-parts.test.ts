import { createHash, randomBytes } from 'node:crypto';
import { readdir, statfs } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { classifyFailure } from '../../../src/jobs/failure.ts';
import { withBandwidth } from '../../../src/storage/bandwidth.ts';
import type { PartSizes } from '../../../src/storage/cut-into-parts.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { type ProxyFault, startFaultyProxy } from '../../support/faulty-proxy.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { mountSmallFilesystem } from '../../support/small-filesystem.ts';
import { isS3ServerInstalled, type S3Server, startS3Server } from '../../support/versitygw.ts';

let moto: Moto;
let spool: WorkDirectory;
beforeAll(async () => {
  moto = await startMoto();
  spool = await makeWorkDirectory({ prefix: 'watchkeeper-test-spool-' });
});
afterAll(async () => {
  for (const one of [spool, moto]) await one[Symbol.asyncDispose]();
});

const signal = AbortSignal.timeout(200_000);
const mebibyte = 2 ** 20;
/** What the parts of an object of terabytes are, in small: the first ones in memory, the others in files. */
const partSizes: PartSizes = {
  mostParts: 10_000,
  bytesOf: (number) => (number === 1 ? 5 : 6) * mebibyte,
  mostInMemoryBytes: 5 * mebibyte,
};
/** Of four parts, the last a small one. */
const body = Array.from({ length: 18 }, () => randomBytes(mebibyte));
const expected = createHash('sha256').update(Buffer.concat(body)).digest('hex');
const limits = { connectTimeoutMs: 1_000, idleTimeoutMs: 1_000, attempts: 3 };

async function digestOf(store: ObjectStore, key: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of await store.get(key, signal)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function behindProxy(choose: Parameters<typeof startFaultyProxy>[1], spoolDirectory = spool.path) {
  const bucket = await moto.makeBucket();
  const proxy = await startFaultyProxy(moto.endpoint, choose);
  const store = await moto.openStore({ bucket, endpoint: proxy.endpoint, limits, partSizes, spoolDirectory });
  const direct = await moto.openStore({ bucket });
  return {
    proxy,
    store,
    direct,
    unfinished: () => moto.unfinishedUploads(bucket),
    async [Symbol.asyncDispose]() {
      for (const one of [store, direct, proxy]) await one[Symbol.asyncDispose]();
    },
  };
}

const tries = (requests: readonly string[], part: number) =>
  requests.filter((request) => request.includes(`partNumber=${part}&`)).length;

/** What lies in the spool whenever a chunk is taken: files, and bytes at most. */
async function* watched(chunks: readonly Buffer[], folder: string, most: { files: number }): AsyncGenerator<Buffer> {
  for (const chunk of chunks) {
    yield chunk;
    const names = await readdir(folder, { recursive: true });
    most.files = Math.max(most.files, names.filter((name) => name.includes('/')).length);
  }
}

test('parts in files arrive as they were, never more than two lie there, and none is left', async () => {
  await using via = await behindProxy(() => undefined);
  const most = { files: 0 };

  const stored = await via.store.put('a/large', Readable.from(watched(body, spool.path, most)), signal);

  expect(stored.sizeBytes).toBe(18 * mebibyte);
  expect(await digestOf(via.direct, 'a/large')).toBe(expected);
  expect([1, 2].includes(most.files)).toBe(true);
  expect(await readdir(spool.path)).toEqual([]);
});

test.each<[string, ProxyFault]>([
  ['500', { status: 500 }],
  ['503', { status: 503 }],
  ['a reset connection', 'reset'],
  ['a lost answer', 'lose_answer'],
  ['silence', 'stall'],
  ['a bit that flips', 'flip_bit'],
])('after %s a part is sent again from its file', async (_name, fault) => {
  let spoilt = 0;
  await using via = await behindProxy(({ path }) => {
    if (!path.includes('partNumber=3&') || spoilt === 2) return undefined;
    spoilt++;
    return fault;
  });

  await via.store.put('a/large', Readable.from(body), signal);

  expect(await digestOf(via.direct, 'a/large')).toBe(expected);
  expect([2, 3, 4].map((part) => tries(via.proxy.requests, part))).toEqual([1, 3, 1]);
  expect(await via.unfinished()).toBe(0);
  expect(await readdir(spool.path)).toEqual([]);
});

test.each<[string, ProxyFault, string, string]>([
  ['503', { status: 503 }, 'unavailable', 'the service asks for fewer requests'],
  ['500', { status: 500 }, 'unavailable', 'InternalError'],
  ['silence', 'stall', 'unavailable', 'the service does not answer'],
  ['resets', 'reset', 'unavailable', 'ECONNRESET'],
  ['bits that flip', 'flip_bit', 'damaged', 'other bytes arrived than were sent'],
])('a part in a file that only meets %s fails as one in memory does', async (_name, fault, kind, words) => {
  await using via = await behindProxy(({ path }) => (path.includes('partNumber=2&') ? fault : undefined));

  const upload = via.store.put('a/refused', Readable.from(body), signal);

  await expect(upload).rejects.toMatchObject({ name: 'StoreError', kind });
  await expect(upload).rejects.toThrow(words);
  expect(tries(via.proxy.requests, 2)).toBe(3);
  expect(await via.unfinished()).toBe(0);
  expect(await via.direct.head('a/refused', signal)).toBeUndefined();
  expect(await readdir(spool.path)).toEqual([]);
});

test('a line of limited width is kept to, and a caller who gives up ends the upload', async () => {
  await using via = await behindProxy(({ path }) => (path.includes('partNumber=2&') ? 'stall' : undefined));
  const slow = withBandwidth(via.store, 100 * mebibyte, systemClock);
  const stop = new AbortController();
  const reason = new Error('the deadline passed');

  const startedAt = performance.now();
  const upload = slow.put('a/given-up', Readable.from(body), stop.signal);
  setTimeout(() => stop.abort(reason), 500);

  await expect(upload).rejects.toBe(reason);
  expect(performance.now() - startedAt).toBeGreaterThan(100);
  expect(await via.unfinished()).toBe(0);
  expect(await readdir(spool.path)).toEqual([]);
});

test('a full spool is told as what it is, and nothing is kept', async ({ skip }) => {
  using disk =
    mountSmallFilesystem(8) ?? skip('no small filesystem can be mounted: run as root, or allow user namespaces');
  await using via = await behindProxy(({ path }) => (path.includes('partNumber=2&') ? 'stall' : undefined), disk.path);
  const freeBefore = (await statfs(disk.path)).bfree;

  const upload = via.store.put('a/refused', Readable.from(body), signal);

  const error = await upload.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    name: 'StoreError',
    kind: 'spool',
    message: `keeping part 3 (up to 6.0 MiB, two of them at once) in the spool directory ${disk.path}: no space left on the device (ENOSPC)`,
  });
  expect(classifyFailure(error)).toEqual({ reason: 'spool', transient: false });
  expect(await via.unfinished()).toBe(0);
  expect(await via.direct.head('a/refused', signal)).toBeUndefined();
  expect((await statfs(disk.path)).bfree).toBe(freeBefore);
});

test.for([true, false])('a real server takes parts from files (behind TLS: %s)', async (tls, { skip }) => {
  skip(!isS3ServerInstalled, 'versitygw could not be built by scripts/setup');
  await using server: S3Server = await startS3Server({ tls });
  await using store = await server.openStore({ settings: { spoolDirectory: spool.path }, partSizes });

  await store.put('a/large', Readable.from(body), signal);

  expect(await digestOf(store, 'a/large')).toBe(expected);
  expect(await readdir(spool.path)).toEqual([]);
});
