import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Sample } from '../../../src/core/metric.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { onlyFamily, scrapeOne, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;

/** One server publishes to itself, from one database to another. */
beforeAll(async () => {
  cluster = await startTestCluster({ settings: { wal_level: 'logical', wal_retrieve_retry_interval: '200ms' } });
  const table = 'CREATE TABLE orders (id int PRIMARY KEY)';
  await createDatabase(cluster, 'source', `${table}; CREATE PUBLICATION orders FOR TABLE orders`);
  await execute(cluster, 'source', "SELECT pg_create_logical_replication_slot('orders', 'pgoutput')");
  await createDatabase(cluster, 'copy', table);
  const { host, port, user } = cluster.access.connection;
  await execute(
    cluster,
    'copy',
    `CREATE SUBSCRIPTION orders CONNECTION 'host=${host} port=${port} user=${user} dbname=source' PUBLICATION orders
     WITH (create_slot = false, slot_name = 'orders')`,
  );
  await execute(cluster, 'postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
});

afterAll(async () => cluster?.[Symbol.asyncDispose]());

async function eventually(check: (samples: readonly Sample[]) => void): Promise<void> {
  const { access } = cluster;
  const monitor = { ...access, connection: { ...access.connection, user: 'monitor' } };
  await using scraper = testScraper([watched('server', monitor, onlyFamily('subscriptions'))]);
  await vi.waitFor(async () => check(await scrapeOne(scraper, 'server', testSignal())), {
    timeout: 30_000,
    interval: 100,
  });
}

test('a subscription that works is up, and its positions move', async () => {
  await execute(cluster, 'source', 'INSERT INTO orders VALUES (1)');

  await eventually((samples) => {
    expect(valuesOf(samples, 'pg_subscription_enabled')).toEqual({ 'copy orders': 1 });
    expect(valuesOf(samples, 'pg_subscription_worker_up')).toEqual({ 'copy orders': 1 });
    expect(valuesOf(samples, 'pg_subscription_sync_workers')).toEqual({ 'copy orders': 0 });
    expect(valuesOf(samples, 'pg_subscription_received_lsn_bytes')['copy orders']).toBeGreaterThan(0);
    expect(valuesOf(samples, 'pg_subscription_last_message_age_seconds')['copy orders']).toBeLessThan(30);
    expect(valuesOf(samples, 'pg_subscription_apply_errors_total')).toEqual({ 'copy orders': 0 });
  });
});

test('a row that cannot be applied is counted as an error again and again', async () => {
  await execute(cluster, 'copy', 'INSERT INTO orders VALUES (2)');
  await execute(cluster, 'source', 'INSERT INTO orders VALUES (2)');

  await eventually((samples) => {
    expect(valuesOf(samples, 'pg_subscription_apply_errors_total')['copy orders']).toBeGreaterThan(1);
  });
});

test('a subscription that is switched off has no worker', async () => {
  await execute(cluster, 'copy', 'ALTER SUBSCRIPTION orders DISABLE');

  await eventually((samples) => {
    expect(valuesOf(samples, 'pg_subscription_enabled')).toEqual({ 'copy orders': 0 });
    expect(valuesOf(samples, 'pg_subscription_worker_up')).toEqual({ 'copy orders': 0 });
    expect(valuesOf(samples, 'pg_subscription_last_message_age_seconds')).toEqual({});
  });
});
