import { expect, onTestFinished, test, vi } from 'vitest';
import type { Sample } from '../../../src/core/metric.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { createDatabase, execute, startTestCluster, type TestClusterOptions } from '../../support/postgres.ts';
import { scrapeOne, singleValue, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

const blockSize = 8_192;

/** A server of that version for one test, with a role that may watch. */
async function start(major: TestClusterOptions['major'], settings: Record<string, string> = {}): Promise<Cluster> {
  const given = { autovacuum: 'off', ...settings };
  const cluster = await startTestCluster({ ...(major === undefined ? {} : { major }), settings: given });
  onTestFinished(() => cluster[Symbol.asyncDispose]());
  await execute(cluster, 'postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
  return cluster;
}

async function scrape({ access }: Cluster): Promise<readonly Sample[]> {
  const monitor = { ...access, connection: { ...access.connection, user: 'monitor' } };
  await using scraper = testScraper([watched('server', monitor)]);
  return await scrapeOne(scraper, 'server', testSignal());
}

/** Until the statistics of sessions that have ended are there. */
async function eventually(cluster: Cluster, check: (samples: readonly Sample[]) => void): Promise<void> {
  await vi.waitFor(async () => check(await scrape(cluster)), { timeout: 20_000, interval: 200 });
}

const filled = "CREATE TABLE filled AS SELECT i, repeat('x', 500) AS filler FROM generate_series(1, 5000) i";

test.each([16, 17, 18] as const)('PostgreSQL %i tells who reads and writes how much', async (major) => {
  const cluster = await start(major);
  await execute(cluster, 'postgres', filled);
  await execute(cluster, 'postgres', 'CHECKPOINT');

  const normal = 'client backend relation normal';
  await eventually(cluster, (samples) => {
    const written = valuesOf(samples, 'pg_stat_io_writes_total');
    expect(written['checkpointer relation normal']).toBeGreaterThan(100);
    const extended = valuesOf(samples, 'pg_stat_io_extend_bytes_total');
    expect(Object.values(extended).reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(300 * blockSize);
  });
  const samples = await scrape(cluster);
  const [writes, bytes] = ['writes', 'write_bytes'].map((name) => valuesOf(samples, `pg_stat_io_${name}_total`));
  expect(bytes?.['checkpointer relation normal']).toBe((writes?.['checkpointer relation normal'] ?? 0) * blockSize);
  expect(valuesOf(samples, 'pg_stat_io_hits_total')[normal]).toBeGreaterThan(0);
  expect(valuesOf(samples, 'pg_stat_io_read_seconds_total')[normal]).toBeDefined();
  // Neither what cannot be nor what never was.
  expect(valuesOf(samples, 'pg_stat_io_reuses_total')[normal]).toBeUndefined();
  expect(Object.keys(writes ?? {}).filter((labels) => labels.startsWith('autovacuum worker'))).toEqual([]);
});

test('times of input and output are absent while they are not measured', async () => {
  const cluster = await start(18, { track_io_timing: 'off', track_wal_io_timing: 'on' });
  await execute(cluster, 'postgres', `SET synchronous_commit = on; ${filled}`);

  await eventually(cluster, (samples) => {
    const seconds = Object.keys(valuesOf(samples, 'pg_stat_io_write_seconds_total'));
    expect(seconds).toContain('client backend wal normal');
    expect(seconds.filter((labels) => labels.includes('relation'))).toEqual([]);
    expect(singleValue(samples, 'pg_stat_wal_write_seconds_total')).toBeGreaterThan(0);
  });
});

test.each([14, 18] as const)('PostgreSQL %i tells writes of WAL under the same names', async (major) => {
  const cluster = await start(major);
  await execute(cluster, 'postgres', `SET synchronous_commit = on; ${filled}`);

  await eventually(cluster, (samples) => {
    expect(singleValue(samples, 'pg_stat_wal_bytes_total')).toBeGreaterThan(1_000_000);
    expect(singleValue(samples, 'pg_stat_wal_write_total')).toBeGreaterThan(0);
    expect(singleValue(samples, 'pg_stat_wal_write_seconds_total')).toBeUndefined();
  });
});

test.each([16, 17, 18] as const)(
  'PostgreSQL %i tells how shared buffers are used, with the extension',
  async (major) => {
    const cluster = await start(major);
    const without = await scrape(cluster);
    await execute(cluster, 'postgres', `CREATE SCHEMA tools; CREATE EXTENSION pg_buffercache SCHEMA tools; ${filled}`);
    const locked = await scrape(cluster);
    await execute(cluster, 'postgres', 'GRANT USAGE ON SCHEMA tools TO monitor');

    const samples = await scrape(cluster);

    expect(valuesOf(without, 'watchkeeper_collector_applicable')).toMatchObject({ buffercache_summary: 0 });
    expect(valuesOf(locked, 'watchkeeper_collector_success')).toMatchObject({ buffercache_summary: 0 });
    expect(singleValue(samples, 'pg_buffercache_summary_buffers_used')).toBeGreaterThan(300);
    const [used, unused] = ['used', 'unused'].map((name) =>
      singleValue(samples, `pg_buffercache_summary_buffers_${name}`),
    );
    expect((used ?? 0) + (unused ?? 0)).toBe((32 * 1_024 * 1_024) / blockSize);
  },
);

test.each([16, 17] as const)('dead rows of a vacuum are a number of rows in PostgreSQL %i', async (major) => {
  const cluster = await start(major);
  await execute(cluster, 'postgres', `${filled}; CREATE INDEX ON filled (i); DELETE FROM filled`);
  const signal = testSignal();
  const session = await openSession(cluster.access, { signal });
  await session.query('SET vacuum_cost_delay = 100', { signal });
  await session.query('SET vacuum_cost_limit = 20', { signal });
  session.query('VACUUM filled', { signal }).catch(() => undefined);

  await eventually(cluster, (samples) => {
    const dead = valuesOf(samples, 'pg_stat_progress_vacuum_num_dead_tuples')['postgres filled'] ?? 0;
    const scanned = valuesOf(samples, 'pg_stat_progress_vacuum_heap_blks_scanned')['postgres filled'] ?? 0;
    expect(dead).toBeGreaterThan(0);
    // Fifteen rows of this size fit in a block; each takes six bytes of memory.
    expect(dead).toBeLessThanOrEqual((scanned + 1) * 15);
    const asBytes = valuesOf(samples, 'pg_stat_progress_vacuum_dead_tuple_bytes')['postgres filled'];
    const memory = valuesOf(samples, 'pg_stat_progress_vacuum_max_dead_tuples')['postgres filled'];
    expect([asBytes !== undefined, memory !== undefined]).toEqual([major === 17, major === 16]);
  });
});

test('PostgreSQL 17 tells since when a slot is not read', async () => {
  const cluster = await start(17);
  await execute(cluster, 'postgres', "SELECT pg_create_physical_replication_slot('forgotten', true)");

  const samples = await scrape(cluster);

  const since = valuesOf(samples, 'pg_replication_slots_inactive_since_timestamp_seconds')['forgotten physical'] ?? 0;
  expect(Math.abs(Date.now() / 1_000 - since)).toBeLessThan(60);
});

/** Subscriptions of one name from a database of the server to others. */
async function subscribe(cluster: Cluster, databases: readonly string[]): Promise<void> {
  const { host, port, user } = cluster.access.connection;
  const connection = `host=${host} port=${port} user=${user} dbname=source`;
  const table = 'CREATE TABLE orders (id int PRIMARY KEY)';
  await createDatabase(cluster, 'source', `${table}; CREATE PUBLICATION orders FOR TABLE orders`);
  for (const database of databases) {
    await createDatabase(cluster, database, table);
    await execute(cluster, 'source', `SELECT pg_create_logical_replication_slot('${database}', 'pgoutput')`);
    const options = `create_slot = false, copy_data = false, slot_name = '${database}'`;
    const sql = `CREATE SUBSCRIPTION orders CONNECTION '${connection}' PUBLICATION orders WITH (${options})`;
    await execute(cluster, database, sql);
  }
}

test('PostgreSQL 18 tells what kind of conflict stops a subscription', async () => {
  const cluster = await start(18, { wal_level: 'logical', wal_retrieve_retry_interval: '200ms' });
  await subscribe(cluster, ['copy']);
  await execute(cluster, 'copy', 'INSERT INTO orders VALUES (1)');
  await execute(cluster, 'source', 'INSERT INTO orders VALUES (1)');

  await eventually(cluster, (samples) => {
    const conflicts = valuesOf(samples, 'pg_subscription_conflicts_total');
    expect(conflicts['copy orders insert_exists']).toBeGreaterThan(0);
    expect(conflicts['copy orders delete_missing']).toBe(0);
  });
});

test.each([12, 14] as const)(
  'subscriptions of PostgreSQL %i are told to a role that may not read them',
  async (major) => {
    const cluster = await start(major, { wal_level: 'logical', wal_retrieve_retry_interval: '200ms' });
    await subscribe(cluster, ['copy']);

    await eventually(cluster, (samples) => {
      expect(valuesOf(samples, 'pg_subscription_enabled')).toEqual({ 'copy orders': 1 });
      expect(valuesOf(samples, 'pg_subscription_worker_up')).toEqual({ 'copy orders': 1 });
    });
  },
);

test.each([
  [12, []],
  [14, ['copy orders', 'other orders']],
] as const)('of two subscriptions of one name PostgreSQL %i tells %j', async (major, told) => {
  const cluster = await start(major, { wal_level: 'logical', max_logical_replication_workers: '6' });
  await subscribe(cluster, ['copy', 'other']);

  const samples = await scrape(cluster);

  expect(valuesOf(samples, 'watchkeeper_collector_success')).toMatchObject({ subscriptions: 1 });
  expect(Object.keys(valuesOf(samples, 'pg_subscription_enabled')).sort()).toEqual(told);
});

test('PostgreSQL 18 tells checkpoints that were performed, and the parallel workers that queries got', async () => {
  const cluster = await start(18);
  const before = await scrape(cluster);
  await execute(cluster, 'postgres', filled);
  await execute(cluster, 'postgres', 'CHECKPOINT');
  await execute(cluster, 'postgres', 'SET debug_parallel_query = on; SELECT count(*) FROM filled');

  await eventually(cluster, (samples) => {
    const done = singleValue(samples, 'pg_stat_checkpointer_num_done_total') ?? 0;
    expect(done).toBeGreaterThan(singleValue(before, 'pg_stat_checkpointer_num_done_total') ?? 0);
    const launched = Object.entries(valuesOf(samples, 'pg_stat_database_parallel_workers_launched_total'));
    expect(launched.find(([labels]) => labels.endsWith(' postgres'))?.[1]).toBeGreaterThan(0);
  });
});
