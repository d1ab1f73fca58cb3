import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import { pgbouncerCollectors } from '../../../src/collectors/pgbouncer/index.ts';
import type { Sample } from '../../../src/core/metric.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession, type PostgresSession } from '../../../src/targets/postgres/session.ts';
import {
  onlyPgbouncerFamily,
  startTestPgbouncer,
  type TestPgbouncer,
  watchedPgbouncer,
} from '../../support/pgbouncer.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';
import { scrapeOne, singleValue, testScraper } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

const signal = new AbortController().signal;
const sessions: PostgresSession[] = [];
let cluster: Cluster;
let pgbouncer: TestPgbouncer;

/** Two servers for the shop, both busy, and a third client that waits. */
beforeAll(async () => {
  cluster = await startTestCluster();
  await createDatabase(cluster, 'orders_db', 'CREATE ROLE shop LOGIN');
  pgbouncer = await startTestPgbouncer({
    databases: { shop: `host=127.0.0.1 port=${cluster.access.connection.port} dbname=orders_db pool_size=2` },
    users: { shop: 'shop-secret' },
    settings: {
      pool_mode: 'transaction',
      max_client_conn: 40,
      max_user_connections: 30,
      min_pool_size: 0,
      server_tls_sslmode: 'disable',
    },
  });
  const shop = pgbouncer.access('shop', 'shop-secret', { database: 'shop' });
  const [first, second, third] = await Promise.all(
    ['web', 'web', 'report'].map((applicationName) => openSession(shop, { signal, applicationName })),
  );
  if (first === undefined || second === undefined || third === undefined) throw new Error('no session');
  sessions.push(first, second, third);
  await first.query('BEGIN', { signal });
  await second.query('BEGIN', { signal });
  third.query('SELECT 1', { signal }).catch(() => undefined);
  await vi.waitFor(
    async () =>
      expect(await pgbouncer.command('SHOW POOLS')).toContainEqual(expect.objectContaining({ cl_waiting: '1' })),
    { timeout: 10_000 },
  );
});

afterAll(async () => {
  for (const session of sessions) session.destroy();
  await pgbouncer?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

/** These are not the same at every scrape; all others stand as they are. */
const changing =
  /^pgbouncer_(stats_totals_|memory_|free_|pools_client_(maxwait|longest_wait)|config_(?!max_client|max_user_connections|min_pool|info))/;
/** Not in every version of PgBouncer. */
const versioned =
  /^(# TYPE )?pgbouncer_(state|peers|peer_pools|client_prepared|server_prepared|users_(?!info)|databases_(server_lifetime|max_client|current_client)|stats_totals_(server_assignments|client_parses|server_parses|binds|client_logins|server_closed|server_lifetime)|config_(max_user_client|max_db_client|max_prepared|transaction_timeout|cancel_wait|peer_id)|memory_.*name="(?!(pool|server|client)_cache"))/;

/** The page without help texts. */
function goldenText(samples: readonly Sample[]): string {
  const page = writeExposition([{ target: 'pooler', samples }], 'text').split('\n');
  const lines = page.filter((line) => line !== '' && !line.startsWith('# HELP') && !versioned.test(line));
  return `${lines.map(masked).sort(byName).join('\n')}\n`;
}

/** A metric's type stands before its samples. */
function byName(a: string, b: string): number {
  const [first = '', second = ''] = [a, b].map((line) => line.replace(/^# TYPE (\S+) .*/, '$1'));
  return first < second ? -1 : Number(first > second);
}

function masked(line: string): string {
  if (line.startsWith('#')) return line;
  const labels = line
    .replaceAll(/\b(port|version)="\d[^"]*"/g, '$1="N"')
    .replaceAll(/version="PgBouncer [^"]*"/g, 'version="PgBouncer N"')
    .replaceAll(/(user="stats".*,state=)"(active|idle)"/g, '$1"active or idle"');
  return changing.test(line) ? labels.replace(/ \S+$/, ' N') : labels;
}

async function scrapeFamily(family: string): Promise<readonly Sample[]> {
  await using scraper = testScraper([watchedPgbouncer('pooler', pgbouncer.access(), onlyPgbouncerFamily(family))]);
  const samples = await scrapeOne(scraper, 'pooler', testSignal());
  expect(singleValue(samples, 'watchkeeper_collector_success')).toBe(1);
  return samples.filter(({ metric }) => !/^watchkeeper_|^pgbouncer_up$/.test(metric.name));
}

const inEveryVersion = pgbouncerCollectors.map(({ name }) => name).filter((name) => !/^(state|peer_pools)$/.test(name));

test.each(inEveryVersion)('the family %s gives the page that is written down', async (family) => {
  const samples = await scrapeFamily(family);

  await expect(goldenText(samples)).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `${family}.txt`));
});
