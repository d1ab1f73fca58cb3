import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { execute, startTestCluster } from '../../support/postgres.ts';
import { scrapeOne, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

const count = 45;
const connections = 2;
const databaseConnections = 2;
let server: Cluster;

beforeAll(async () => {
  server = await startTestCluster();
  await execute(server, 'postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor CONNECTION LIMIT 5');
  await execute(server, 'template1', 'CREATE TABLE t (id int PRIMARY KEY)');
  for (let index = 0; index < count; index++) await execute(server, 'postgres', `CREATE DATABASE "db ${index}"`);
});

afterAll(() => server?.[Symbol.asyncDispose]());

function monitored(watch: Parameters<typeof watched>[2] = {}) {
  const { connection } = server.access;
  const access = { connection: { ...connection, user: 'monitor', database: 'postgres' } };
  return watched('many', access, { connections, databaseConnections, ...watch });
}

/** The most sessions of the monitoring role that were ever seen at once while `work` ran. */
async function mostSessions(work: () => Promise<unknown>): Promise<number> {
  const signal = testSignal();
  await using session = await openSession(server.access, { signal });
  let most = 0;
  let isOver = false;
  const working = work().finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const [row] = await session.query("SELECT count(*) FROM pg_stat_activity WHERE usename = 'monitor'", { signal });
    most = Math.max(most, Number(row?.['count']));
  }
  await working;
  return most;
}

test('many databases take turns: no scrape is late, the budget holds, and in the end all were seen', async () => {
  await using scraper = testScraper([monitored({ databasesPerScrape: 20 })]);
  const scrape = () => scrapeOne(scraper, 'many', testSignal());

  const durations: number[] = [];
  const most = await mostSessions(async () => {
    for (let round = 0; round < 3; round++) {
      const startMs = performance.now();
      await scrape();
      durations.push(performance.now() - startMs);
    }
  });
  const samples = await scrape();

  expect(Math.max(...durations)).toBeLessThan(9_000);
  expect(most).toBeLessThanOrEqual(connections + databaseConnections + 1);
  expect(valuesOf(samples, 'watchkeeper_databases')).toMatchObject({ open: count + 1, failed: 0, waiting: 0 });
  const tables = Object.keys(valuesOf(samples, 'pg_stat_user_tables_seq_scan'));
  expect(tables).toHaveLength(count);
  expect(tables).toContain('db 7 public t');
  expect(valuesOf(samples, 'watchkeeper_collector_success')).not.toContain(0);
}, 60_000);

test('only the databases that the patterns choose are looked into', async () => {
  await using scraper = testScraper([monitored({ databases: { include: ['db 1?', 'postgres'], exclude: ['*5'] } })]);

  const samples = await scrapeOne(scraper, 'many', testSignal());

  const chosen = Object.keys(valuesOf(samples, 'watchkeeper_database_up')).sort();
  expect(chosen).toEqual(['db 10', 'db 11', 'db 12', 'db 13', 'db 14', 'db 16', 'db 17', 'db 18', 'db 19', 'postgres']);
  expect(valuesOf(samples, 'watchkeeper_databases')).toMatchObject({ open: 10, excluded: count - 9 });
});

test('a database can be copied, renamed and dropped while it is watched, and one that lets nobody in hinders none', async () => {
  await using scraper = testScraper([monitored({ databases: { include: ['db 2*'], exclude: [] } })]);
  const scrape = () => scrapeOne(scraper, 'many', testSignal());
  await scrape();

  await execute(server, 'postgres', 'CREATE DATABASE copy TEMPLATE "db 20"');
  await execute(server, 'postgres', 'ALTER DATABASE "db 21" RENAME TO "db 2 renamed"');
  await execute(server, 'postgres', 'DROP DATABASE "db 22"');
  await execute(server, 'postgres', 'ALTER DATABASE "db 23" CONNECTION LIMIT 0');
  const up = valuesOf(await scrape(), 'watchkeeper_database_up');

  // Which databases there are is asked once a minute; until then these are databases that cannot be logged in to.
  expect(up).toMatchObject({ 'db 20': 1, 'db 21': 0, 'db 22': 0, 'db 23': 0, 'db 24': 1 });
  expect(valuesOf(await scrape(), 'pg_up')).toEqual({ '': 1 });
});

test('a storm of scrapes, half of them given up, opens no session more, and the next scrape is whole', async () => {
  await using scraper = testScraper([monitored({ databasesPerScrape: 5, loginInterval: 0 })]);
  const signal = testSignal();
  const patienceMs = [1, 5, 20, 60, 150];
  const scrape = async (index: number) => {
    const gone = index % 2 === 0 ? signal : AbortSignal.timeout(patienceMs[(index >> 1) % patienceMs.length] ?? 1);
    await scraper.scrape({ signal: gone, deadlineMs: 9_000 });
  };

  const outcomes: PromiseSettledResult<void>[] = [];
  const most = await mostSessions(async () => {
    for (let wave = 0; wave < 3; wave++) {
      outcomes.push(...(await Promise.allSettled(Array.from({ length: 20 }, (_, index) => scrape(index)))));
    }
  });
  const samples = await scrapeOne(scraper, 'many', signal);

  const givenUp = outcomes.filter(({ status }) => status === 'rejected').length;
  expect(givenUp).toBeGreaterThan(0);
  expect(givenUp).toBeLessThanOrEqual(30);
  expect(most).toBeLessThanOrEqual(connections + databaseConnections + 1);
  expect(valuesOf(samples, 'watchkeeper_collector_success')).not.toContain(0);
  expect(valuesOf(samples, 'watchkeeper_target_login_failures_total')).toMatchObject({ too_many_connections: 0 });
}, 60_000);
