import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { collectIn, rowsOf } from '../../support/database-family.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
let shop: PostgresAccess;

const filled = (table: string, rest = '') =>
  `CREATE TABLE ${table} (id int) ${rest}; INSERT INTO ${table} SELECT generate_series(1, 1000);`;

/** Each with 1000 rows at the last vacuum and analyze, and then so many deleted. */
const deleted = { due: 500, not_yet: 200, strict: 60, lenient: 500, switched_off: 500, untouched: 0, letters: 10 };

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { autovacuum: 'off', autovacuum_naptime: '1s' } });
  await execute(cluster, 'postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
  const owner = await createDatabase(
    cluster,
    'shop',
    `${filled('due')} ${filled('not_yet')} ${filled('untouched')} ${filled('appended')}
     ${filled('strict', 'WITH (autovacuum_vacuum_threshold = 50, autovacuum_vacuum_scale_factor = 0)')}
     ${filled('lenient', 'WITH (autovacuum_vacuum_scale_factor = 0.95, autovacuum_analyze_threshold = 1000)')}
     ${filled('switched_off', 'WITH (autovacuum_enabled = off)')}
     CREATE TABLE letters (id int, text text) WITH (toast.autovacuum_vacuum_threshold = 10, toast.autovacuum_vacuum_scale_factor = 0);
     ALTER TABLE letters ALTER text SET STORAGE EXTERNAL;
     INSERT INTO letters SELECT i, repeat('x', 3000) FROM generate_series(1, 100) AS i`,
  );
  await execute(owner, 'shop', 'VACUUM ANALYZE');
  for (const [table, rows] of Object.entries(deleted)) {
    await execute(owner, 'shop', `DELETE FROM ${table} WHERE id <= ${rows}`);
  }
  await execute(owner, 'shop', `INSERT INTO appended SELECT generate_series(1, 2400); ${filled('fresh')}`);
  await vi.waitFor(async () => {
    const isCounted = "SELECT 1 FROM pg_stat_user_tables WHERE relname = 'fresh' AND n_live_tup = 1000";
    expect(await execute(owner, 'shop', isCounted)).toHaveLength(1);
  });
  shop = { ...owner, connection: { ...owner.connection, user: 'monitor' } };
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const ofTables = (rows: Record<string, number>) =>
  Object.fromEntries(Object.entries(rows).map(([name, value]) => [name.replace('public ', ''), value]));

test('each table stands against the thresholds that hold for it', async () => {
  const samples = await collectIn(shop, 'table_vacuum');

  const vacuum = ofTables(rowsOf(samples, 'pg_table_vacuum_due_ratio'));
  const analyze = ofTables(rowsOf(samples, 'pg_table_analyze_due_ratio'));
  expect(vacuum['due']).toBe(500 / (50 + 200));
  expect(vacuum['not_yet']).toBe(200 / (50 + 200));
  expect(vacuum['strict']).toBe(60 / 50);
  expect(vacuum['lenient']).toBe(500 / (50 + 950));
  expect(vacuum['appended']).toBe(2_400 / (1_000 + 200));
  expect(vacuum['letters']).toBe((2 * 10) / 10);
  expect(vacuum['untouched']).toBe(0);
  expect(analyze['due']).toBeCloseTo(500 / (50 + 100));
  expect(analyze['lenient']).toBeCloseTo(500 / (1_000 + 100));
  expect(analyze['appended']).toBeCloseTo(2_400 / (50 + 100));
  expect(ofTables(rowsOf(samples, 'pg_table_dead_rows_ratio'))).toMatchObject({ due: 0.5, strict: 0.06, untouched: 0 });
  expect(rowsOf(samples, 'pg_tables_vacuum_due')).toEqual({ '': 5 });
  expect(rowsOf(samples, 'pg_tables_autovacuum_disabled')).toEqual({ '': 1 });
  expect(rowsOf(samples, 'pg_tables_never_analyzed')).toEqual({ '': 1 });
  expect(rowsOf(samples, 'pg_tables_dead_rows')).toEqual({ '': 1_770 });
});

async function switchAutovacuum(to: 'on' | 'off'): Promise<void> {
  await execute(cluster, 'shop', `ALTER SYSTEM SET autovacuum = ${to}`);
  await execute(cluster, 'shop', 'SELECT pg_reload_conf()');
}

test('what is due is what autovacuum then vacuums', async () => {
  const samples = await collectIn(shop, 'table_vacuum');
  await switchAutovacuum('on');
  onTestFinished(() => switchAutovacuum('off'));

  const due = Object.entries(ofTables(rowsOf(samples, 'pg_table_vacuum_due_ratio')))
    .filter(([table, ratio]) => ratio > 1 && table !== 'switched_off')
    .map(([table]) => table);
  const vacuumed = `
    SELECT DISTINCT coalesce(c.relname, s.relname) AS relname
      FROM pg_stat_all_tables s LEFT JOIN pg_class c ON c.reltoastrelid = s.relid
     WHERE s.autovacuum_count > 0 AND 'public' IN (s.schemaname, c.relnamespace::regnamespace::text) ORDER BY relname`;
  await vi.waitFor(
    async () => {
      const rows = await execute(cluster, 'shop', vacuumed);
      expect(rows.map(({ relname }) => relname)).toEqual(due.sort());
    },
    { timeout: 30_000, interval: 250 },
  );
  expect(due).toEqual(['appended', 'due', 'letters', 'strict']);
});

test('the oldest tables are told by kind, a temporary one of another session among them', async () => {
  const signal = testSignal();
  const session = await openSession({ ...shop, connection: { ...shop.connection, user: 'postgres' } }, { signal });
  onTestFinished(() => session.destroy());
  await session.query('CREATE TEMPORARY TABLE forgotten (id int)', { signal });
  await execute(cluster, 'shop', 'CREATE TABLE strict_age (id int) WITH (autovacuum_freeze_max_age = 100000)');
  for (let count = 0; count < 3; count++) await execute(cluster, 'shop', 'SELECT txid_current()');

  const samples = await collectIn(shop, 'freeze_age', { findingLimit: 1_000 });

  const [oldest] = await execute(cluster, 'shop', "SELECT age(datfrozenxid) FROM pg_database WHERE datname = 'shop'");
  const ages = rowsOf(samples, 'pg_freeze_oldest_age_transactions');
  expect(Math.max(ages['table'] ?? 0, ages['catalog'] ?? 0)).toBeLessThanOrEqual(Number(oldest?.['age']));
  expect(ages['temporary']).toBeGreaterThan(2);
  expect(rowsOf(samples, 'pg_freeze_due_tables')).toEqual({ table: 0, catalog: 0, temporary: 0 });
  const ratios = rowsOf(samples, 'pg_table_freeze_due_ratio');
  const tableAges = rowsOf(samples, 'pg_table_freeze_age_transactions');
  expect(ratios['public strict_age']).toBe((tableAges['public strict_age'] ?? 0) / 100_000);
  expect(ratios['public due']).toBe((tableAges['public due'] ?? 0) / 200_000_000);
  expect(Object.keys(ratios)[0]).toBe('public strict_age');
});

test('a table that is being vacuumed is told by name in its own database, its long values as part of it', async () => {
  const signal = testSignal();
  await execute(
    cluster,
    'shop',
    `CREATE TABLE documents (id int, document text) WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off);
     ALTER TABLE documents ALTER document SET STORAGE EXTERNAL;
     INSERT INTO documents SELECT i, repeat('x', 9000) FROM generate_series(1, 200) AS i; DELETE FROM documents`,
  );
  const superuser = { ...shop, connection: { ...shop.connection, user: 'postgres' } };
  const session = await openSession(superuser, {
    signal,
    settings: { vacuum_cost_delay: '20', vacuum_cost_limit: '1' },
  });
  onTestFinished(() => session.destroy());
  session.query('VACUUM documents', { signal }).catch(() => undefined);
  const tablesSeen = async () => {
    const samples = await collectIn(shop, 'vacuuming_tables');
    return {
      ratio: rowsOf(samples, 'pg_vacuuming_table_scanned_ratio'),
      seconds: rowsOf(samples, 'pg_vacuuming_table_seconds'),
    };
  };

  await vi.waitFor(
    async () => {
      const { ratio, seconds } = await tablesSeen();
      expect(Object.keys(ratio)).toEqual(['public documents toast']);
      expect(ratio['public documents toast']).toBeGreaterThan(0);
      expect(seconds['public documents toast']).toBeGreaterThan(0);
    },
    { timeout: 20_000 },
  );
  expect((await collectIn(await createDatabase(cluster, 'other'), 'vacuuming_tables')).length).toBe(0);
});
