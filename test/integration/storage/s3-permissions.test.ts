import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { literalSecret, Secret } from '../../../src/core/secret.ts';
import { probeStore } from '../../../src/storage/probe.ts';
import { openS3Store } from '../../../src/storage/s3.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { type AccessKey, motoUsers } from '../../support/moto-users.ts';

const signal = AbortSignal.timeout(60_000);
const all = ['s3:PutObject', 's3:GetObject', 's3:ListBucket', 's3:DeleteObject', 's3:AbortMultipartUpload'];

let moto: Moto;
let bucket: string;
let keys: Record<'full' | 'rotated' | 'noPut' | 'noGet' | 'noList' | 'noDelete', AccessKey>;
beforeAll(async () => {
  moto = await startMoto();
  bucket = await moto.makeBucket();
  const users = motoUsers(moto);
  const without = (name: string, action: string) =>
    users.create(
      name,
      all.filter((one) => one !== action),
    );
  keys = {
    full: await users.create('full', all),
    rotated: await users.newKey('full'),
    noPut: await without('no-put', 's3:PutObject'),
    noGet: await without('no-get', 's3:GetObject'),
    noList: await without('no-list', 's3:ListBucket'),
    noDelete: await without('no-delete', 's3:DeleteObject'),
  };
  await users.enforce();
});
afterAll(async () => {
  await moto[Symbol.asyncDispose]();
});

function openAs(key: AccessKey) {
  const settings = { ...moto.settings(bucket), accessKeyId: key.accessKeyId };
  return openS3Store(settings, { secretAccessKey: literalSecret(key.secretAccessKey), clock: systemClock });
}

test('the permissions that the documentation names are enough, for large objects too', async () => {
  await using store = await openAs(keys.full);

  await probeStore(store, signal);
  const stored = await store.put('a/large', Readable.from([Buffer.alloc(9 * 2 ** 20)]), signal);
  await store.delete('a/large', signal);

  expect(stored.sizeBytes).toBe(9 * 2 ** 20);
});

test.each([
  ['noPut', 'writing an object: PutObject s3://', 's3:PutObject'],
  ['noGet', 'writing an object: HeadObject s3://', 's3:GetObject'],
  ['noList', 'listing it: ListObjectsV2 s3://', 's3:ListBucket'],
  ['noDelete', 'deleting it: DeleteObject s3://', 's3:DeleteObject'],
] as const)('a missing permission (%s) is told with the call that needs it', async (user, words, permission) => {
  await using store = await openAs(keys[user]);

  const probe = probeStore(store, signal);

  await expect(probe).rejects.toMatchObject({ kind: 'denied' });
  await expect(probe).rejects.toThrow(words);
  await expect(probe).rejects.toThrow(`the credentials lack the permission ${permission} – `);
});

test('a wrong secret key is told as such, and never shown', async () => {
  await using store = await openAs({ ...keys.full, secretAccessKey: 'wrong-and-secret' });

  const refused: Error = await store.put('a/b', Buffer.from('x'), signal).then(
    () => new Error('it was accepted'),
    (error) => error,
  );

  expect(refused).toMatchObject({ kind: 'denied' });
  expect(refused.message).toContain('the secret key is wrong');
  expect(refused.message).not.toContain('wrong-and-secret');
});

test('an unknown access key is told as such', async () => {
  await using store = await openAs({ accessKeyId: 'AKIAUNKNOWN', secretAccessKey: 'x' });

  const refused = store.put('a/b', Buffer.from('x'), signal);

  await expect(refused).rejects.toMatchObject({ kind: 'denied' });
  await expect(refused).rejects.toThrow('the access key is unknown');
});

test('a secret key that was set right is used without a restart', async () => {
  let current = 'outdated';
  const secretAccessKey = { origin: 'file:/run/secrets/s3', read: async () => new Secret(current) };
  const settings = { ...moto.settings(bucket), accessKeyId: keys.rotated.accessKeyId };
  await using store = await openS3Store(settings, { secretAccessKey, clock: systemClock });
  const before = await store.put('a/b', Buffer.from('x'), signal).catch((error) => error.kind);

  current = keys.rotated.secretAccessKey;
  const stored = await store.put('a/b', Buffer.from('x'), signal);

  expect(before).toBe('denied');
  expect(stored.sizeBytes).toBe(1);
});
