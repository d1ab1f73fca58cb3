import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Sample } from '../../../src/core/metric.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { onlyFamily, scrapeOne, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startTestCluster({ initdbArguments: ['--locale=C', '--data-checksums'] });
  await createDatabase(cluster, 'shop', 'CREATE TABLE orders AS SELECT generate_series(1, 1000) AS id');
});

afterAll(async () => cluster?.[Symbol.asyncDispose]());

async function scrape(): Promise<readonly Sample[]> {
  await using scraper = testScraper([watched('server', cluster.access, onlyFamily('database'))]);
  return await scrapeOne(scraper, 'server', testSignal());
}

/** Changes some bytes of its first page, as a failing disk does. */
async function damage(table: string): Promise<void> {
  const [row] = await execute(cluster, 'shop', `SELECT pg_relation_filepath('${table}') AS path`);
  await cluster.stop('fast');
  await using file = await open(join(cluster.dataDirectory, row?.['path'] ?? ''), 'r+');
  await file.write('damaged', 4_000);
  await cluster.start(testSignal());
  await expect(execute(cluster, 'shop', `SELECT count(*) FROM ${table}`)).rejects.toThrow('invalid page');
}

/** By database; the shared catalogues have an empty name. */
function failures(samples: readonly Sample[]): Record<string, number> {
  const counted = Object.entries(valuesOf(samples, 'pg_stat_database_checksum_failures_total'));
  return Object.fromEntries(counted.map(([labels, value]) => [labels.split(' ')[1] ?? '', value]));
}

test('pages that fail their checksum are counted, also those of the catalogues that all databases share', async () => {
  const before = await scrape();
  await damage('orders');
  await damage('pg_shdescription');

  expect(failures(before)).toMatchObject({ shop: 0, '': 0 });
  expect(valuesOf(before, 'pg_stat_database_checksum_last_failure_timestamp_seconds')).toEqual({});
  await vi.waitFor(async () => {
    const samples = await scrape();
    expect(failures(samples)).toMatchObject({ postgres: 0 });
    expect(failures(samples)['shop']).toBeGreaterThan(0);
    expect(failures(samples)['']).toBeGreaterThan(0);
    const at = Object.values(valuesOf(samples, 'pg_stat_database_checksum_last_failure_timestamp_seconds'));
    expect(at).toHaveLength(2);
    expect(at.every((seconds) => Math.abs(Date.now() / 1_000 - seconds) < 120)).toBe(true);
  });
});
