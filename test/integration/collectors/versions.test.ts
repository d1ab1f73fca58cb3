import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { peers } from '../../../scripts/compatibility/peers.ts';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import { postgresCollectors } from '../../../src/collectors/postgres/index.ts';
import { errorMessage } from '../../../src/core/errors.ts';
import type { Sample } from '../../../src/core/metric.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { execute, startTestCluster } from '../../support/postgres.ts';
import { postgresMajors } from '../../support/postgres-majors.ts';
import { promtoolComplaints } from '../../support/promtool.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { scrapeOne, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { shopTablesSql } from '../../support/shop-tables.ts';
import { testSignal } from '../../support/test-context.ts';

/** Where a family came with a later version. Add yours here; a family that fails reads a column that its version lacks. */
const since: Readonly<Record<string, number>> = {
  wal_statistics: 14,
  logical_slots: 14,
  slru: 13,
  io: 16,
  buffercache_summary: 16,
};
/** Nothing to measure on a lonely primary without TLS. */
const elsewhere = ['wal_receiver', 'server_certificate'];

/** A server with some tables, its extensions, and the roles that roles.sql makes. */
async function startServer(major: (typeof postgresMajors)[number], withExtensions: boolean): Promise<Cluster> {
  const cluster = await startTestCluster({
    major,
    settings: { autovacuum: 'off', ...(withExtensions ? {} : { shared_preload_libraries: "''" }) },
  });
  if (withExtensions) {
    await execute(cluster, 'postgres', 'CREATE EXTENSION pg_stat_statements; CREATE EXTENSION pg_buffercache');
  }
  await execute(cluster, 'postgres', shopTablesSql);
  const roles = await readFile(join(import.meta.dirname, '../../../deploy/sql/roles.sql'), 'utf8');
  await execute(cluster, 'postgres', roles);
  return cluster;
}

/** Everything, as the role that watches, with every family switched on; and what was logged about failures. */
async function scrapeAll(cluster: Cluster) {
  const { log, lines } = recordingLog();
  const access = { ...cluster.access, connection: { ...cluster.access.connection, user: 'watchkeeper_monitor' } };
  const collectors = Object.fromEntries(postgresCollectors.map(({ name }) => [name, true]));
  await using scraper = testScraper([watched('server', access, { collectors })], log);
  await scrapeOne(scraper, 'server', testSignal());
  const samples = await scrapeOne(scraper, 'server', testSignal());
  const failures = lines
    .filter(({ level }) => level === 'warn' || level === 'error')
    .map(({ fields, message }) => `${fields['collector']}: ${message}: ${errorMessage(fields['error'])}`);
  return { samples, failures };
}

function notApplicable(samples: readonly Sample[]): string[] {
  const applicable = valuesOf(samples, 'watchkeeper_collector_applicable');
  return Object.keys(applicable)
    .filter((family) => applicable[family] === 0)
    .sort();
}

/** They need somebody who did something before, and are told a moment later. */
const passing = /_last_|_ratio$|_oldest_|_max_seconds$|^pg_process_idle_seconds$/;

/** The names on the page, without those that the build of the server or the moment decides. */
function namesOf(samples: readonly Sample[]): string {
  const names = new Set(samples.map(({ metric }) => metric.name));
  const lasting = [...names].filter((name) => !name.startsWith('pg_settings_') && !passing.test(name));
  return `${lasting.sort().join('\n')}\n`;
}

const peerNames = new Set(peers.flatMap(({ metrics }) => metrics.map(({ name }) => name)));

/** What promtool dislikes about names that are our own; those of postgres_exporter and of settings are as they are. */
async function dislikedNames(samples: readonly Sample[]): Promise<string[]> {
  const complaints = await promtoolComplaints(writeExposition([{ target: 'server', samples }], 'text'));
  return complaints.filter((complaint) => {
    const [name = ''] = complaint.split(' ');
    return !peerNames.has(name) && !name.startsWith('pg_settings_');
  });
}

test.each(postgresMajors)(
  'PostgreSQL %i: every family works, or says that this version does not have it',
  async (major) => {
    await using cluster = await startServer(major, true);

    const { samples, failures } = await scrapeAll(cluster);

    // The role may not read statistics of columns, which bloat is estimated from: see roles.sql.
    expect(failures.filter((failure) => !failure.startsWith('bloat: '))).toEqual([]);
    const later = Object.keys(since).filter((family) => (since[family] ?? 0) > major);
    expect(notApplicable(samples)).toEqual([...later, ...elsewhere].sort());
    expect(await dislikedNames(samples)).toEqual([]);
    await expect(namesOf(samples)).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `names-${major}.txt`));
  },
  60_000,
);

test('without pg_stat_statements only the families about it are missing', async () => {
  await using cluster = await startServer(17, false);

  const { samples, failures } = await scrapeAll(cluster);

  expect(failures.filter((failure) => !failure.startsWith('bloat: '))).toEqual([]);
  expect(notApplicable(samples)).toEqual(
    ['buffercache_summary', 'slow_queries', 'slow_query_texts', ...elsewhere].sort(),
  );
}, 60_000);
