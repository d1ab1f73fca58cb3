import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { openFilesystemStore } from '../../../src/storage/filesystem.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { freePort } from '../../support/free-port.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
let folder: WorkDirectory;
let moto: Moto;
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-leftovers-' });
  cluster = await startTestCluster({ password: 'pg-secret-1' });
  await createDatabase(
    cluster,
    'shop',
    `CREATE TABLE orders AS SELECT generate_series(1, 200000) AS id;
     CREATE TABLE secret AS SELECT 1 AS id;
     CREATE ROLE keeper LOGIN PASSWORD 'pg-secret-2';
     GRANT SELECT ON orders TO keeper;`,
  );
  moto = await startMoto();
}, 120_000);
afterAll(async () => {
  for (const one of [moto, cluster, folder]) await one?.[Symbol.asyncDispose]();
});

async function configure(bucket: string, url: string): Promise<readonly string[]> {
  return writeConfig(
    folder.path,
    `
stores:
  near: { type: filesystem, path: ./${bucket} }
  far: { type: s3, bucket: ${bucket}, endpoint: '${moto.endpoint}', forcePathStyle: true, accessKeyId: testing, secretAccessKey: testing }
jobs: { retries: 2, retryDelay: 100ms }
targets:
  shop:
    engine: postgres
    url: ${url}
    backups: { nightly: { schedule: '0 2 * * *', stores: [near, far] } }
`,
  );
}

/** All but the records of leases, the last of which stays: its number says which one comes next. */
async function keysIn(bucket: string): Promise<{ readonly near: string[]; readonly far: string[] }> {
  const { Contents = [] } = await moto.client.send(new ListObjectsV2Command({ Bucket: bucket }));
  const near: string[] = [];
  await using store = await openFilesystemStore(`${folder.path}/${bucket}`, systemClock);
  for await (const { key } of store.list('', testSignal())) near.push(key);
  const others = (keys: string[]) => keys.filter((key) => !/^\.(leases|probe)\//.test(key));
  return { near: others(near), far: others(Contents.map(({ Key = '' }) => Key)) };
}

test.each([
  [
    'a target that is away',
    'connection',
    async () => `postgres://postgres@127.0.0.1:${await freePort()}/shop?sslmode=disable`,
  ],
  [
    'a table that may not be read',
    'privilege',
    async () => `postgres://keeper:pg-secret-2@127.0.0.1:${cluster.access.connection.port}/shop?sslmode=disable`,
  ],
])(
  'every try of a backup of %s leaves nothing in any store',
  async (_what, reason, urlOf) => {
    const bucket = await moto.makeBucket();
    const config = await configure(bucket, await urlOf());

    const failed = await runCommand([...config, 'backup', 'shop']);

    expect(failed).toMatchObject({ code: 1, err: expect.stringContaining(`FAILED (${reason})`) });
    expect(await keysIn(bucket)).toEqual({ near: [], far: [] });
  },
  60_000,
);
