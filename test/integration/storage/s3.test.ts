import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { literalSecret } from '../../../src/core/secret.ts';
import { StoreError } from '../../../src/storage/object-store.ts';
import { openS3Store } from '../../../src/storage/s3.ts';
import { type ProxyFault, startFaultyProxy } from '../../support/faulty-proxy.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { describeKeyRules, describeObjectStore } from '../../support/object-store-contract.ts';

let moto: Moto;
beforeAll(async () => {
  moto = await startMoto();
});
afterAll(async () => {
  await moto[Symbol.asyncDispose]();
});

describeObjectStore('on S3', () => moto.openStore());
describeObjectStore('on S3 below a prefix', () => moto.openStore({ prefix: 'prod/eu' }));
describeKeyRules('on S3', () => moto.openStore());

test('a broken upload leaves no multipart upload behind', async () => {
  const bucket = await moto.makeBucket();
  await using store = await moto.openStore({ bucket });
  const body = Readable.from(
    (async function* () {
      for (let part = 0; part < 3; part++) yield randomBytes(8 * 2 ** 20);
      throw new Error('the source broke');
    })(),
  );

  await expect(store.put('a/broken', body, AbortSignal.timeout(60_000))).rejects.toThrow('the source broke');

  expect(await moto.unfinishedUploads(bucket)).toBe(0);
});

test('a bucket that does not exist is named', async () => {
  await using store = await moto.openStore({ bucket: 'no-such-bucket' });

  const refused = store.put('a/b', Buffer.from('x'), AbortSignal.timeout(30_000));

  await expect(refused).rejects.toMatchObject({ kind: 'misconfigured' });
  await expect(refused).rejects.toThrow('PutObject s3://no-such-bucket/a/b: the bucket does not exist');
});

test('a service that is not there is unavailable, not missing', async () => {
  const settings = moto.settings('any', 'http://127.0.0.1:1');
  await using store = await openS3Store(settings, { secretAccessKey: literalSecret('secret'), clock: systemClock });

  const refused = store.head('a/b', AbortSignal.timeout(30_000));

  await expect(refused).rejects.toMatchObject({ kind: 'unavailable' });
});

describe('through a network that misbehaves', () => {
  const signal = AbortSignal.timeout(100_000);
  const parts = Array.from({ length: 3 }, (_, part) => Buffer.alloc(8 * 2 ** 20, part + 1));
  const expected = createHash('sha256').update(Buffer.concat(parts)).digest('hex');

  const digestOf = async (body: Readable) => {
    const hash = createHash('sha256');
    for await (const chunk of body) hash.update(chunk as Buffer);
    return hash.digest('hex');
  };

  test.each<[string, ProxyFault]>([
    ['500', { status: 500 }],
    ['503', { status: 503 }],
    ['a reset connection', 'reset'],
  ])('one answer of %s at every request of an upload in turn is got over', async (_name, fault) => {
    const bucket = await moto.makeBucket();
    for (let bad = 0; bad < 6; bad++) {
      await using proxy = await startFaultyProxy(moto.endpoint, ({ number }) => (number === bad ? fault : undefined));
      await using store = await moto.openStore({ bucket, endpoint: proxy.endpoint });

      await store.put(`a/upload-${bad}`, Readable.from(parts), signal);

      expect(await digestOf(await store.get(`a/upload-${bad}`, signal))).toBe(expected);
      expect(proxy.requests.length).toBeGreaterThan(6);
    }
    expect(await moto.unfinishedUploads(bucket)).toBe(0);
  });

  test('a service that only answers 503 fails the upload as unavailable, and nothing is kept', async () => {
    const bucket = await moto.makeBucket();
    await using proxy = await startFaultyProxy(moto.endpoint, ({ path }) =>
      path.includes('partNumber=2') ? { status: 503 } : undefined,
    );
    await using store = await moto.openStore({ bucket, endpoint: proxy.endpoint });

    const upload = store.put('a/refused', Readable.from(parts), signal);

    await expect(upload).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await moto.unfinishedUploads(bucket)).toBe(0);
    expect(await store.head('a/refused', signal)).toBeUndefined();
  });

  test('a body that is cut is resumed where it broke off', async () => {
    const bucket = await moto.makeBucket();
    await using proxy = await startFaultyProxy(moto.endpoint, ({ method, number }) =>
      method === 'GET' && number === 1 ? 'cut_body' : undefined,
    );
    await using direct = await moto.openStore({ bucket });
    await direct.put('a/whole', Readable.from(parts), signal);
    await using store = await moto.openStore({ bucket, endpoint: proxy.endpoint });
    await store.head('a/whole', signal);

    const digest = await digestOf(await store.get('a/whole', signal));

    expect(digest).toBe(expected);
    expect(proxy.requests).toHaveLength(3);
  });

  test('a body that is cut every time ends with an error, never early', async () => {
    const bucket = await moto.makeBucket();
    await using proxy = await startFaultyProxy(moto.endpoint, ({ method }) =>
      method === 'GET' ? 'cut_body' : undefined,
    );
    await using direct = await moto.openStore({ bucket });
    await direct.put('a/whole', Readable.from(parts), signal);
    await using store = await moto.openStore({ bucket, endpoint: proxy.endpoint });

    const reading = store.get('a/whole', signal).then(digestOf);

    await expect(reading).rejects.toBeInstanceOf(StoreError);
  });

  test('a service that never answers is given up when the caller gives up', async () => {
    await using proxy = await startFaultyProxy(moto.endpoint, () => 'stall');
    await using store = await moto.openStore({ bucket: await moto.makeBucket(), endpoint: proxy.endpoint });
    const stop = new AbortController();
    const asking = store.head('a/b', stop.signal);
    const reason = new Error('the deadline passed');

    setTimeout(() => stop.abort(reason), 300);

    await expect(asking).rejects.toBe(reason);
  });
});
