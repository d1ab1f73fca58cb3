import { afterAll, beforeAll, expect, test } from 'vitest';
import { postgresWatchSettings } from '../../../src/collectors/postgres/settings.ts';
import { createScraper } from '../../../src/collectors/scrape.ts';
import { createSelfMetrics } from '../../../src/collectors/self-metrics.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLog } from '../../../src/core/log.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { testApp } from '../../support/http-app.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';
import { promtoolComplaints } from '../../support/promtool.ts';
import { startSilentServer } from '../../support/silent-server.ts';

const self = createSelfMetrics({ version: '0.1.0' });
let cluster: Cluster;
let payments: PostgresAccess;

beforeAll(async () => {
  cluster = await startTestCluster();
  payments = await createDatabase(cluster, 'payments_db', 'CREATE EXTENSION pg_stat_statements');
});
afterAll(() => cluster[Symbol.asyncDispose]());

const silentAccess = (port: number): PostgresAccess => ({
  connection: { ...payments.connection, host: '127.0.0.1', port, sslMode: 'disable' },
});

/** The pages on a scraper of real servers, listening; gives their address. */
async function serve(targets: Readonly<Record<string, PostgresAccess>>) {
  const watched = Object.entries(targets).map(([name, access]) => ({
    name,
    engine: 'postgres' as const,
    access,
    watch: postgresWatchSettings.parse({}),
  }));
  const scraper = createScraper({ targets: watched, clock: systemClock, log: silentLog, concurrency: 16 });
  const app = testApp({ scraper: () => scraper, ownSamples: () => self.samples() });
  return {
    address: await app.listen({ host: '127.0.0.1', port: 0 }),
    [Symbol.asyncDispose]: () => scraper[Symbol.asyncDispose](),
  };
}

async function textOf(url: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(url, { headers });
  expect(response.status).toBe(200);
  return response.text();
}

test('promtool reads the whole page and has nothing to say about the names that are ours', async () => {
  await using server = await serve({ payments });

  const page = await textOf(`${server.address}/metrics`);

  const complaints = await promtoolComplaints(page);
  expect(complaints.filter((line) => !line.startsWith('pg_'))).toEqual([]);
  expect(page).toContain('pg_up{target="payments"} 1\n');
  expect(page).toContain('watchkeeper_build_info{');
});

test('both formats tell the same series', async () => {
  await using server = await serve({ payments });

  const text = await textOf(`${server.address}/probe?target=payments`);
  const openMetrics = await textOf(`${server.address}/probe?target=payments`, {
    accept: 'application/openmetrics-text;version=1.0.0',
  });

  const seriesOf = (page: string) => [...page.matchAll(/^pg_stat_database_\S+/gm)].map(([series]) => series);
  expect(seriesOf(openMetrics)).toEqual(seriesOf(text));
  expect(seriesOf(text).length).toBeGreaterThan(20);
  expect(openMetrics).toMatch(/\n# EOF\n$/);
});

test('a target that never answers is told as down within the time that Prometheus gives, with everything else', async () => {
  await using silent = await startSilentServer();
  await using server = await serve({ hung: silentAccess(silent.port), payments });

  const page = await textOf(`${server.address}/metrics`, { 'x-prometheus-scrape-timeout-seconds': '2' });

  expect(page).toContain('pg_up{target="hung"} 0\n');
  expect(page).toContain('pg_up{target="payments"} 1\n');
  expect(page).toContain('watchkeeper_collector_success{target="payments",collector="database"} 1\n');
  expect(page).toMatch(/^pg_stat_database_xact_commit\{target="payments",datid="\d+",datname="payments_db"\} \d+$/m);
});

test('the probe of a target is answered while another one hangs', async () => {
  await using silent = await startSilentServer();
  await using server = await serve({ hung: silentAccess(silent.port), payments });
  const caller = new AbortController();
  const hung = fetch(`${server.address}/probe?target=hung`, { signal: caller.signal }).then(
    () => 'answered first',
    () => 'given up',
  );

  const page = await textOf(`${server.address}/probe?target=payments`);
  caller.abort();

  expect(page).toContain('pg_up{target="payments"} 1\n');
  expect(page).not.toContain('hung');
  expect(await hung).toBe('given up');
});
