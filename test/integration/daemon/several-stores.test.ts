import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { startDaemon } from '../../support/daemon.ts';
import { type FaultyProxy, type ProxyFault, startFaultyProxy } from '../../support/faulty-proxy.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';

let cluster: Cluster;
let folder: WorkDirectory;
let moto: Moto;
let proxy: FaultyProxy;
let fault: (request: { readonly method: string; readonly path: string }) => ProxyFault = () => undefined;
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-stores-' });
  cluster = await startTestCluster({ password: 'pg-secret-1' });
  // Random, so that the dump has several parts.
  await createDatabase(
    cluster,
    'shop',
    `CREATE TABLE orders AS SELECT i AS id, repeat(md5(random()::text), 9) AS note FROM generate_series(1, 100000) AS i`,
  );
  moto = await startMoto();
  proxy = await startFaultyProxy(moto.endpoint, (request) => fault(request));
});
afterAll(async () => {
  for (const one of [proxy, moto, cluster, folder]) await one[Symbol.asyncDispose]();
});

const labelsOf = (store: string) => `target="shop",schedule="nightly",database="shop",store="${store}"`;

async function configure(bucket: string): Promise<readonly string[]> {
  const { port } = cluster.access.connection;
  const yaml = `
listen: 127.0.0.1:0
stores:
  near: { type: filesystem, path: ./near, bandwidth: 1GiB/s }
  far:
    { type: s3, bucket: ${bucket}, endpoint: '${proxy.endpoint}', forcePathStyle: true, accessKeyId: testing, secretAccessKey: testing, concurrency: 2 }
targets:
  shop:
    engine: postgres
    url: postgres://postgres@127.0.0.1:${port}/shop?sslmode=disable
    password: pg-secret-1
    backups: { nightly: { schedule: '0 2 * * *', stores: [far, near], keep: { last: 2 } } }
`;
  return writeConfig(folder.path, yaml);
}

async function objectsIn(bucket: string): Promise<Map<string, Buffer>> {
  const { Contents = [] } = await moto.client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'shop/' }));
  const objects = new Map<string, Buffer>();
  for (const { Key = '' } of Contents) {
    const { Body } = await moto.client.send(new GetObjectCommand({ Bucket: bucket, Key }));
    objects.set(Key, Buffer.from((await Body?.transformToByteArray()) ?? []));
  }
  return objects;
}

