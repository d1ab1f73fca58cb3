import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Sample } from '../../../src/core/metric.ts';
import { runProcess } from '../../../src/core/run-process.ts';
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

/** Changes some bytes of the first two pages of each, as a failing disk does: a base backup counts no single one. */
async function damage(...tables: readonly string[]): Promise<void> {
  const list = tables.map((table) => `('${table}')`).join(', ');
  const sql = `SELECT pg_relation_filepath(name::regclass) AS path FROM (VALUES ${list}) AS t (name)`;
  const paths = await execute(cluster, 'shop', sql);
  await cluster.stop('fast');
  for (const { path } of paths) {
    await using file = await open(join(cluster.dataDirectory, path ?? ''), 'r+');
    for (const page of [0, 1]) await file.write('damaged', page * 8_192 + 4_000);
  }
  await cluster.start(testSignal());
}

/** Reads every page, and fails because of those that are damaged. */
async function baseBackup(): Promise<void> {
  const { host, port, user } = cluster.access.connection;
  const program = join(cluster.installation.directory, 'pg_basebackup');
  const connection = ['-h', host, '-p', String(port), '-U', user, '-w'];
  const backup = runProcess(program, [...connection, '-D', '-', '-F', 't', '-X', 'none', '--checkpoint=fast'], {
    signal: testSignal(),
  });
  await expect(backup).rejects.toThrow('checksum');
}

/** By database; the shared catalogues have an empty name. */
function failures(samples: readonly Sample[]): Record<string, number> {
  const counted = Object.entries(valuesOf(samples, 'pg_stat_database_checksum_failures_total'));
  return Object.fromEntries(counted.map(([labels, value]) => [labels.split(' ')[1] ?? '', value]));
}

test('pages that fail their checksum are counted, also those of the catalogues that all databases share', async () => {
  const before = await scrape();
  await damage('orders', 'pg_shdescription_o_c_index');
  await baseBackup();

  expect(failures(before)).toMatchObject({ shop: 0, '': 0 });
  expect(valuesOf(before, 'pg_stat_database_checksum_last_failure_timestamp_seconds')).toEqual({});
  await vi.waitFor(async () => {
    const samples = await scrape();
    expect(failures(samples)).toMatchObject({ shop: 2, '': 2, postgres: 0 });
    const at = Object.values(valuesOf(samples, 'pg_stat_database_checksum_last_failure_timestamp_seconds'));
    expect(at).toHaveLength(2);
    expect(at.every((seconds) => Math.abs(Date.now() / 1_000 - seconds) < 120)).toBe(true);
  });
});
