import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

const shopSql = `
  CREATE TYPE state AS ENUM ('open', 'paid');
  CREATE TABLE customers (id int PRIMARY KEY, name text);
  CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customers, state state DEFAULT 'open');
  COMMENT ON CONSTRAINT orders_customer_fkey ON orders IS 'who ordered';
  CREATE TABLE events (at date, customer int REFERENCES customers, what text) PARTITION BY RANGE (at);
  CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2025-01-01');
  CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2030-01-01');
  CREATE SCHEMA "Sales";
  CREATE TABLE "Sales"."Order Items" (id int);
  CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM orders;
  INSERT INTO customers SELECT n, 'c' || n FROM generate_series(1, 100) n;
  INSERT INTO orders (customer) SELECT n % 100 + 1 FROM generate_series(1, 1000) n;
  INSERT INTO events SELECT date '2024-12-01' + n, n, 'e' FROM generate_series(1, 60) n;
  INSERT INTO "Sales"."Order Items" SELECT generate_series(1, 7)`;

let cluster: Cluster;
let folder: WorkDirectory;
let config: readonly string[];
let store: string;
let first: string;
let second: string;

beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-restore-' });
  cluster = await startTestCluster();
  await createDatabase(cluster, 'shop', shopSql);
  const own = await mkdtemp(join(folder.path, 'case-'));
  store = join(own, 'store');
  config = await writeConfig(
    own,
    `
stores: { local: { type: filesystem, path: ${store} } }
targets:
  shop:
    engine: postgres
    url: ${formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, 'shop')}?sslmode=disable
    backups:
      nightly: { schedule: '0 2 * * *', keep: { last: 9 } }
`,
  );
  await runCommand([...config, 'backup', 'shop']);
  await runCommand([...config, 'verify', 'shop']);
  await runCommand([...config, 'backup', 'shop']);
  [first = '', second = ''] = (await readdir(join(store, 'shop'))).sort();
}, 120_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const restore = (...args: string[]) => runCommand([...config, 'restore', ...args]);
const countIn = (database: string, table: string) => execute(cluster, database, `SELECT count(*) FROM ${table}`);
const databaseExists = async (name: string) =>
  (await execute(cluster, 'postgres', `SELECT FROM pg_database WHERE datname = '${name}'`)).length > 0;

test('without a name for the database it tells what there is and what to type, and restores nothing', async () => {
  const guides = [await restore(), await restore('shop'), await restore('shop/shop')];

  for (const { code, out, err } of guides) {
    expect(code).toBe(2);
    expect(err).toContain('nothing was restored');
    expect(out).toMatch(
      new RegExp(`newest proven  ${first}, state of .* ago\\), .* in store local, proven .*, restored in`),
    );
    expect(out).toMatch(new RegExp(`newest         ${second}, .*, not yet tried`));
    expect(out).toContain(`watchkeeper restore ${first} --into shop_restored`);
  }
});

test('a database means its newest proven backup', async () => {
  const { code, out } = await restore('shop/shop', '--into', 'newest', '--json');

  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ backup: first, equal: true });
});

test('a target and a database that are not there are told with those that are', async () => {
  const unknown = await restore('nowhere', '--into', 'x');
  const noDatabase = await restore('shop/wrong', '--into', 'x');

  expect([unknown.code, noDatabase.code]).toEqual([2, 2]);
  expect(unknown.err).toContain('there is no backup nowhere');
  expect(noDatabase.err).toContain('there is no backup of shop/wrong; there are backups of: shop/shop');
});

test('a dry run looks at everything and touches nothing', async () => {
  const works = await restore(first, '--into', 'planned', '--dry-run');
  const taken = await restore(first, '--into', 'shop', '--dry-run');
  const replacing = await restore(first, '--into', 'shop', '--replace', 'shop', '--dry-run');

  expect(works.code).toBe(0);
  expect(works.out).toMatch(/✓ proven .* its restore took/);
  expect(works.out).toMatch(/✓ its data, .*, is in store local/);
  expect(works.out).toMatch(/✓ pg_restore \d+/);
  expect(works.out).toContain('✓ database "planned" will be made');
  expect(works.out).toContain(`nothing hinders restoring ${first} into "planned"`);
  expect(await databaseExists('planned')).toBe(false);
  expect(taken.code).toBe(1);
  expect(taken.out).toContain('✗ database "shop" exists already');
  expect(replacing.code).toBe(0);
  expect(await countIn('shop', 'orders')).toEqual([{ count: '1000' }]);
});

