import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { collectIn, rowsOf } from '../../support/database-family.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { autovacuum: 'off' } });
  await execute(cluster, 'postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

async function databaseOf(name: string, sql: string): Promise<PostgresAccess> {
  const access = await createDatabase(cluster, name, sql);
  return { ...access, connection: { ...access.connection, user: 'monitor' } };
}

/** `problem: index` or `problem: index < the one that covers it`, of the named ones. */
async function problemsOf(access: PostgresAccess): Promise<string[]> {
  const samples = await collectIn(access, 'index_health', { findingLimit: 100 });
  return samples
    .filter(({ metric }) => metric.name === 'pg_index_problem_index_bytes')
    .map(({ labelValues: [, , , index, problem, covered] }) => `${problem}: ${index}${covered ? ` < ${covered}` : ''}`)
    .sort();
}

const scanned = (sql: string) => `SET enable_seqscan = off; SET enable_bitmapscan = off; ${sql}`;

test('an index that nobody scans is told, those that are needed without a scan are not', async () => {
  const access = await databaseOf(
    'unused',
    `CREATE TABLE t (id int PRIMARY KEY, a int, b int, c int, d int NOT NULL, e int4range, f int);
     CREATE INDEX t_scanned ON t (a);
     CREATE INDEX t_never ON t (b);
     CREATE UNIQUE INDEX t_unique ON t (c);
     CREATE UNIQUE INDEX t_identity ON t (d);
     ALTER TABLE t REPLICA IDENTITY USING INDEX t_identity;
     ALTER TABLE t ADD EXCLUDE USING gist (e WITH &&);
     CREATE TABLE of_extension (id int);
     CREATE INDEX of_extension_id ON of_extension (id);
     ALTER EXTENSION plpgsql ADD TABLE of_extension`,
  );
  await execute(cluster, 'unused', `INSERT INTO t VALUES (1, 1, 1, 1, 1); ${scanned('SELECT 1 FROM t WHERE a = 1')}`);
  const isCounted = "SELECT 1 FROM pg_stat_user_indexes WHERE indexrelname = 't_scanned' AND idx_scan > 0";
  await vi.waitFor(async () => expect(await execute(cluster, 'unused', isCounted)).toHaveLength(1));

  const samples = await collectIn(access, 'index_health');

  expect(await problemsOf(access)).toEqual(['unused: t_never']);
  expect(rowsOf(samples, 'pg_index_problems')).toEqual({
    unused: 1,
    duplicate: 0,
    redundant: 0,
    invalid: 0,
  });
  expect(rowsOf(samples, 'pg_index_problem_bytes')['unused']).toBe(8_192);
  expect(rowsOf(samples, 'watchkeeper_collector_rows_dropped')).toEqual({ index_health: 0 });
});

test('duplicates are told with the index that stays: never the primary key, a constraint or the stricter one', async () => {
  const access = await databaseOf(
    'duplicates',
    `CREATE TABLE t (id int PRIMARY KEY, a int, b text, c int UNIQUE, d int, e int);
     CREATE INDEX t_of_key ON t (id);
     CREATE INDEX t_of_constraint ON t (c);
     CREATE INDEX t_first ON t (a);
     CREATE INDEX t_second ON t (a);
     CREATE INDEX t_other_order ON t (a DESC);
     CREATE INDEX t_part ON t (a) WHERE d > 0;
     CREATE INDEX t_same_part ON t (a)    WHERE   d > 0;
     CREATE INDEX t_other_part ON t (a) WHERE d > 1;
     CREATE INDEX t_lower ON t (lower(b));
     CREATE INDEX t_same_lower ON t   (  lower( b ) );
     CREATE INDEX t_upper ON t (upper(b));
     CREATE INDEX t_text ON t (b);
     CREATE INDEX t_pattern ON t (b text_pattern_ops);
     CREATE INDEX t_collated ON t (b COLLATE "POSIX");
     CREATE INDEX t_hash ON t USING hash (a);
     CREATE INDEX t_including ON t (d) INCLUDE (e);
     CREATE UNIQUE INDEX t_unique ON t (d) INCLUDE (e);
     CREATE UNIQUE INDEX t_unique_alone ON t (d)`,
  );

  const found = (await problemsOf(access)).filter((line) => line.startsWith('duplicate'));

  expect(found).toEqual([
    'duplicate: t_including < t_unique',
    'duplicate: t_of_constraint < t_c_key',
    'duplicate: t_of_key < t_pkey',
    'duplicate: t_same_lower < t_lower',
    'duplicate: t_same_part < t_part',
    'duplicate: t_second < t_first',
  ]);
});

test('an index whose columns begin another one is redundant, unless it does what the other does not', async () => {
  const access = await databaseOf(
    'redundant',
    `CREATE TABLE t (a int, b int, c int, d int);
     CREATE INDEX t_abc ON t (a, b, c);
     CREATE INDEX t_ab ON t (a, b);
     CREATE INDEX t_a ON t (a);
     CREATE INDEX t_b ON t (b);
     CREATE UNIQUE INDEX t_unique ON t (a, b) WHERE c > 0;
     CREATE INDEX t_a_partial ON t (a) WHERE d > 0;
     CREATE INDEX t_a_with_d ON t (a) INCLUDE (d);
     CREATE INDEX t_a_with_c ON t (a) INCLUDE (c);
     CREATE INDEX t_a_down ON t (a DESC);
     CREATE INDEX t_brin ON t USING brin (a)`,
  );

  const found = (await problemsOf(access)).filter((line) => line.startsWith('redundant'));

  expect(found).toEqual(['redundant: t_a < t_a_with_d', 'redundant: t_a_with_c < t_abc', 'redundant: t_ab < t_abc']);
});

test('what a failed build leaves is told, a build under way is not', async () => {
  const access = await databaseOf('builds', 'CREATE TABLE t (id int, n int); INSERT INTO t VALUES (1, 1), (1, 2)');
  await execute(cluster, 'builds', 'CREATE UNIQUE INDEX CONCURRENTLY t_failed ON t (id)').catch(() => undefined);
  const signal = testSignal();
  await using holder = await openSession(
    { ...access, connection: { ...access.connection, user: 'postgres' } },
    { signal },
  );

  const after = await problemsOf(access);
  const byOtherName = rowsOf(await collectIn(access, 'index_health'), 'pg_general_index_info_pg_relation_size');
  await execute(cluster, 'builds', 'DROP INDEX t_failed');
  await holder.query('BEGIN; DELETE FROM t', { signal });
  const building = execute(cluster, 'builds', 'CREATE INDEX CONCURRENTLY t_slow ON t (n)');
  onTestFinished(() => building.then(() => undefined));
  const isBuilding = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('t_slow')";
  await vi.waitFor(async () => expect(await execute(cluster, 'builds', isBuilding)).toHaveLength(1));
  const during = await problemsOf(access);
  await holder.query('ROLLBACK', { signal });

  expect(after).toEqual(['invalid: t_failed']);
  expect(Object.keys(byOtherName)).toEqual(['public t t_failed']);
  expect(during).toEqual([]);
});

test('an index of a partitioned table is one index: used when any part of it is, and as large as all of them', async () => {
  const access = await databaseOf(
    'partitioned',
    `CREATE TABLE p (a int, b int) PARTITION BY RANGE (a);
     CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
     CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
     CREATE INDEX p_a ON p (a);
     CREATE INDEX p_b ON p (b);
     CREATE INDEX p1_own ON p1 (b);
     INSERT INTO p SELECT i % 20, i FROM generate_series(1, 100) AS i;
     CREATE INDEX p_invalid ON ONLY p (a, b)`,
  );
  await execute(cluster, 'partitioned', scanned('SELECT 1 FROM p WHERE a = 3'));
  const isCounted = "SELECT 1 FROM pg_stat_user_indexes WHERE indexrelname = 'p1_a_idx' AND idx_scan > 0";
  await vi.waitFor(async () => expect(await execute(cluster, 'partitioned', isCounted)).toHaveLength(1));
  await execute(cluster, 'partitioned', 'ANALYZE');

  const samples = await collectIn(access, 'index_health');

  expect(await problemsOf(access)).toEqual([
    'duplicate: p1_own < p1_b_idx',
    'invalid: p_invalid',
    'unused: p1_own',
    'unused: p_b',
  ]);
  expect(rowsOf(samples, 'pg_index_problem_bytes')).toMatchObject({ unused: 3 * 16_384, invalid: 0 });
});

test('only the largest are named, and the others are counted', async () => {
  const access = await databaseOf(
    'limited',
    `CREATE TABLE t (a int, b int, c text);
     INSERT INTO t SELECT i, i, repeat('x', 100) FROM generate_series(1, 1000) AS i;
     CREATE INDEX t_small ON t (a); CREATE INDEX t_large ON t (c, a); CREATE INDEX t_other ON t (b)`,
  );

  const samples = await collectIn(access, 'index_health', { findingLimit: 1 });

  expect(Object.keys(rowsOf(samples, 'pg_index_problem_index_bytes'))).toEqual(['public t t_large unused ']);
  expect(rowsOf(samples, 'pg_index_problems')['unused']).toBe(3);
  expect(rowsOf(samples, 'watchkeeper_collector_rows_dropped')).toEqual({ index_health: 2 });
});

test('a foreign key without an index is told, one with any fitting index is not', async () => {
  const access = await databaseOf(
    'keys',
    `CREATE TABLE parent (a int, b int, PRIMARY KEY (a, b), UNIQUE (a));
     CREATE TABLE bare (a int CONSTRAINT bare_key REFERENCES parent (a));
     CREATE TABLE indexed (a int REFERENCES parent (a));
     CREATE INDEX ON indexed (a);
     CREATE TABLE swapped (x int, y int, z int, FOREIGN KEY (x, y) REFERENCES parent (a, b));
       CREATE INDEX ON swapped (y, x, z);
       CREATE TABLE half (x int, y int, CONSTRAINT half_key FOREIGN KEY (x, y) REFERENCES parent (a, b));
       CREATE INDEX ON half (y);
       CREATE TABLE filtered (a int CONSTRAINT filtered_key REFERENCES parent (a), done bool);
       CREATE INDEX ON filtered (a) WHERE done;
       CREATE TABLE not_null (a int REFERENCES parent (a));
       CREATE INDEX ON not_null (a) WHERE a IS NOT NULL;
       CREATE TABLE other_null (a int CONSTRAINT other_null_key REFERENCES parent (a), b int);
     CREATE INDEX ON other_null (a) WHERE b IS NOT NULL;
     CREATE TABLE nulls (a int CONSTRAINT nulls_key REFERENCES parent (a));
       CREATE INDEX ON nulls (a) WHERE a IS NULL;
       CREATE TABLE parts (a int CONSTRAINT parts_key REFERENCES parent (a)) PARTITION BY LIST (a);
       CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
       CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
       INSERT INTO parent VALUES (1, 1), (2, 2);
       INSERT INTO parts SELECT 1 + i % 2 FROM generate_series(1, 10) AS i;
       ANALYZE`,
  );

  const samples = await collectIn(access, 'missing_indexes');

  expect(rowsOf(samples, 'pg_missing_index_findings')).toEqual({ foreign_key: 6, sequential_scans: 0 });
  expect(rowsOf(samples, 'pg_missing_index_table_bytes')).toEqual({
    'foreign_key public parts parts_key': 2 * 8_192,
    'foreign_key public bare bare_key': 0,
    'foreign_key public half half_key': 0,
    'foreign_key public filtered filtered_key': 0,
    'foreign_key public nulls nulls_key': 0,
    'foreign_key public other_null other_null_key': 0,
  });
});

test('a large table that is scanned sequentially all the time is told, a small or an indexed one is not', async () => {
  const fill = (table: string, rows: number) =>
    `CREATE TABLE ${table} (id int PRIMARY KEY, n int); INSERT INTO ${table} SELECT i, i FROM generate_series(1, ${rows}) AS i;`;
  const access = await databaseOf(
    'scans',
    `${fill('large', 10_000)} ${fill('small', 9_000)} ${fill('looked_up', 10_000)}`,
  );
  const repeated = (sql: string) => `DO $$ BEGIN FOR i IN 1..100 LOOP PERFORM ${sql}; END LOOP; END $$;`;
  await execute(
    cluster,
    'scans',
    ['large', 'small', 'looked_up'].map((table) => repeated(`count(*) FROM ${table} WHERE n = i`)).join('') +
      repeated('1 FROM looked_up WHERE id = i') +
      repeated('1 FROM looked_up WHERE id = i'),
  );
  const isCounted = "SELECT 1 FROM pg_stat_user_tables WHERE relname = 'looked_up' AND idx_scan = 200";
  await vi.waitFor(async () => expect(await execute(cluster, 'scans', isCounted)).toHaveLength(1));

  const samples = await collectIn(access, 'missing_indexes');

  expect(rowsOf(samples, 'pg_missing_index_findings')).toEqual({ foreign_key: 0, sequential_scans: 1 });
  expect(rowsOf(samples, 'pg_missing_index_rows_read')).toEqual({ 'sequential_scans public large ': 1_000_000 });
});
