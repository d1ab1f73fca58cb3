import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession, type Row } from '../../../src/targets/postgres/session.ts';
import { collectIn, rowsOf } from '../../support/database-family.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { onlyFamily, scrapeOne, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { oddNames, shopTablesSql } from '../../support/shop-tables.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
let shop: PostgresAccess;

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { autovacuum: 'off' } });
  await execute(cluster, 'postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
  const owner = await createDatabase(cluster, 'shop', shopTablesSql);
  await execute(owner, 'shop', 'VACUUM customers');
  await execute(owner, 'shop', 'ANALYZE orders');
  await execute(
    owner,
    'shop',
    'SET enable_seqscan = off; SELECT name FROM customers WHERE id = 7; SELECT length(notes) FROM customers',
  );
  shop = { ...owner, connection: { ...owner.connection, user: 'monitor' } };
  await untilCounted();
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** The statistics of a session that ended are there a moment later. */
async function untilCounted(): Promise<void> {
  const sql = "SELECT 1 FROM pg_stat_user_tables WHERE relname = 'customers' AND idx_scan > 0 AND vacuum_count > 0";
  await vi.waitFor(async () => expect(await execute(cluster, 'shop', sql)).toHaveLength(1), { timeout: 10_000 });
}

const nameOf = (row: Row) => `${row['schemaname']} ${row['relname']}`;

/** What a view of the server says, in the form of {@link rowsOf}. */
async function viewRows(view: string, expression: string): Promise<Record<string, number>> {
  const rows = await execute(cluster, 'shop', `SELECT schemaname, relname, ${expression} AS value FROM ${view}`);
  return Object.fromEntries(rows.map((row) => [nameOf(row), Number(row['value'])]));
}

const counted = [
  'seq_scan',
  'seq_tup_read',
  'idx_scan',
  'idx_tup_fetch',
  'n_tup_ins',
  'n_tup_upd',
  'n_tup_del',
  'n_tup_hot_upd',
  'n_live_tup',
  'n_dead_tup',
  'n_mod_since_analyze',
  'vacuum_count',
  'autovacuum_count',
  'analyze_count',
  'autoanalyze_count',
];
const instants = ['last_vacuum', 'last_autovacuum', 'last_analyze', 'last_autoanalyze'];

test('the statistics of tables are those of the view pg_stat_user_tables', async () => {
  const samples = await collectIn(shop, 'user_tables');

  for (const column of counted) {
    const expected = await viewRows('pg_stat_user_tables', `coalesce(${column}, 0)`);
    expect(rowsOf(samples, `pg_stat_user_tables_${column}`), column).toEqual(expected);
  }
  for (const column of instants) {
    const expected = await viewRows('pg_stat_user_tables', `coalesce(extract(epoch FROM ${column}), 0)`);
    expect(rowsOf(samples, `pg_stat_user_tables_${column}`), column).toEqual(expected);
  }
  expect(rowsOf(samples, 'pg_stat_user_tables_n_live_tup')).toMatchObject({
    'public customers': 50,
    'public orders': 900,
  });
  expect(Object.keys(rowsOf(samples, 'pg_stat_user_tables_last_vacuumed_timestamp_seconds'))).toEqual([
    'public customers',
  ]);
  expect(Object.keys(rowsOf(samples, 'pg_stat_user_tables_last_analyzed_timestamp_seconds'))).toEqual([
    'public orders',
  ]);
});

test('the blocks of tables are those of the view pg_statio_user_tables', async () => {
  const samples = await collectIn(shop, 'statio_user_tables');

  for (const part of ['heap', 'idx', 'toast', 'tidx']) {
    for (const kind of ['read', 'hit']) {
      const expected = await viewRows('pg_statio_user_tables', `coalesce(${part}_blks_${kind}, 0)`);
      expect(rowsOf(samples, `pg_statio_user_tables_${part}_blocks_${kind}`), part).toEqual(expected);
    }
  }
  expect(rowsOf(samples, 'pg_statio_user_tables_toast_blocks_hit')['public customers']).toBeGreaterThan(0);
});

test('the statistics of indexes are those of the views, without asking them', async () => {
  const key = "schemaname, relname || ' ' || indexrelname AS relname";
  const ofView = async (view: string, column: string) => {
    const rows = await execute(cluster, 'shop', `SELECT ${key}, ${column} AS value FROM ${view}`);
    return Object.fromEntries(rows.map((row) => [nameOf(row), Number(row['value'])]));
  };

  const usage = await collectIn(shop, 'user_indexes');
  const blocks = await collectIn(shop, 'statio_user_indexes');

  for (const column of ['idx_scan', 'idx_tup_read', 'idx_tup_fetch']) {
    const expected = await ofView('pg_stat_user_indexes', column);
    expect(rowsOf(usage, `pg_stat_user_indexes_${column}_total`)).toEqual(expected);
  }
  for (const column of ['idx_blks_read', 'idx_blks_hit']) {
    const expected = await ofView('pg_statio_user_indexes', column);
    expect(rowsOf(blocks, `pg_statio_user_indexes_${column}_total`)).toEqual(expected);
  }
  expect(rowsOf(usage, 'pg_stat_user_indexes_idx_scan_total')['public customers customers_pkey']).toBe(1_001);
});

test('sizes are those of the files, long values told apart', async () => {
  const samples = await collectIn(shop, 'table_sizes');

  const relation = "format('%I.%I', schemaname, relname)::regclass";
  const sizes = rowsOf(samples, 'pg_stat_user_tables_table_size_bytes');
  const toast = rowsOf(samples, 'pg_stat_user_tables_toast_size_bytes');
  expect(sizes).toEqual(await viewRows('pg_stat_user_tables', `pg_table_size(${relation})`));
  expect(rowsOf(samples, 'pg_stat_user_tables_index_size_bytes')).toEqual(
    await viewRows('pg_stat_user_tables', `pg_indexes_size(${relation})`),
  );
  expect(toast['public customers']).toBeGreaterThan(50 * 4_000);
  expect(toast['public customers']).toBeLessThan(sizes['public customers'] ?? 0);
  expect(toast['public plain']).toBe(0);
});

test.each(['user_tables', 'statio_user_tables', 'table_sizes'])(
  'the family %s copes with odd names and leaves out what is no table of this database',
  async (family) => {
    const elsewhere = await openSession(withSuperuser(), { signal: testSignal() });
    await elsewhere.query('CREATE TEMPORARY TABLE passing (id int)', { signal: testSignal() });
    onTestFinished(() => elsewhere.destroy());
    await using scraper = testScraper([watched('shop', shop, onlyFamily(family))]);

    const samples = await scrapeOne(scraper, 'shop', testSignal());

    const labels = new Set(samples.map(({ metric, labelValues }) => labelValues[metric.labels.indexOf('relname')]));
    for (const name of oddNames) expect(labels).toContain(name);
    for (const name of ['passing', 'remote', 'names', 'pg_class']) expect(labels).not.toContain(name);
    for (const name of ['totals', 'of_extension', 'events_2024_a']) expect(labels).toContain(name);
    expect(valuesOf(samples, 'watchkeeper_collector_success')).toEqual({ [family]: 1 });
  },
);

function withSuperuser(): PostgresAccess {
  return { ...shop, connection: { ...shop.connection, user: 'postgres' } };
}

/** Sessions that run a statement in a transaction and stay. */
async function holding(sql: string): Promise<{ readonly answered: Promise<unknown> }> {
  const session = await openSession(withSuperuser(), { signal: testSignal() });
  onTestFinished(() => session.destroy());
  await session.query('BEGIN', { signal: testSignal() });
  return { answered: session.query(sql, { signal: testSignal() }).catch(() => undefined) };
}

/** What a test held is let go a moment after it. */
beforeEach(async () => {
  const sql = "SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND relation >= 16384 AND pid <> pg_backend_pid()";
  await vi.waitFor(async () => expect(await execute(cluster, 'shop', sql)).toEqual([]));
});

async function untilLockOf(relation: string, granted: boolean): Promise<void> {
  const sql = `SELECT 1 FROM pg_locks WHERE relation = '${relation}'::regclass AND mode = 'AccessExclusiveLock' AND granted = ${granted}`;
  await vi.waitFor(async () => expect(await execute(cluster, 'shop', sql)).toHaveLength(1));
}

test('a table that is being altered keeps its statistics and lacks its sizes; nothing waits for it', async () => {
  await (await holding('ALTER TABLE orders ADD note text')).answered;
  await (await holding('REINDEX TABLE customers')).answered;
  const startedMs = performance.now();

  const statistics = await collectIn(shop, 'user_tables');
  const sizes = await collectIn(shop, 'table_sizes');

  expect(performance.now() - startedMs).toBeLessThan(1_000);
  expect(rowsOf(statistics, 'pg_stat_user_tables_n_live_tup')['public orders']).toBe(900);
  const measured = rowsOf(sizes, 'pg_stat_user_tables_table_size_bytes');
  expect(measured['public plain']).toBe(8_192);
  expect(Object.keys(measured).filter((name) => /^public (orders|customers)$/.test(name))).toEqual([]);
  expect(rowsOf(sizes, 'pg_table_sizes_locked_tables')).toEqual({ '': 2 });
});

test('an exclusive lock that is still waited for counts as held: whoever asks would queue behind it', async () => {
  await (await holding('LOCK TABLE plain IN ACCESS SHARE MODE')).answered;
  await holding('TRUNCATE plain');
  await untilLockOf('plain', false);

  const sizes = await collectIn(shop, 'table_sizes');

  expect(rowsOf(sizes, 'pg_stat_user_tables_table_size_bytes')).not.toHaveProperty('public plain');
  expect(rowsOf(sizes, 'pg_table_sizes_locked_tables')).toEqual({ '': 1 });
});

test('a limit shows the largest, and how many are left out', async () => {
  await execute(cluster, 'shop', 'ANALYZE customers, orders, plain, events');

  const tables = await collectIn(shop, 'user_tables', { tableLimit: 2 });
  const indexes = await collectIn(shop, 'user_indexes', { tableLimit: 1 });

  expect(Object.keys(rowsOf(tables, 'pg_stat_user_tables_seq_scan')).sort()).toEqual([
    'public customers',
    'public orders',
  ]);
  const [all] = await execute(cluster, 'shop', 'SELECT count(*) AS n FROM pg_stat_user_tables');
  expect(rowsOf(tables, 'watchkeeper_collector_rows_dropped')).toEqual({ user_tables: Number(all?.['n']) - 2 });
  expect(rowsOf(indexes, 'watchkeeper_collector_rows_dropped')).toEqual({ user_indexes: 3 });
});

test('a partition tree is summed below its root, the default partition told apart', async () => {
  const samples = await collectIn(shop, 'partitions');

  expect(rowsOf(samples, 'pg_partitioned_table_partitions')).toEqual({ 'public events': 3 });
  expect(rowsOf(samples, 'pg_partitioned_table_live_rows')).toEqual({ 'public events': 400 });
  expect(rowsOf(samples, 'pg_partitioned_table_default_partition_rows')).toEqual({ 'public events': 34 });
});

test('an empty database has nothing to show and fails in nothing', async () => {
  const empty = await createDatabase(cluster, 'empty');

  const samples = await collectIn(empty, 'user_tables');

  expect(samples.map(({ metric, value }) => `${metric.name} ${value}`)).toEqual([
    'watchkeeper_collector_rows_dropped 0',
  ]);
});
