import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLog } from '../../../src/core/log.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { type Server, startServer } from '../../../src/server.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
let folder: WorkDirectory;
beforeAll(async () => {
  cluster = await startTestCluster();
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-databases-' });
  for (const name of ['shop_berlin', 'shop_test', 'warehouse'])
    await createDatabase(cluster, name, 'CREATE TABLE t (a int)');
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

/** A daemon in this process, with a store of its own. */
async function start(store: string, databases: string): Promise<Server> {
  const { port } = cluster.access.connection;
  const file = join(folder.path, `${store}.yaml`);
  await writeFile(
    file,
    `
listen: 127.0.0.1:0
stores: { local: { type: filesystem, path: ./${store} } }
targets:
  server:
    engine: postgres
    url: postgres://postgres@127.0.0.1:${port}/postgres?sslmode=disable
    backups: { nightly: { schedule: '0 2 1 1 *', databases: ${databases}, keep: { last: 2 }, verify: false } }
`,
  );
  const loaded = await loadConfig(file, process.env);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return startServer({
    config: loaded.config,
    environment: process.env,
    clock: systemClock,
    log: silentLog,
    signal: testSignal(),
  });
}

const databasesOf = (server: Server) => server.assembly.lineages.map(({ database }) => database);
const jobsOf = (server: Server) => server.scheduler.jobs().map(({ job }) => `${job.kind} ${job.lineage.database}`);
const storedOf = async (server: Server) => {
  const { catalog } = server.assembly.storeOf('local');
  catalog.forget('server');
  const { entries } = await catalog.read('server', testSignal());
  return entries.map(({ manifest }) => manifest.database).sort();
};

test('all databases of a server are backed up, templates and those that allow no connection left out', async () => {
  await execute(cluster, 'postgres', 'CREATE DATABASE closed ALLOW_CONNECTIONS false');
  await using server = await start('all', 'all');

  await server.scheduler.idle();

  expect(await storedOf(server)).toEqual(['postgres', 'shop_berlin', 'shop_test', 'warehouse']);
});

test('a database that is made later is backed up too, and of one that is dropped the backups stay under retention', async () => {
  await using server = await start('patterns', '{ include: ["shop_*"], exclude: ["*_test"] }');
  await server.scheduler.idle();
  expect(databasesOf(server)).toEqual(['shop_berlin']);

  await createDatabase(cluster, 'shop_paris', 'CREATE TABLE t (a int)');
  await server.rediscover();
  await server.scheduler.idle();

  expect(databasesOf(server)).toEqual(['shop_berlin', 'shop_paris']);
  expect(await storedOf(server)).toEqual(['shop_berlin', 'shop_paris']);
  const page = await (await fetch(`${server.url}/metrics`)).text();
  expect(page).toContain(
    'watchkeeper_backup_last_success_timestamp_seconds{target="server",schedule="nightly",database="shop_paris"',
  );

  await execute(cluster, 'postgres', 'DROP DATABASE shop_berlin');
  await server.rediscover();

  expect(databasesOf(server)).toEqual(['shop_paris']);
  expect(jobsOf(server).sort()).toEqual(['backup shop_paris', 'prune shop_berlin', 'prune shop_paris']);
  // A policy speaks for them still.
  await expect
    .poll(async () => (await fetch(`${server.url}/metrics`)).text())
    .toContain('watchkeeper_store_unconfigured_backups{target="server",store="local"} 0');
});

test('while the server is away nothing of what it had disappears', async () => {
  await using server = await start('away', '{ include: ["ware*"] }');
  await server.scheduler.idle();

  await cluster.stop('fast');
  await server.rediscover();
  const known = databasesOf(server);
  await using restarted = await start('away', '{ include: ["ware*"] }');
  const afterRestart = databasesOf(restarted);
  await cluster.start(testSignal());

  expect([known, afterRestart]).toEqual([['warehouse'], ['warehouse']]);
});