async function filesIn(path: string): Promise<Map<string, Buffer>> {
  const names = await readdir(join(path, 'shop'), { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const objects = new Map<string, Buffer>();
  for (const file of files) objects.set(file.slice(path.length + 1), await readFile(file));
  return objects;
}

const withoutReports = (objects: ReadonlyMap<string, Buffer>) =>
  [...objects].filter(([key]) => !key.includes('verified-')).sort(([a], [b]) => (a < b ? -1 : 1));

test('a store that breaks in mid-backup costs only its own copy, which is made up for after a restart', async () => {
  const bucket = await moto.makeBucket();
  const config = await configure(bucket);

  // The second part of the upload is refused, and everything that tries to copy after it.
  fault = ({ method, path }) => (method === 'PUT' && path.includes('database.dump') ? { status: 403 } : undefined);
  const first = await startDaemon(config);
  const backup = await first.untilLogged('a backup', ({ job, msg }) => job === 'backup' && msg === 'job succeeded');
  await first.untilLogged(
    'a proof',
    ({ job, store, verdict }) => job === 'verify' && store === 'near' && verdict === 'proven',
  );
  await first.untilLogged(
    'a failed copy',
    ({ job, store, msg }) => job === 'copy' && store === 'far' && msg === 'job failed',
  );
  const missing = `watchkeeper_backup_missing_copies{${labelsOf('far')}} 1`;
  await expect.poll(async () => (await first.get('/metrics')).text, { timeout: 20_000 }).toContain(missing);
  const broken = (await first.get('/metrics')).text;
  first.command.child.kill('SIGKILL');
  await first.command.exited;

  expect(backup).toMatchObject({ missingIn: 'far' });
  expect(broken).toContain(`watchkeeper_backup_store_failures_total{${labelsOf('far')},reason="store"} 1`);
  expect(broken).toContain(`watchkeeper_backup_missing_copies{${labelsOf('near')}} 0`);
  expect(broken).toMatch(new RegExp(`watchkeeper_rpo_seconds\\{${labelsOf('near')}\\} \\d`));
  expect(broken).toContain(`watchkeeper_rpo_seconds{${labelsOf('far')}} +Inf`);
  expect([...(await objectsIn(bucket)).keys()].some((key) => key.endsWith('manifest.json'))).toBe(false);
  expect(await moto.unfinishedUploads(bucket)).toBe(0);

  fault = () => undefined;
  await using second = await startDaemon(config);
  const copy = await second.untilLogged('a copy', ({ job, msg }) => job === 'copy' && msg === 'job succeeded');
  await second.untilLogged(
    'a proof of it',
    ({ job, store, verdict }) => job === 'verify' && store === 'far' && verdict === 'proven',
  );
  const whole = `watchkeeper_backup_missing_copies{${labelsOf('far')}} 0`;
  await expect.poll(async () => (await second.get('/metrics')).text, { timeout: 20_000 }).toContain(whole);

  expect(copy).toMatchObject({ store: 'far', copied: 1, waiting: 0 });
  expect(second.log().filter(({ job }) => job === 'backup')).toEqual([]);
  const [near, far] = [await filesIn(join(folder.path, 'near')), await objectsIn(bucket)];
  expect(withoutReports(far)).toEqual(withoutReports(near));
  expect(near.size).toBeGreaterThan(3);
});

test('list, verify, prune and restore know each copy, and do without a store that is away', async () => {
  const bucket = await moto.makeBucket();
  const config = await configure(bucket);
  await rename(join(folder.path, 'near'), join(folder.path, 'near-of-before')).catch(() => undefined);
  const taken = await runCommand([...config, '--json', 'backup', 'shop']);
  const [{ backup: id }] = JSON.parse(taken.out);

  const verified = await runCommand([...config, 'verify', id, '--store', 'far']);
  const listed = await runCommand([...config, '--json', 'list']);
  const pruned = await runCommand([...config, '--json', 'prune']);
  fault = () => ({ status: 403 });
  const listedWithout = await runCommand([...config, '--json', 'list']);
  const partly = await runCommand([...config, 'backup', 'shop']);
  fault = () => undefined;
  await rename(join(folder.path, 'near'), join(folder.path, 'near-is-gone'));
  const restored = await runCommand([...config, 'restore', id, '--into', 'shop_again'], {
    WATCHKEEPER_RESTORE_PASSWORD: 'pg-secret-1',
  });
  const unknown = await runCommand([...config, 'verify', 'shop', '--store', 'nowhere']);

  expect(taken.code).toBe(0);
  expect(verified.out).toContain('is PROVEN');
  const rows = (text: string) =>
    JSON.parse(text).map((one: { store: string; proven: boolean }) => [one.store, one.proven]);
  expect(rows(listed.out).sort()).toEqual([
    ['far', true],
    ['near', false],
  ]);
  expect(JSON.parse(pruned.out).map(({ lineage }: { lineage: { store: string } }) => lineage.store)).toEqual([
    'far',
    'near',
  ]);
  expect(rows(listedWithout.out)).toEqual([['near', false]]);
  expect(listedWithout.err).toContain('store "far" cannot be read');
  expect({ code: partly.code, out: partly.out }).toEqual({ code: 1, out: expect.stringContaining('MISSING IN far') });
  expect({ code: restored.code, out: restored.out }).toEqual({ code: 0, out: expect.stringContaining('facts equal') });
  expect({ code: unknown.code, err: unknown.err }).toEqual({
    code: 2,
    err: expect.stringContaining('no backups in a store "nowhere"'),
  });
});
