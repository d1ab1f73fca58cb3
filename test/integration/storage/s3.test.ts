import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { literalSecret } from '../../../src/core/secret.ts';
import { openS3Store } from '../../../src/storage/s3.ts';
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
  await using store = await openS3Store(settings, literalSecret('secret'));

  const refused = store.head('a/b', AbortSignal.timeout(30_000));

  await expect(refused).rejects.toMatchObject({ kind: 'unavailable' });
});
