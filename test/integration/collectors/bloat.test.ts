import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { collectIn, rowsOf } from '../../support/database-family.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

let cluster: Cluster;
let shop: PostgresAccess;

const tables = ['orders', 'wide', 'nullable', 'filled', 'toasted', 'untouched'];
const indexes = ['orders_pkey', 'orders_note', 'nullable_b', 'filled_lower', 'untouched_pkey'];
/** Of each ten rows nine go. */
const emptied = ['orders', 'wide', 'nullable', 'filled', 'toasted'];

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { autovacuum: 'off' } });
  await execute(cluster, 'postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
  const rows = (count: number) => `FROM generate_series(1, ${count}) AS i`;
  shop = await createDatabase(
    cluster,
    'shop',
    `CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, note text);
     INSERT INTO orders SELECT i, i, 'note ' || i ${rows(50_000)};
     CREATE INDEX orders_note ON orders (note, customer);
     CREATE TABLE wide (id int, note text);
     INSERT INTO wide SELECT i, repeat(md5(i::text), 20) ${rows(5_000)};
     CREATE TABLE nullable (a bigint, b bigint, c bigint, d bigint);
     INSERT INTO nullable SELECT i, CASE WHEN i % 2 = 0 THEN i END, NULL, i ${rows(50_000)};
     CREATE INDEX nullable_b ON nullable (b);
     CREATE TABLE filled (id bigint, name text) WITH (fillfactor = 50);
     INSERT INTO filled SELECT i, 'Name ' || i ${rows(50_000)};
     CREATE INDEX filled_lower ON filled (lower(name)) WITH (fillfactor = 70);
     CREATE TABLE toasted (id bigint, document text);
     ALTER TABLE toasted ALTER document SET STORAGE EXTERNAL;
     INSERT INTO toasted SELECT i, repeat('x', 9000) ${rows(1_000)};
     CREATE TABLE untouched (id bigint PRIMARY KEY, n bigint);
     INSERT INTO untouched SELECT i, i ${rows(50_000)};
     CREATE TABLE cleared (id int PRIMARY KEY, n int);
     INSERT INTO cleared SELECT i, i ${rows(50_000)};
     CREATE TABLE unknown (id int);
     INSERT INTO unknown SELECT i ${rows(1_000)};
     ${emptied.map((table) => `DELETE FROM ${table} WHERE ${table === 'nullable' ? 'a' : 'id'} % 10 <> 0;`).join('\n')}
     DELETE FROM cleared WHERE id < 50000`,
  );
  await execute(shop, 'shop', `VACUUM ANALYZE ${[...tables, 'cleared'].join(', ')}`);
  await execute(shop, 'shop', 'VACUUM unknown');
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** Bytes of tables and indexes as they are. */
async function sizes(): Promise<Record<string, number>> {
  const sql = `SELECT relname, CASE relkind WHEN 'r' THEN pg_relation_size(oid) + coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0)
                                    ELSE pg_relation_size(oid) END AS size
                 FROM pg_class WHERE relnamespace = 'public'::regnamespace`;
  const rows = await execute(cluster, 'shop', sql);
  return Object.fromEntries(rows.map((row) => [row['relname'] ?? '', Number(row['size'])]));
}

const lastWord = (rows: Record<string, number>) =>
  Object.fromEntries(Object.entries(rows).map(([labels, value]) => [labels.split(' ').at(-1) ?? '', value]));

test('the estimate is near to what writing tables and indexes anew gives back', async () => {
  const before = await sizes();
  const samples = await collectIn(shop, 'bloat', { findingLimit: 100 });
  await execute(cluster, 'shop', 'VACUUM FULL');
  const after = await sizes();

  const ofTables = lastWord(rowsOf(samples, 'pg_bloat_table_ratio'));
  const ofIndexes = lastWord(rowsOf(samples, 'pg_bloat_btree_ratio'));
  const given = (name: string) => 1 - (after[name] ?? 0) / (before[name] ?? 0);
  for (const name of tables) expect(Math.abs((ofTables[name] ?? -1) - given(name)), name).toBeLessThan(0.05);
  for (const name of indexes) expect(Math.abs((ofIndexes[name] ?? -1) - given(name)), name).toBeLessThan(0.05);
  expect(ofTables['orders']).toBeGreaterThan(0.85);
  expect(ofTables['untouched']).toBeLessThan(0.01);
  expect(lastWord(rowsOf(samples, 'pg_bloat_table_real_size'))['orders']).toBe(before['orders']);
  expect(lastWord(rowsOf(samples, 'pg_bloat_table_bloat_pct'))['orders']).toBeCloseTo(100 * (ofTables['orders'] ?? 0));
  expect(rowsOf(samples, 'pg_bloat_not_estimated')).toEqual({ table: 1, btree: 0 });
});

test('a role that sees no statistics is told what to grant, and sees the same with either grant', async () => {
  const monitor = { ...shop, connection: { ...shop.connection, user: 'monitor' } };
  const figures = async () => rowsOf(await collectIn(monitor, 'bloat'), 'pg_bloat_total_bytes');
  const asOwner = rowsOf(await collectIn(shop, 'bloat'), 'pg_bloat_total_bytes');

  await expect(collectIn(monitor, 'bloat')).rejects.toThrow('GRANT SELECT (starelid, staattnum');
  await execute(cluster, 'shop', 'GRANT pg_read_all_data TO monitor');
  expect(await figures()).toEqual(asOwner);
  await execute(
    cluster,
    'shop',
    `REVOKE pg_read_all_data FROM monitor;
     GRANT SELECT (starelid, staattnum, stainherit, stanullfrac, stawidth) ON pg_catalog.pg_statistic TO monitor`,
  );
  expect(await figures()).toEqual(asOwner);
});
