import { afterAll, beforeAll, expect, test } from 'vitest';
import { postgresCollectors } from '../../../src/collectors/postgres/index.ts';
import { withDatabase } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { scrapeOne, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

/** Ten thousand tables with twenty thousand indexes and sequences for half of them, made in a few transactions. */
const tables = 10_000;
const perTransaction = 1_000;
let cluster: Cluster;

beforeAll(async () => {
  cluster = await startTestCluster({
    settings: { autovacuum: 'off', max_locks_per_transaction: '512', wal_level: 'minimal', max_wal_senders: '0' },
  });
  await execute(cluster, 'postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
  await createDatabase(cluster, 'large');
  for (let first = 0; first < tables; first += perTransaction) {
    await execute(
      cluster,
      'large',
      `DO $$ BEGIN FOR i IN ${first}..${first + perTransaction - 1} LOOP
         EXECUTE format('CREATE TABLE t%s (id %s PRIMARY KEY, n int, note text)', i, CASE i % 2 WHEN 0 THEN 'serial' ELSE 'int' END);
         EXECUTE format('CREATE INDEX ON t%s (n)', i);
       END LOOP; END $$`,
    );
  }
  await execute(
    cluster,
    'large',
    `ANALYZE pg_class, pg_index, pg_attribute, pg_sequence, pg_depend;
     GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO monitor;
     GRANT SELECT (starelid, staattnum, stainherit, stanullfrac, stawidth) ON pg_catalog.pg_statistic TO monitor`,
  );
}, 300_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const families = postgresCollectors.filter(({ scope }) => scope === 'database').map(({ name }) => name);

test('ten thousand tables are looked at by every family within a scrape, and the rest is counted', async () => {
  const access = withDatabase(cluster.access, 'large');
  const monitor = { ...access, connection: { ...access.connection, user: 'monitor' } };
  const collectors = Object.fromEntries(postgresCollectors.map(({ name }) => [name, families.includes(name)]));
  await using scraper = testScraper([watched('large', monitor, { collectors })]);

  const samples = await scrapeOne(scraper, 'large', testSignal());

  const durations = valuesOf(samples, 'watchkeeper_collector_duration_seconds');
  expect(Object.entries(durations).filter(([, seconds]) => seconds > 2)).toEqual([]);
  expect(valuesOf(samples, 'watchkeeper_collector_success')).toEqual(
    Object.fromEntries(families.map((one) => [one, 1])),
  );
  expect(valuesOf(samples, 'watchkeeper_collector_rows_dropped')).toMatchObject({
    'user_tables large': 9_500,
    'statio_user_tables large': 9_500,
    'table_sizes large': 9_500,
    'user_indexes large': 19_500,
    'statio_user_indexes large': 19_500,
    'partitions large': 0,
    'index_health large': 10_000 - 20,
    'sequences large': 5_000 - 20,
    'table_vacuum large': 10_000 - 20,
    'bloat large': 9_500 + 1_000 - 20,
  });
});
