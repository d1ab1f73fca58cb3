import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readWhole } from '../../../src/storage/object-store.ts';
import { type ProxyFault, startFaultyProxy } from '../../support/faulty-proxy.ts';
import { type Moto, startMoto } from '../../support/moto.ts';

let moto: Moto;
beforeAll(async () => {
  moto = await startMoto();
});
afterAll(async () => {
  await moto[Symbol.asyncDispose]();
});

const signal = AbortSignal.timeout(100_000);
// Two parts, the second a small one.
const parts = [Buffer.alloc(8 * 2 ** 20, 1), Buffer.alloc(2 ** 20, 2)];
const expected = createHash('sha256').update(Buffer.concat(parts)).digest('hex');
const limits = { connectTimeoutMs: 1_000, idleTimeoutMs: 1_000, attempts: 3 };

async function digestOf(body: Readable): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** A bucket of its own, a store that reaches it through a proxy, and one that reaches it directly. */
async function behindProxy(choose: Parameters<typeof startFaultyProxy>[1]) {
  const bucket = await moto.makeBucket();
  const proxy = await startFaultyProxy(moto.endpoint, choose);
  const store = await moto.openStore({ bucket, endpoint: proxy.endpoint, limits });
  const direct = await moto.openStore({ bucket });
  return {
    bucket,
    proxy,
    store,
    direct,
    async [Symbol.asyncDispose]() {
      for (const one of [store, direct, proxy]) await one[Symbol.asyncDispose]();
    },
  };
}

// Sweep, begin, two parts, complete, head.
const requestsOfUpload = 6;

test.each<[string, ProxyFault]>([
  ['500', { status: 500 }],
  ['503', { status: 503 }],
  ['a reset connection', 'reset'],
  ['a lost answer', 'lose_answer'],
  ['silence', 'stall'],
])('%s at any one request of an upload is got over, and nothing is left behind', async (_name, fault) => {
  const uploads = Array.from({ length: requestsOfUpload }, async (_, bad) => {
    await using via = await behindProxy(({ number }) => (number === bad ? fault : undefined));
    await via.store.put('a/upload', Readable.from(parts), signal);
    return {
      digest: await digestOf(await via.direct.get('a/upload', signal)),
      repeated: via.proxy.requests.length > requestsOfUpload,
      unfinished: await moto.unfinishedUploads(via.bucket),
    };
  });

  const outcomes = await Promise.all(uploads);

  expect(outcomes).toEqual(Array(requestsOfUpload).fill({ digest: expected, repeated: true, unfinished: 0 }));
});

test.each<[string, ProxyFault, string]>([
  ['503', { status: 503 }, 'the service asks for fewer requests'],
  ['500', { status: 500 }, 'InternalError'],
  ['silence', 'stall', 'the service does not answer'],
  ['resets', 'reset', 'ECONNRESET'],
])('a part that only meets %s fails the upload as unavailable, and nothing is kept', async (_name, fault, words) => {
  await using via = await behindProxy(({ path }) => (path.includes('partNumber=2') ? fault : undefined));

  const upload = via.store.put('a/refused', Readable.from(parts), signal);

  await expect(upload).rejects.toMatchObject({ kind: 'unavailable' });
  await expect(upload).rejects.toThrow(words);
  expect(await moto.unfinishedUploads(via.bucket)).toBe(0);
  expect(await via.direct.head('a/refused', signal)).toBeUndefined();
});

test('a manifest whose answer was lost is stored once, and its put succeeds', async () => {
  await using via = await behindProxy(({ number }) => (number === 0 ? 'lose_answer' : undefined));

  const stored = await via.store.put('a/manifest.json', Buffer.from('{}'), signal);

  expect(stored.sizeBytes).toBe(2);
  expect(via.proxy.requests.filter((request) => request.startsWith('PUT'))).toHaveLength(2);
});

test('a lost answer does not turn another one’s object into ours', async () => {
  await using via = await behindProxy(({ method, number }) =>
    method === 'PUT' && number === 0 ? { status: 500 } : undefined,
  );
  await via.direct.put('a/manifest.json', Buffer.from('theirs'), signal);

  const refused = via.store.put('a/manifest.json', Buffer.from('ours'), signal);

  await expect(refused).rejects.toMatchObject({ kind: 'exists' });
  expect((await readWhole(via.direct, 'a/manifest.json', signal)).toString()).toBe('theirs');
});

test.each<[string, (path: string) => boolean, () => Readable | Buffer]>([
  ['a part', (path) => path.includes('partNumber=2'), () => Readable.from(parts)],
  ['a small object', (path) => !path.includes('?uploads'), () => Buffer.from('{"format":"watchkeeper-backup/1"}')],
])('a bit that flips on the way of %s is noticed, and nothing is kept', async (_name, isSpoilt, body) => {
  await using via = await behindProxy(({ method, path }) =>
    method === 'PUT' && isSpoilt(path) ? 'flip_bit' : undefined,
  );

  const upload = via.store.put('a/flipped', body(), signal);

  await expect(upload).rejects.toMatchObject({ kind: 'damaged' });
  await expect(upload).rejects.toThrow('other bytes arrived than were sent');
  expect(await moto.unfinishedUploads(via.bucket)).toBe(0);
  expect(await via.direct.head('a/flipped', signal)).toBeUndefined();
});

test.each<[string, ProxyFault]>([
  ['cut', 'cut_body'],
  ['stalled', 'stall_body'],
])('a body that is %s is resumed where it broke off', async (_name, fault) => {
  await using via = await behindProxy(({ number }) => (number === 0 ? fault : undefined));
  await via.direct.put('a/whole', Readable.from(parts), signal);

  const digest = await digestOf(await via.store.get('a/whole', signal));

  expect(digest).toBe(expected);
  expect(via.proxy.requests).toHaveLength(2);
});

test('a range that is cut is resumed within the range', async () => {
  await using via = await behindProxy(({ number }) => (number < 2 ? 'cut_body' : undefined));
  await via.direct.put('a/range', Buffer.from('0123456789'), signal);

  const chunks: Buffer[] = [];
  const range = { first: 2, last: 8 };
  for await (const chunk of await via.store.get('a/range', signal, range)) chunks.push(chunk as Buffer);

  expect(Buffer.concat(chunks).toString()).toBe('2345678');
  expect(via.proxy.requests).toHaveLength(3);
});

test('a body that is cut every time ends with an error, never early', async () => {
  await using via = await behindProxy(({ method }) => (method === 'GET' ? 'cut_body' : undefined));
  await via.direct.put('a/whole', Readable.from(parts), signal);

  const reading = via.store.get('a/whole', signal).then(digestOf);

  await expect(reading).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' });
});

test('an object that is replaced while it is read is an error, not a mixture', async () => {
  await using via = await behindProxy(({ number }) => (number === 0 ? 'cut_body' : undefined));
  await via.direct.put('a/b', Buffer.alloc(4 * 2 ** 20, 1), signal);
  const body = await via.store.get('a/b', signal);
  await via.direct.delete('a/b', signal);
  await via.direct.put('a/b', Buffer.alloc(4 * 2 ** 20, 2), signal);

  await expect(digestOf(body)).rejects.toMatchObject({ kind: 'damaged' });
});

test('a service that never answers is given up when the caller gives up', async () => {
  await using via = await behindProxy(() => 'stall');
  const stop = new AbortController();
  const asking = via.store.head('a/b', stop.signal);
  const reason = new Error('the deadline passed');

  setTimeout(() => stop.abort(reason), 100);

  await expect(asking).rejects.toBe(reason);
});
