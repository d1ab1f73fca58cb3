import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { Sample } from '../../../src/core/metric.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { execute, startTestCluster } from '../../support/postgres.ts';
import { scrapeOne, singleValue, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { archive_mode: 'on', archive_command: "'false'" } });
  await execute(cluster, 'postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
});

afterAll(async () => cluster?.[Symbol.asyncDispose]());

async function scrape(user = 'postgres'): Promise<readonly Sample[]> {
  const { access } = cluster;
  await using scraper = testScraper([watched('server', { ...access, connection: { ...access.connection, user } })]);
  return await scrapeOne(scraper, 'server', testSignal());
}

test('temporary files are told while they are there', async () => {
  const signal = testSignal();
  const before = await scrape();
  const session = await openSession(cluster.access, { signal });
  onTestFinished(() => session.destroy());
  await session.query("BEGIN; SET LOCAL work_mem = '64kB'", { signal });
  await session.query('DECLARE rows CURSOR FOR SELECT * FROM generate_series(1, 200000) i ORDER BY i', { signal });
  await session.query('FETCH 1 FROM rows', { signal });

  const samples = await scrape();

  expect(valuesOf(before, 'pg_temporary_files_bytes')).toEqual({ pg_default: 0 });
  expect(valuesOf(samples, 'pg_temporary_files_bytes')['pg_default']).toBeGreaterThan(1_000_000);
  expect(valuesOf(samples, 'pg_temporary_files_present')['pg_default']).toBeGreaterThan(0);
});

test('WAL that cannot be archived is counted, with how long the oldest has been waiting', async () => {
  await execute(cluster, 'postgres', 'CREATE TABLE written (); SELECT pg_switch_wal()');

  await vi.waitFor(
    async () => {
      const samples = await scrape('monitor');
      expect(singleValue(samples, 'pg_wal_archive_ready_files')).toBeGreaterThanOrEqual(1);
      expect(singleValue(samples, 'pg_wal_archive_ready_oldest_seconds')).toBeGreaterThan(0);
      expect(singleValue(samples, 'pg_archiver_failing')).toBe(1);
      expect(singleValue(samples, 'pg_archiver_last_failed_timestamp_seconds')).toBeGreaterThan(1_000_000_000);
      expect(singleValue(samples, 'pg_archiver_last_archived_timestamp_seconds')).toBeUndefined();
    },
    { timeout: 20_000 },
  );
});

test('settings that wait for a restart are counted, and no error', async () => {
  await execute(cluster, 'postgres', 'ALTER SYSTEM SET max_connections = 60');
  onTestFinished(async () => {
    await execute(cluster, 'postgres', 'ALTER SYSTEM RESET max_connections');
    await execute(cluster, 'postgres', 'SELECT pg_reload_conf()');
  });
  await execute(cluster, 'postgres', 'SELECT pg_reload_conf()');

  await vi.waitFor(async () => {
    const samples = await scrape();
    expect(singleValue(samples, 'pg_configuration_pending_restart_settings')).toBe(1);
    expect(singleValue(samples, 'pg_configuration_file_errors')).toBe(0);
  });
});

test('wrong lines of the configuration files are counted, for a role that may read them', async () => {
  await appendFile(join(cluster.dataDirectory, 'postgresql.conf'), "work_mem = 'nonsense'\n");
  await appendFile(join(cluster.dataDirectory, 'pg_hba.conf'), 'nonsense\n');

  const few = await scrape('monitor');
  await execute(
    cluster,
    'postgres',
    `GRANT SELECT ON pg_file_settings, pg_hba_file_rules TO monitor;
     GRANT EXECUTE ON FUNCTION pg_show_all_file_settings(), pg_hba_file_rules() TO monitor`,
  );
  const all = await scrape('monitor');

  expect(singleValue(all, 'pg_configuration_file_errors')).toBe(1);
  expect(singleValue(all, 'pg_configuration_hba_errors')).toBe(1);
  expect(valuesOf(few, 'watchkeeper_collector_success')).toMatchObject({ configuration: 1 });
  expect(singleValue(few, 'pg_configuration_pending_restart_settings')).toBeDefined();
  expect(singleValue(few, 'pg_configuration_file_errors')).toBeUndefined();
});

test('tablespaces have a size', async () => {
  const samples = await scrape('monitor');

  expect(Object.keys(valuesOf(samples, 'pg_tablespace_size_bytes')).sort()).toEqual(['pg_default', 'pg_global']);
  expect(valuesOf(samples, 'pg_tablespace_size_bytes')['pg_default']).toBeGreaterThan(1_000_000);
});
