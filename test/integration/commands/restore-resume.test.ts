import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { keptPrefix } from '../../../src/jobs/kept-folders.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { runCommand, startCommand, writeConfig } from '../../support/command-line.ts';
import { type ProxyFault, startFaultyProxy } from '../../support/faulty-proxy.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

// Some 13 MB that cannot be compressed: four pieces.
const shopSql = `CREATE TABLE blobs AS SELECT n, string_agg(sha512(convert_to(n || ' ' || i, 'UTF8')), '') AS b
  FROM generate_series(1, 40) n, generate_series(1, 5000) i GROUP BY n`;

let cluster: Cluster;
let moto: Moto;
let folder: WorkDirectory;
let spool: string;
/** What happens to the requests for the dump, one after the other; none happens to those after the last. */
let faults: ProxyFault[] = [];
let proxy: Awaited<ReturnType<typeof startFaultyProxy>>;
let config: readonly string[];

beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-resume-' });
  spool = join(folder.path, 'spool');
  await mkdir(spool);
  cluster = await startTestCluster();
  moto = await startMoto();
  proxy = await startFaultyProxy(moto.endpoint, ({ method, path }) =>
    method === 'GET' && path.includes('database.dump.zst') ? faults.shift() : undefined,
  );
  const access = await createDatabase(cluster, 'shop', shopSql);
  config = await writeConfig(
    folder.path,
    `
stores:
  bucket: { type: s3, bucket: ${await moto.makeBucket()}, endpoint: '${proxy.endpoint}', forcePathStyle: true, accessKeyId: testing, secretAccessKey: testing }
targets:
  shop:
    engine: postgres
    url: ${formatConnectionUrl(access.connection)}?sslmode=disable
    backups:
      nightly: { schedule: '0 2 * * *', keep: { last: 9 }, spoolDirectory: ${spool} }
`,
  );
  for (const work of ['backup', 'verify'])
    expect(await runCommand([...config, work, 'shop'])).toMatchObject({ code: 0 });
}, 240_000);

afterAll(async () => {
  for (const one of [cluster, proxy, moto, folder]) await one?.[Symbol.asyncDispose]();
});

const restoring = (into: string) => [...config, 'restore', 'shop/shop', '--into', into, '--json'];
const countIn = (database: string) => execute(cluster, database, 'SELECT count(*) FROM blobs');

/** Bytes of the dump that lie in the spool. */
async function keptBytes(): Promise<number> {
  const [name] = (await readdir(spool)).filter((one) => one.startsWith(keptPrefix));
  if (name === undefined) return 0;
  return stat(join(spool, name, 'part-0')).then(
    ({ size }) => size,
    () => 0,
  );
}

test('a connection that breaks again and again at any place costs nothing but time', { timeout: 240_000 }, async () => {
  faults = [3_000_001, 12, 5_654_321, 1, 4_000_000].map((cutAfterBytes) => ({ cutAfterBytes }));

  const { code, out, err } = await runCommand(restoring('broken'));

  expect([code, err]).toEqual([0, expect.any(String)]);
  expect(JSON.parse(out)).toMatchObject({ equal: true, notes: [] });
  expect(faults).toEqual([]);
  expect(await countIn('broken')).toEqual([{ count: '40' }]);
  expect(await readdir(spool)).toEqual([]);
});

test('a restore that was killed is gone on with by the next one', { timeout: 240_000 }, async () => {
  faults = [{ stallAfterBytes: 6_000_000 }];
  const killed = startCommand(restoring('killed'));
  await expect.poll(keptBytes, { timeout: 60_000 }).toBeGreaterThan(5_900_000);
  killed.child.kill('SIGKILL');
  await killed.exited;
  faults = [{ stallAfterBytes: 5_000_000 }];
  const ended = startCommand(restoring('killed'));
  await expect.poll(keptBytes, { timeout: 60_000 }).toBeGreaterThan(9_000_000);
  ended.child.kill('SIGTERM');
  expect(await ended.exited).not.toBe(0);
  faults = [];

  const { code, out, err } = await runCommand(restoring('killed'));

  expect([code, err]).toEqual([0, expect.any(String)]);
  expect(JSON.parse(out)).toMatchObject({
    equal: true,
    notes: ['8.0 MiB had been fetched before, by a restore that was not completed'],
  });
  expect(await countIn('killed')).toEqual([{ count: '40' }]);
  expect(await readdir(spool)).toEqual([]);
});
