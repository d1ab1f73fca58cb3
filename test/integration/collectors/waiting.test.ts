import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { Sample } from '../../../src/core/metric.ts';
import { withDatabase } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession, type PostgresSession } from '../../../src/targets/postgres/session.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { scrapeOne, singleValue, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

const signal = new AbortController().signal;
let cluster: Cluster;

beforeAll(async () => {
  const settings = { max_prepared_transactions: '5', wal_level: 'logical', autovacuum: 'off' };
  cluster = await startTestCluster({ settings });
  await createDatabase(
    cluster,
    'shop',
    'CREATE TABLE orders (id int); INSERT INTO orders SELECT generate_series(1, 9)',
  );
});

afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** A session of the shop that lasts as long as the test. */
async function shopSession(applicationName: string): Promise<PostgresSession & { readonly pid: string }> {
  const session = await openSession(withDatabase(cluster.access, 'shop'), { signal, applicationName });
  onTestFinished(() => session.destroy());
  const [row] = await session.query('SELECT pg_backend_pid() AS pid', { signal });
  return Object.assign(session, { pid: row?.['pid'] ?? '' });
}

/** Asks for a lock of the table that is not granted. */
async function waitFor(session: PostgresSession & { readonly pid: string }, mode: string): Promise<void> {
  session.query(`BEGIN; LOCK TABLE orders IN ${mode} MODE`, { signal }).catch(() => undefined);
  const sql = `SELECT 1 FROM pg_stat_activity WHERE pid = ${session.pid} AND wait_event_type = 'Lock'`;
  await vi.waitFor(async () => expect(await execute(cluster, 'shop', sql)).toHaveLength(1), { timeout: 10_000 });
}

async function scrape(): Promise<readonly Sample[]> {
  await using scraper = testScraper([watched('server', cluster.access)]);
  return await scrapeOne(scraper, 'server', testSignal());
}

test('nobody waits: all is 0 and nobody is named', async () => {
  const samples = await scrape();

  expect(valuesOf(samples, 'pg_blocked_sessions')).toMatchObject({ shop: 0, postgres: 0 });
  expect(valuesOf(samples, 'pg_blocked_sessions_longest_seconds')).toMatchObject({ shop: 0 });
  expect(singleValue(samples, 'pg_blocking_heads')).toBe(0);
  expect(singleValue(samples, 'pg_blocking_chain_depth')).toBe(0);
  expect(valuesOf(samples, 'pg_blocking_wait_seconds')).toEqual({});
});

test('a chain of three sessions is told from its head to its end', async () => {
  const head = await shopSession('forgotten');
  await head.query('BEGIN; SELECT count(*) FROM orders', { signal });
  const middle = await shopSession('migration');
  await waitFor(middle, 'ACCESS EXCLUSIVE');
  const end = await shopSession('checkout');
  await waitFor(end, 'ACCESS SHARE');

  const samples = await scrape();

  expect(valuesOf(samples, 'pg_blocked_sessions')).toMatchObject({ shop: 2, postgres: 0 });
  expect(valuesOf(samples, 'pg_blocked_sessions_longest_seconds')['shop']).toBeGreaterThan(0);
  expect(singleValue(samples, 'pg_blocking_sessions')).toBe(2);
  expect(singleValue(samples, 'pg_blocking_heads')).toBe(1);
  expect(singleValue(samples, 'pg_blocking_chain_depth')).toBe(2);
  expect(valuesOf(samples, 'watchkeeper_collector_rows_dropped')).toMatchObject({ 'blocking ': 0 });
  expect(valuesOf(samples, 'pg_blocking_head_blocked_sessions')).toEqual({
    [`shop ${head.pid} postgres forgotten idle in transaction`]: 2,
  });
  expect(Object.values(valuesOf(samples, 'pg_blocking_head_transaction_seconds'))[0]).toBeGreaterThan(0);
  expect(Object.keys(valuesOf(samples, 'pg_blocking_wait_seconds'))).toEqual([
    `shop ${middle.pid} postgres migration ${head.pid} postgres forgotten`,
    `shop ${end.pid} postgres checkout ${middle.pid} postgres migration`,
  ]);
  expect(valuesOf(samples, 'pg_locks_waiting')).toMatchObject({
    'shop accessexclusivelock': 1,
    'shop accesssharelock': 1,
  });
});

