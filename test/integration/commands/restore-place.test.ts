import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { runCommand, startCommand, writeConfig } from '../../support/command-line.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

/** Building the index waits as long as a session of that name is there: a restore can be met in its middle. */
const shopSql = `
  CREATE FUNCTION wait(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
    BEGIN WHILE EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'stall restores') LOOP PERFORM pg_sleep(0.1), pg_stat_clear_snapshot(); END LOOP; RETURN n; END $$;
  CREATE TABLE orders AS SELECT 1 AS n; CREATE INDEX ON orders (public.wait(n)); CREATE SCHEMA old; CREATE TABLE old.orders (n int)`;

let cluster: Cluster;
let folder: WorkDirectory;
let config: readonly string[];
let id: string;
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-place-' });
  cluster = await startTestCluster();
  const { connection } = await createDatabase(cluster, 'shop', shopSql);
  config = await writeConfig(
    folder.path,
    `
stores: { local: { type: filesystem, path: store } }
targets:
  shop:
    engine: postgres
    url: ${formatConnectionUrl(connection)}?sslmode=disable
    backups: { nightly: { schedule: '0 2 * * *' } }
`,
  );
  id = JSON.parse((await runCommand([...config, 'backup', 'shop', '--json'])).out)[0].backup;
}, 120_000);
afterAll(async () => {
  for (const one of [cluster, folder]) await one[Symbol.asyncDispose]();
});

const restore = (...args: string[]) => runCommand([...config, 'restore', id, ...args]);
const databases = async (pattern: string) =>
  (await execute(cluster, 'postgres', `SELECT datname FROM pg_database WHERE datname ~ '${pattern}'`)).map(
    ({ datname }) => datname,
  );

test('a restore that is killed leaves nothing under the name, and the next one tells what it left', {
  timeout: 240_000,
}, async () => {
  const signal = new AbortController().signal;
  const stall = await openSession(cluster.access, { signal, applicationName: 'stall restores' });
  const killed = startCommand([...config, 'restore', id, '--into', 'killed']);
  const waiting = "SELECT FROM pg_stat_activity WHERE datname ~ '^killed_restoring_' AND query ~ 'CREATE INDEX'";
  await expect.poll(async () => (await execute(cluster, 'postgres', waiting)).length, { timeout: 60_000 }).toBe(1);
  killed.child.kill('SIGKILL');
  await killed.exited;
  const left = await databases('^killed');
  await stall[Symbol.asyncDispose]();

  const dryRun = await restore('--into', 'killed', '--dry-run');
  const again = await restore('--into', 'killed', '--json');

  expect(left).toEqual([expect.stringMatching(/^killed_restoring_[0-9a-f]{6}$/)]);
  const note = `database "${left[0]}" is of a restore that was not completed, or runs now: drop it when you are sure`;
  expect(dryRun).toMatchObject({ code: 0, out: expect.stringContaining(`! ${note}`) });
  expect(again.code, again.err).toBe(0);
  expect(JSON.parse(again.out)).toMatchObject({ database: 'killed', equal: true, notes: [note] });
});

test('the database that sessions usually enter can be replaced, too', { timeout: 120_000 }, async () => {
  const { code, out, err } = await restore('--into', 'postgres', '--replace', 'postgres', '--json');

  expect(code, err).toBe(0);
  const { replaced } = JSON.parse(out);
  expect(await execute(cluster, 'postgres', 'SELECT n FROM orders')).toEqual([{ n: '1' }]);
  expect(await databases('^postgres_before_')).toEqual([replaced]);
});

test('what would fail at the end of a restore is refused at its beginning', { timeout: 120_000 }, async () => {
  await execute(cluster, 'shop', 'CREATE ROLE weak LOGIN; CREATE ROLE maker LOGIN CREATEDB');
  const as = (role: string) => {
    const { host, port } = cluster.access.connection;
    return ['--server', `postgres://${role}@${host}:${port}/shop?sslmode=disable`];
  };

  const refusals = [
    await restore('--into', 'x', ...as('weak')),
    await restore('--into', 'shop', '--replace', 'shop', ...as('maker')),
    await restore('--into', 'x', '--table', 'Public.orders', '--table', 'orders'),
    await restore('--into', 'x', '--table', 'nowhere.orders', '--dry-run'),
    await restore('--into', 'x', '--schema', 'older'),
  ];

  const told = refusals.map(({ code, out, err }) => [code, (out + err).trim()]);
  expect(told).toEqual([
    [1, 'watchkeeper: role "weak" may not make databases (ALTER ROLE "weak" CREATEDB); nothing was touched'],
    [1, 'watchkeeper: only the owner of database "shop" may rename it; nothing was touched'],
    [1, expect.stringMatching(/has no table orders; write it as SCHEMA.NAME, as in SQL \(there is .*old\.orders.*\)$/)],
    [1, expect.stringMatching(/✗ the backup has no table nowhere\.orders; .*public\.orders/)],
    [1, 'watchkeeper: the backup has no table in schema older; write it as it is, without quotes'],
  ]);
  expect(await databases('^x|_restoring_[0-9a-f]+$')).toEqual([expect.stringMatching(/^killed_restoring_/)]);
});

test('a name that PostgreSQL would cut, or that is none, is refused', { timeout: 60_000 }, async () => {
  const long = await restore('--into', 'ü'.repeat(32));
  const none = await restore('--into', '');

  expect([long.code, none.code]).toEqual([2, 2]);
  expect(long.err).toContain('--into needs a name of 1 to 63 bytes');
});
