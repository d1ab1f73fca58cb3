import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import { postgresCollectors } from '../../../src/collectors/postgres/index.ts';
import type { Sample } from '../../../src/core/metric.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { onlyFamily, samplesOfFamilies, scrapeOne, testScraper, watched } from '../../support/scrape.ts';
import { shopTablesSql } from '../../support/shop-tables.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
let monitor: PostgresAccess;

/** A shop that is watched from the database "postgres", which is not watched itself: found, visited, shown. */
beforeAll(async () => {
  cluster = await startTestCluster({ settings: { autovacuum: 'off' } });
  await execute(cluster, 'postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
  await createDatabase(cluster, 'shop', shopTablesSql);
  await execute(cluster, 'shop', 'GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO monitor');
  await execute(
    cluster,
    'shop',
    'GRANT SELECT (starelid, staattnum, stainherit, stanullfrac, stawidth) ON pg_catalog.pg_statistic TO monitor',
  );
  await execute(cluster, 'shop', 'VACUUM ANALYZE');
  const counted =
    "SELECT 1 FROM pg_stat_user_tables WHERE relname = 'orders' AND vacuum_count = 1 AND n_tup_ins = 1000";
  await vi.waitFor(async () => expect(await execute(cluster, 'shop', counted)).toHaveLength(1), { timeout: 10_000 });
  const { access } = cluster;
  monitor = { ...access, connection: { ...access.connection, user: 'monitor' } };
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

/** The values of these differ between machines, versions or runs; they stand as `N`. */
const masked =
  /^pg_(bloat_(table|btree)|\w*(_bytes|_blocks?_|_blks_|timestamp_seconds|_last_(auto)?(vacuum|analyze)|age_|freeze_due_ratio))/;
/** Not in every version of PostgreSQL. */
const versioned =
  /^(# TYPE )?pg_stat_user_(tables|indexes)_(n_tup_newpage|last_seq_scan|last_idx_scan|\w+_seconds_total)/;

/** The server's own tables, which differ between versions. */
const ofServer = /schemaname="(pg_catalog|information_schema)"/;

function goldenText(samples: readonly Sample[]): string {
  const page = writeExposition([{ target: 'server', samples }], 'text').split('\n');
  const isKept = (line: string) => ![/^$/, /^# HELP/, versioned, ofServer].some((pattern) => pattern.test(line));
  const lines = page.filter(isKept);
  return `${lines
    .map((line) => (masked.test(line) ? line.replace(/ \S+$/, ' N') : line))
    .sort(byName)
    .join('\n')}\n`;
}

/** A metric's type stands before its samples. */
function byName(a: string, b: string): number {
  const [first, second] = [a, b].map((line) => line.replace(/^# TYPE (\S+) .*/, '$1'));
  return (first ?? '') < (second ?? '') ? -1 : 1;
}

/** Has nothing to show while nothing is vacuumed: see vacuum.test.ts. */
const notHere = ['vacuuming_tables'];
const ofDatabases = postgresCollectors.filter(({ scope }) => scope === 'database').map(({ name }) => name);
const families = ofDatabases.filter((name) => !notHere.includes(name));

test.each(families)(
  'the family %s of a database that was found gives the page that is written down',
  async (family) => {
    const databases = { include: ['shop'], exclude: [] };
    await using scraper = testScraper([
      watched('server', monitor, { ...onlyFamily(family), databases, findingLimit: 1_000 }),
    ]);

    const samples = samplesOfFamilies(await scrapeOne(scraper, 'server', testSignal()));

    expect(samples).not.toEqual([]);
    await expect(goldenText(samples)).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `${family}.txt`));
  },
);