test('a prepared transaction is told, with its age, as what others wait for and as what keeps dead rows', async () => {
  const session = await shopSession('two-phase');
  await session.query('BEGIN; LOCK TABLE orders; INSERT INTO orders VALUES (0)', { signal });
  await session.query("PREPARE TRANSACTION 'left behind'", { signal });
  onTestFinished(async () => void (await execute(cluster, 'shop', "ROLLBACK PREPARED 'left behind'")));
  await execute(cluster, 'postgres', 'CREATE TABLE ids (); DROP TABLE ids');
  const waiter = await shopSession('checkout');
  await waitFor(waiter, 'ACCESS SHARE');

  const samples = await scrape();

  expect(valuesOf(samples, 'pg_prepared_transactions_open')).toMatchObject({ shop: 1, postgres: 0 });
  expect(valuesOf(samples, 'pg_prepared_transactions_oldest_seconds')['shop']).toBeGreaterThan(0);
  expect(valuesOf(samples, 'pg_blocking_head_blocked_sessions')).toEqual({ 'shop 0   ': 1 });
  expect(valuesOf(samples, 'pg_blocking_head_transaction_seconds')).toEqual({});
  expect(valuesOf(samples, 'pg_xmin_horizon_holders')).toMatchObject({ prepared_transaction: 1 });
  expect(valuesOf(samples, 'pg_xmin_horizon_age_transactions')['prepared_transaction']).toBeGreaterThan(0);
});

test('a session that sits in its transaction is told, with how long, and its snapshot as what keeps dead rows', async () => {
  const idle = await shopSession('forgotten');
  await idle.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM orders', { signal });
  for (let i = 0; i < 3; i++) await execute(cluster, 'postgres', 'CREATE TABLE ids (); DROP TABLE ids');

  const samples = await scrape();

  expect(valuesOf(samples, 'pg_idle_in_transaction_sessions')).toMatchObject({ shop: 1, postgres: 0 });
  expect(valuesOf(samples, 'pg_idle_in_transaction_oldest_seconds')['shop']).toBeGreaterThan(0);
  expect(valuesOf(samples, 'pg_xmin_horizon_age_transactions')['session']).toBeGreaterThanOrEqual(3);
});

test('a logical slot that nobody reads tells which rows of the catalogue it keeps', async () => {
  await execute(cluster, 'shop', "SELECT pg_create_logical_replication_slot('forgotten', 'test_decoding')");
  onTestFinished(async () => void (await execute(cluster, 'shop', "SELECT pg_drop_replication_slot('forgotten')")));
  for (let i = 0; i < 3; i++) await execute(cluster, 'shop', 'CREATE TABLE ids (); DROP TABLE ids');

  const samples = await scrape();

  const ages = valuesOf(samples, 'pg_replication_slots_catalog_xmin_age_transactions');
  expect(ages['forgotten logical']).toBeGreaterThanOrEqual(3);
  expect(valuesOf(samples, 'pg_xmin_horizon_age_transactions')['replication_slot']).toBe(ages['forgotten logical']);
  expect(valuesOf(samples, 'pg_replication_slots_invalidated')).toEqual({});
});

