import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { CreateMultipartUploadCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { mapLimit } from '../../../src/core/map-limit.ts';
import { literalSecret, Secret } from '../../../src/core/secret.ts';
import { openS3Store } from '../../../src/storage/s3.ts';
import { ManualClock } from '../../support/manual-clock.ts';
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

test('a listing of more than a thousand objects is complete', async () => {
  const bucket = await moto.makeBucket();
  await using store = await moto.openStore({ bucket });
  const names = Array.from({ length: 1_001 }, (_, number) => `a/${String(number).padStart(4, '0')}`);
  await mapLimit(names, 20, (Key) => moto.client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' })));

  const keys: string[] = [];
  for await (const { key } of store.list('a/', AbortSignal.timeout(30_000))) keys.push(key);

  expect(keys).toEqual(names);
});

test('only large objects get the storage class', async () => {
  const bucket = await moto.makeBucket();
  await using store = await moto.openStore({ bucket, storageClass: 'STANDARD_IA' });
  const signal = AbortSignal.timeout(30_000);
  const large = Buffer.alloc(9 * 2 ** 20);

  await store.put('a/dump', Readable.from([large]), signal);
  await store.put('a/medium', Buffer.alloc(2 ** 20), signal);
  await store.put('a/manifest.json', Buffer.alloc(2 ** 20), signal);
  await store.putIfAbsent('.leases/x/1', Buffer.from('{}'), signal);

  const { Contents } = await moto.client.send(new ListObjectsV2Command({ Bucket: bucket }));
  expect(Contents?.map(({ Key, StorageClass }) => `${Key} ${StorageClass}`)).toEqual([
    '.leases/x/1 STANDARD',
    'a/dump STANDARD_IA',
    'a/manifest.json STANDARD',
    'a/medium STANDARD_IA',
  ]);
});

test('uploads that a killed process left are ended after a week, younger ones and those of others stay', async () => {
  const bucket = await moto.makeBucket();
  for (const Key of ['prod/a/old', 'elsewhere/old']) {
    await moto.client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }));
  }
  const unfinishedAfterPut = async (key: string, now: string) => {
    await using store = await moto.openStore({ bucket, prefix: 'prod', clock: new ManualClock(now) });
    await store.put(key, Readable.from([Buffer.from('x')]), AbortSignal.timeout(30_000));
    return await moto.unfinishedUploads(bucket);
  };

  // moto says of every upload that it began on 2010-11-10.
  const early = await unfinishedAfterPut('a/early', '2010-11-16T00:00:00Z');
  const absurd = await unfinishedAfterPut('a/absurd', '2026-03-02T00:00:00Z');
  const late = await unfinishedAfterPut('a/late', '2010-11-19T00:00:00Z');

  expect([early, absurd, late]).toEqual([2, 2, 1]);
});

test('a store that is open for long looks for such uploads every day', async () => {
  const bucket = await moto.makeBucket();
  // moto says of every upload that it began on 2010-11-10.
  const clock = new ManualClock('2010-11-19T00:00:00Z');
  await using store = await moto.openStore({ bucket, clock });
  const unfinishedAfterPut = async (key: string) => {
    await moto.client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: `left-${key}` }));
    await store.put(key, Readable.from([Buffer.from('x')]), AbortSignal.timeout(30_000));
    return moto.unfinishedUploads(bucket);
  };

  const first = await unfinishedAfterPut('a/1');
  const sameDay = await unfinishedAfterPut('a/2');
  await clock.advance(86_400_000);
  const nextDay = await unfinishedAfterPut('a/3');

  expect([first, sameDay, nextDay]).toEqual([0, 1, 0]);
});

test('a read that nobody wants any more gives its connection back', async () => {
  await using store = await moto.openStore();
  const signal = AbortSignal.timeout(30_000);
  await store.put('a/large', Buffer.alloc(4 * 2 ** 20), signal);

  // More than the client has connections.
  for (let read = 0; read < 55; read++) (await store.get('a/large', signal)).destroy();

  expect((await store.head('a/large', signal))?.sizeBytes).toBe(4 * 2 ** 20);
});

test('a secret key is read anew for every request', async () => {
  let reads = 0;
  const secretAccessKey = { origin: 'test', read: async () => new Secret(`key-${++reads}`) };
  const settings = moto.settings(await moto.makeBucket());
  await using store = await openS3Store(settings, { secretAccessKey, clock: systemClock });

  await store.head('a/b', AbortSignal.timeout(30_000));
  const before = reads;
  await store.head('a/b', AbortSignal.timeout(30_000));

  expect(before).toBeGreaterThan(0);
  expect(reads).toBeGreaterThan(before);
});

test('a secret that cannot be read is named', async () => {
  const read = () => Promise.reject(new Error('reading secret file /run/secrets/s3: no such file'));
  const settings = moto.settings('any');
  await using store = await openS3Store(settings, { secretAccessKey: { origin: 'file', read }, clock: systemClock });

  const refused = store.head('a/b', AbortSignal.timeout(30_000));

  await expect(refused).rejects.toThrow('HeadObject s3://any/a/b: reading secret file /run/secrets/s3: no such file');
});
