import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { execute, startTestCluster } from '../../support/postgres.ts';
import { onlyFamily, scrapeOne, singleValue, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

let server: Cluster;

beforeAll(async () => {
  server = await startTestCluster({
    settings: {
      checkpoint_timeout: "'7min'",
      log_min_duration_statement: '-1',
      'pg_stat_statements.max': '1234',
      'shop.text': "'secret'",
    },
  });
});

afterAll(() => server?.[Symbol.asyncDispose]());

async function scrapeSettings() {
  await using scraper = testScraper([watched('shop', server.access, onlyFamily('settings'))]);
  return await scrapeOne(scraper, 'shop', testSignal());
}

test('every number and switch of the server is there, in base units', async () => {
  const samples = await scrapeSettings();

  expect(singleValue(samples, 'pg_settings_max_connections')).toBe(50);
  expect(singleValue(samples, 'pg_settings_shared_buffers_bytes')).toBe(32 * 1_024 ** 2);
  expect(singleValue(samples, 'pg_settings_checkpoint_timeout_seconds')).toBe(420);
  expect(singleValue(samples, 'pg_settings_fsync')).toBe(0);
  expect(singleValue(samples, 'pg_settings_log_min_duration_statement_seconds')).toBe(-1);
  expect(singleValue(samples, 'pg_settings_pg_stat_statements_max')).toBe(1_234);
  const [count] = await execute(
    server,
    'postgres',
    "SELECT count(*) FROM pg_settings WHERE vartype IN ('bool', 'integer', 'real')",
  );
  expect(samples.filter(({ metric }) => metric.name.startsWith('pg_settings_'))).toHaveLength(Number(count?.['count']));
});

test('choices are labels, and text is left out', async () => {
  const samples = await scrapeSettings();

  expect(valuesOf(samples, 'pg_setting_info')).toMatchObject({ 'wal_level replica': 1 });
  const ofSettings = samples.filter(({ metric }) => metric.name.startsWith('pg_setting'));
  expect(JSON.stringify(ofSettings)).not.toContain('secret');
});
