import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Sample } from '../../../src/core/metric.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { execute, startTestCluster } from '../../support/postgres.ts';
import { scrapeOne, singleValue, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;

/** Its autovacuum workers take a minute for a table. */
beforeAll(async () => {
  cluster = await startTestCluster({
    settings: {
      autovacuum_naptime: '1s',
      autovacuum_max_workers: '1',
      autovacuum_vacuum_cost_delay: '100ms',
      autovacuum_vacuum_cost_limit: '1',
      autovacuum_freeze_max_age: '100000',
    },
  });
});

afterAll(async () => cluster?.[Symbol.asyncDispose]());

async function eventually(check: (samples: readonly Sample[]) => void): Promise<void> {
  await using scraper = testScraper([watched('server', cluster.access)]);
  await vi.waitFor(async () => check(await scrapeOne(scraper, 'server', testSignal())), {
    timeout: 60_000,
    interval: 200,
  });
}

test('a worker is told with its table, since when it is there, and that no other one may run', async () => {
  await execute(
    cluster,
    'postgres',
    `CREATE TABLE dirty AS SELECT i, repeat('x', 500) FROM generate_series(1, 5000) i; DELETE FROM dirty`,
  );

  await eventually((samples) => {
    const started = valuesOf(samples, 'pg_stat_activity_autovacuum_timestamp_seconds');
    expect(Object.keys(started)).toEqual(['dirty']);
    expect(Math.abs(Date.now() / 1_000 - (started['dirty'] ?? 0))).toBeLessThan(120);
    expect(singleValue(samples, 'pg_autovacuum_oldest_seconds')).toBeGreaterThan(0);
    expect(singleValue(samples, 'pg_autovacuum_wraparound_workers')).toBe(0);
    expect(valuesOf(samples, 'pg_workers_saturation_ratio')).toMatchObject({ autovacuum: 1 });
    expect(singleValue(samples, 'pg_autovacuum_enabled')).toBe(1);
  });
});

test('a worker against wraparound is told as such, and the table is called by its name alone', async () => {
  const blocks = 'BEGIN INSERT INTO ids VALUES (1); EXCEPTION WHEN division_by_zero THEN NULL; END';
  await execute(
    cluster,
    'postgres',
    `CREATE TABLE ids (id int); DO $$ BEGIN FOR i IN 1..110000 LOOP ${blocks}; END LOOP; END $$`,
  );
  const worker = "FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'";
  await execute(cluster, 'postgres', `SELECT pg_terminate_backend(pid) ${worker}`);

  await eventually((samples) => {
    expect(singleValue(samples, 'pg_autovacuum_wraparound_workers')).toBe(1);
    const [relname] = Object.keys(valuesOf(samples, 'pg_stat_activity_autovacuum_timestamp_seconds'));
    expect(relname).toMatch(/^[a-z_]+$/);
  });
});
