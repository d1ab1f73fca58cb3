import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { writeConfig } from '../../support/command-line.ts';
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
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-proof-retries-' });
  cluster = await startTestCluster({ password: 'pg-secret-1' });
  await createDatabase(cluster, 'shop', 'CREATE TABLE orders AS SELECT generate_series(1, 100000) AS id');
  moto = await startMoto();
  proxy = await startFaultyProxy(moto.endpoint, (request) => fault(request));
}, 120_000);
afterAll(async () => {
  for (const one of [proxy, moto, cluster, folder]) await one?.[Symbol.asyncDispose]();
});

test('a proof that a store goes away from is tried again, soon and by itself, and leaves no word about the backup', async () => {
  const bucket = await moto.makeBucket();
  const { port } = cluster.access.connection;
  const config = await writeConfig(
    folder.path,
    `
listen: 127.0.0.1:0
stores: { far: { type: s3, bucket: ${bucket}, endpoint: '${proxy.endpoint}', forcePathStyle: true, accessKeyId: testing, secretAccessKey: testing } }
jobs: { retries: 0 }
targets:
  shop:
    engine: postgres
    url: postgres://postgres@127.0.0.1:${port}/shop?sslmode=disable
    password: pg-secret-1
    backups: { yearly: { schedule: '0 2 1 1 *', verify: { tries: 20, retryAfter: 1s } } }
`,
  );
  const keys = async () => {
    const { Contents = [] } = await moto.client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key = '' }) => Key);
  };
  const isReport = (key: string) => key.includes('verified-') || key.startsWith('.proofs/');
  // The first answer ends in the middle of the dump; from then on the dump is refused.
  let reads = 0;
  fault = ({ method, path }) => {
    if (method !== 'GET' || !path.includes('database.dump')) return undefined;
    return reads++ === 0 ? 'cut_body' : { status: 403 };
  };

  await using daemon = await startDaemon(config);
  const failed = await daemon.untilLogged('a failed proof', ({ job, msg }) => job === 'verify' && msg === 'job failed');
  const again = await daemon.untilLogged(
    'another failure',
    ({ job, msg, nextTry }) => job === 'verify' && msg === 'job is tried again' && nextTry === 3,
  );
  const meanwhile = await keys();
  await vi.waitFor(
    async () => {
      const { text } = await daemon.get('/metrics');
      expect(text).toMatch(/watchkeeper_job_failures_total\{[^}]*kind="verify",reason="store"\} [2-9]/);
      expect(text).toMatch(/watchkeeper_proof_last_attempt_timestamp_seconds\{[^}]*\} 0\n/);
      expect(text).not.toMatch(/watchkeeper_proof_last_verdict\{[^}]*\} 1/);
    },
    { timeout: 30_000, interval: 200 },
  );
  fault = () => undefined;
  await daemon.untilLogged('a proof', ({ job, verdict }) => job === 'verify' && verdict === 'proven');

  expect(failed).toMatchObject({ reason: 'store', tries: 1 });
  expect(again).toMatchObject({ of: 20, store: 'far' });
  expect(meanwhile.filter(isReport)).toEqual([]);
  expect((await keys()).filter(isReport)).toHaveLength(2);
}, 180_000);