test('decoding that does not fit in memory is counted as spilled', async () => {
  await execute(cluster, 'shop', "SELECT pg_create_logical_replication_slot('reader', 'test_decoding')");
  onTestFinished(async () => void (await execute(cluster, 'shop', "SELECT pg_drop_replication_slot('reader')")));
  // What is decoded is what was flushed.
  const sql = 'SET synchronous_commit = on; CREATE TABLE bulk AS SELECT generate_series(1, 20000) AS id';
  await execute(cluster, 'shop', sql);
  await execute(
    cluster,
    'shop',
    "SET logical_decoding_work_mem = '64kB'; SELECT count(*) FROM pg_logical_slot_get_changes('reader', NULL, NULL)",
  );

  await vi.waitFor(async () => {
    const samples = await scrape();
    expect(valuesOf(samples, 'pg_stat_replication_slots_spill_bytes_total')['reader']).toBeGreaterThan(64_000);
    expect(valuesOf(samples, 'pg_stat_replication_slots_txns_total')['reader']).toBeGreaterThan(0);
  });
});

test('locks that belong to no table are told by their type, and how full the lock table is', async () => {
  const session = await shopSession('queue');
  const before = singleValue(await scrape(), 'pg_locks_table_used_ratio') ?? 0;
  await session.query('SELECT count(pg_advisory_lock(i)) FROM generate_series(1, 1000) i', { signal });

  const samples = await scrape();

  expect(valuesOf(samples, 'pg_locks_held_by_type')).toMatchObject({ advisory: 1_000, page: 0 });
  expect(valuesOf(samples, 'pg_locks_waiting_by_type')).toMatchObject({ advisory: 0 });
  // 64 for each of 50 connections, 5 prepared transactions, 3 + 8 workers, 5 WAL senders
  expect(singleValue(samples, 'pg_locks_table_used_ratio')).toBeCloseTo(before + 1_000 / (64 * 71), 2);
});

test('a slot whose WAL had to be given up is told as invalid, with the reason', async () => {
  await execute(cluster, 'postgres', "SELECT pg_create_physical_replication_slot('slow', true)");
  await execute(cluster, 'postgres', "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
  onTestFinished(async () => {
    await execute(cluster, 'postgres', "SELECT pg_drop_replication_slot('slow')");
    await execute(cluster, 'postgres', 'ALTER SYSTEM RESET max_slot_wal_keep_size');
    await execute(cluster, 'postgres', 'SELECT pg_reload_conf()');
  });
  await execute(cluster, 'postgres', 'SELECT pg_reload_conf()');

  await vi.waitFor(
    async () => {
      for (let i = 0; i < 3; i++) {
        await execute(cluster, 'postgres', 'CREATE TABLE ids (); DROP TABLE ids; SELECT pg_switch_wal()');
      }
      await execute(cluster, 'postgres', 'CHECKPOINT');
      const samples = await scrape();
      expect(valuesOf(samples, 'pg_replication_slots_invalidated')).toEqual({ 'slow physical wal_removed': 1 });
      expect(valuesOf(samples, 'pg_replication_slots_wal_status')).toEqual({ 'slow physical lost': 1 });
    },
    { timeout: 20_000 },
  );
});

test('idle sessions are a histogram of each state and application, and nobody idle is no failure', async () => {
  const collectors = { process_idle: true };
  await using scraper = testScraper([watched('server', cluster.access, { collectors })]);
  const before = await scrapeOne(scraper, 'server', testSignal());
  for (const name of ['web', 'web', 'report']) await shopSession(name);
  await (await shopSession('report')).query('BEGIN', { signal });

  const samples = await scrapeOne(scraper, 'server', testSignal());

  expect(valuesOf(before, 'watchkeeper_collector_success')).toMatchObject({ process_idle: 1 });
  const buckets = samples.filter(({ metric }) => metric.name === 'pg_process_idle_seconds');
  const told = buckets.map(({ labelValues, suffix, extraLabel, value }) =>
    [...labelValues, suffix?.slice(1), extraLabel?.[1], suffix === '_sum' ? '' : value].filter(Boolean).join(' '),
  );
  expect(told).toEqual(
    expect.arrayContaining([
      'idle web bucket 300 2',
      'idle web bucket +Inf 2',
      'idle web count 2',
      'idle report count 1',
      'idle in transaction report count 1',
    ]),
  );
  expect(valuesOf(samples, 'watchkeeper_collector_rows_dropped')).toMatchObject({ 'process_idle ': 0 });
});