test('a dry run finds a role without rights, a missing part and a server that is not there', async () => {
  await execute(cluster, 'postgres', 'CREATE ROLE weak LOGIN');
  const { host, port } = cluster.access.connection;
  const part = join(store, 'shop', second, 'database.dump.zst');
  await truncate(part, 100);

  const weak = await restore(first, '--into', 'x', '--dry-run', '--server', `postgres://weak@${host}:${port}/postgres`);
  const damaged = await restore(second, '--into', 'x', '--dry-run');
  const away = await restore(first, '--into', 'x', '--dry-run', '--server', 'postgres://weak@127.0.0.1:1/postgres');

  expect([weak.code, damaged.code, away.code]).toEqual([1, 1, 1]);
  expect(weak.out).toMatch(/✗ role "weak" may not make databases\n\s+→ ALTER ROLE "weak" CREATEDB/);
  expect(damaged.out).toContain('! not proven');
  expect(damaged.out).toContain('✗ part database.dump.zst: store local has 100 B of');
  expect(away.out).toMatch(/✗ .*(refused|ECONNREFUSED)/);
  await rm(join(store, 'shop', second), { recursive: true });
});

test('some tables come back with their rows, and with every type and index they need', async () => {
  const { code, out } = await restore(
    ...[first, '--into', 'some', '--table', 'public.orders', '--table', 'events', '--table', 'public.events', '--json'],
  );
  const wrong = await restore(first, '--into', 'none', '--table', 'public.order');

  // Without its schema a name could mean several tables.
  expect(code).toBe(1);
  expect(out).toBe('');
  expect(await databaseExists('some')).toBe(false);
  expect(wrong.code).toBe(1);
  expect(wrong.err).toContain('the backup has no table public.order; write it as SCHEMA.NAME, as in SQL');
  expect(await databaseExists('none')).toBe(false);

  const right = await restore(
    ...[first, '--into', 'some', '--table', 'public.orders', '--table', 'public.events', '--schema', 'Sales', '--json'],
  );

  expect(right).toMatchObject({ code: 0 });
  const result = JSON.parse(right.out);
  // Rows and fingerprints of orders, two partitions and the table of the schema.
  expect(result).toMatchObject({ equal: true, differing: [] });
  expect(result.factsCompared).toBeGreaterThanOrEqual(4);
  expect(result.notes.join()).toContain('rows of 4 tables were restored; all others are there without rows');
  expect(result.notes.join()).toContain('2 foreign keys to rows that were not restored are left out');
  expect(await countIn('some', 'orders')).toEqual([{ count: '1000' }]);
  expect(await countIn('some', 'events')).toEqual([{ count: '60' }]);
  expect(await countIn('some', '"Sales"."Order Items"')).toEqual([{ count: '7' }]);
  expect(await countIn('some', 'customers')).toEqual([{ count: '0' }]);
  expect(await execute(cluster, 'some', 'INSERT INTO orders (customer) VALUES (1) RETURNING id, state')).toEqual([
    { id: '1001', state: 'open' },
  ]);
});

test('one partition comes back without the others, whatever its parent refers to', async () => {
  const { code, out } = await restore(first, '--into', 'partition', '--table', 'public.events_new', '--json');

  expect(code).toBe(0);
  expect(JSON.parse(out).notes.join()).toContain('rows of 1 table were restored');
  expect(await countIn('partition', 'events')).toEqual(await countIn('shop', 'events_new'));
});

test('a table and the one it refers to keep their foreign key', async () => {
  const both = await restore(
    first,
    '--into',
    'both',
    '--table',
    'public.orders',
    '--table',
    'public.customers',
    '--json',
  );

  expect(JSON.parse(both.out).notes.join()).not.toContain('foreign key');
  const sql =
    "SELECT conname, obj_description(oid) AS comment FROM pg_constraint WHERE contype = 'f' AND conrelid = 'orders'::regclass";
  expect(await execute(cluster, 'both', sql)).toEqual([{ conname: 'orders_customer_fkey', comment: 'who ordered' }]);
});

test('some tables never take the place of a whole database', async () => {
  const { code, err } = await restore(first, '--into', 'shop', '--replace', 'shop', '--table', 'public.orders');

  expect(code).toBe(6);
  expect(err).toContain('some tables cannot take the place of a whole database');
  expect(await countIn('shop', 'customers')).toEqual([{ count: '100' }]);
});
