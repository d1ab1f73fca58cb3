import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { literalSecret } from '../../../src/core/secret.ts';
import { ObjectLocked, type ObjectStore } from '../../../src/storage/object-store.ts';
import { probeStore } from '../../../src/storage/probe.ts';
import { openS3Store } from '../../../src/storage/s3.ts';
import type { S3StoreSettings } from '../../../src/storage/settings.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { backUp, verify } from '../../support/keeping.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { type AccessKey, motoUsers } from '../../support/moto-users.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';
import { testSignal } from '../../support/test-context.ts';

const prefix = 'prod';

let moto: Moto;
let cluster: Cluster;
let buckets: Readonly<Record<'plain' | 'locked', string>>;
let keys: ReadonlyMap<string, AccessKey>;

/** For each bucket a user with nothing but deploy/iam/backup.json, and moto that checks. */
beforeAll(async () => {
  cluster = await startTestCluster();
  moto = await startMoto();
  buckets = { plain: await moto.makeBucket(), locked: await moto.makeBucket({ lock: true }) };
  const users = motoUsers(moto);
  const { plain, locked } = buckets;
  keys = new Map([
    [plain, await users.createWith('plain', await policyFor(plain))],
    [locked, await users.createWith('locked', await policyFor(locked))],
  ]);
  await users.enforce();
});
afterAll(async () => {
  await moto?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

async function policyFor(bucket: string): Promise<object> {
  const text = await readFile(join(import.meta.dirname, '../../../deploy/iam/backup.json'), 'utf8');
  return JSON.parse(text.replaceAll('BUCKET', bucket).replaceAll('PREFIX', prefix)) as object;
}

function open(bucket: string, given: Partial<S3StoreSettings> = {}): Promise<ObjectStore> {
  const key = keys.get(bucket) ?? { accessKeyId: '', secretAccessKey: '' };
  const settings = { ...moto.settings(bucket), prefix, accessKeyId: key.accessKeyId, ...given };
  return openS3Store(settings, { secretAccessKey: literalSecret(key.secretAccessKey), clock: systemClock });
}

async function keysOf(store: ObjectStore): Promise<string[]> {
  const found = await Array.fromAsync(store.list('', testSignal()));
  return found.map((one) => one.key);
}

test('a backup is written, proven, listed and deleted with the rights of the policy', async () => {
  const shop = await createDatabase(cluster, 'shop', 'CREATE TABLE t AS SELECT generate_series(1, 500) AS n');
  await using store = await open(buckets.plain);

  await probeStore(store, testSignal());
  const manifest = await backUp(shop, store);
  const proof = await verify(manifest, store);
  const before = await keysOf(store);
  for (const one of before) await store.delete(one, testSignal());

  expect(proof.verdict).toBe('proven');
  expect(before.length).toBeGreaterThan(2);
  expect(await keysOf(store)).toEqual([]);
});

test('a large object goes in parts, and an upload that fails is ended', async () => {
  await using store = await open(buckets.plain);

  const broken = async function* () {
    yield Buffer.alloc(20 * 2 ** 20);
    throw new Error('the dump failed');
  };
  await expect(store.put('a/broken', Readable.from(broken()), testSignal())).rejects.toThrow('the dump failed');
  const stored = await store.put('a/large', Readable.from([Buffer.alloc(20 * 2 ** 20)]), testSignal());

  expect(stored.sizeBytes).toBe(20 * 2 ** 20);
  await store.delete('a/large', testSignal());
});

test('in a bucket with object lock backups are locked and told as such, and versions are deleted', async () => {
  await using locking = await open(buckets.locked, { objectLock: { mode: 'GOVERNANCE', duration: 3_600_000 } });
  await using plain = await open(buckets.locked);

  await locking.put('shop/backup/part', Buffer.from('kept'), testSignal());
  await plain.put('shop/other/part', Buffer.from('passing'), testSignal());

  await expect(plain.delete('shop/backup/part', testSignal())).rejects.toBeInstanceOf(ObjectLocked);
  await plain.delete('shop/other/part', testSignal());
  expect(await plain.head('shop/other/part', testSignal())).toBeUndefined();
});

test('nothing outside of the prefix, and no other bucket, can be written, read or deleted', async () => {
  await using outside = await open(buckets.plain, { prefix: 'production' });
  await using elsewhere = await open(buckets.plain, { bucket: buckets.locked });

  for (const store of [outside, elsewhere]) {
    await expect(store.put('a/b', Buffer.from('x'), testSignal())).rejects.toMatchObject({ kind: 'denied' });
    await expect(store.get('a/b', testSignal())).rejects.toMatchObject({ kind: 'denied' });
    await expect(store.delete('a/b', testSignal())).rejects.toMatchObject({ kind: 'denied' });
  }
});
