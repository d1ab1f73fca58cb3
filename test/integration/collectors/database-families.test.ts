import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { postgresCollectors } from '../../../src/collectors/postgres/index.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import { withDatabase } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { collectIn, rowsOf } from '../../support/database-family.ts';
import { createDatabase, execute, startTestCluster, startTestStandby } from '../../support/postgres.ts';
import { shopTablesSql } from '../../support/shop-tables.ts';
import { testSignal } from '../../support/test-context.ts';

const families = postgresCollectors.filter(({ scope }) => scope === 'database').map(({ name }) => name);
let primary: Cluster;
let standby: Cluster;
let shop: PostgresAccess;

beforeAll(async () => {
  primary = await startTestCluster({ settings: { autovacuum: 'off' } });
  standby = await startTestStandby(primary);
  const unlogged = 'CREATE UNLOGGED TABLE passing (id serial PRIMARY KEY, note text)';
  shop = await createDatabase(primary, 'shop', `${shopTablesSql}; ${unlogged}; ANALYZE`);
  const isThere = 'SELECT 1 FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()';
  await vi.waitFor(async () => expect(await execute(primary, 'postgres', isThere)).toHaveLength(1), {
    timeout: 20_000,
  });
});

afterAll(async () => {
  await standby?.[Symbol.asyncDispose]();
  await primary?.[Symbol.asyncDispose]();
});

test.each(families)('the family %s works on a standby, where unlogged tables are empty shells', async (family) => {
  const samples = await collectIn(withDatabase(standby.access, 'shop'), family);

  const shown = samples.filter(({ metric }) => metric.name !== 'watchkeeper_collector_rows_dropped');
  expect(shown.length > 0).toBe(family !== 'vacuuming_tables');
});

test('a standby tells the sizes, indexes and sequences of its primary, without unlogged sequences', async () => {
  const onStandby = withDatabase(standby.access, 'shop');

  const sizes = rowsOf(await collectIn(onStandby, 'table_sizes'), 'pg_stat_user_tables_table_size_bytes');
  const used = rowsOf(await collectIn(onStandby, 'sequences'), 'pg_sequence_values_left');

  const onPrimary = rowsOf(await collectIn(shop, 'table_sizes'), 'pg_stat_user_tables_table_size_bytes');
  expect(sizes['public orders']).toBe(onPrimary['public orders']);
  expect(Object.keys(used)).not.toContain('public passing_id_seq passing id false');
  expect(Object.keys(used)).toContain('public orders_id_seq orders id false');
});

test('tables that come and go while they are looked at fail no family', async () => {
  const signal = testSignal();
  let isOver = false;
  const churning = async (name: string) => {
    await using session = await openSession(shop, { signal });
    while (!isOver) {
      await session.query(`CREATE TABLE ${name} (id serial PRIMARY KEY, n int REFERENCES customers, note text)`, {
        signal,
      });
      await session.query(`DROP TABLE ${name}`, { signal });
    }
  };
  const churn = Promise.all([churning('brief'), churning('transient')]);
  const failures: string[] = [];

  for (let round = 0; round < 10; round++) {
    for (const family of families) {
      await collectIn(shop, family).catch((error: Error) => failures.push(`${family}: ${error.message}`));
    }
  }
  isOver = true;
  await churn;

  expect(failures).toEqual([]);
});
