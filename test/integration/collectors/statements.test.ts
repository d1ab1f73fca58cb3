import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sample } from '../../../src/core/metric.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { scrapeOne, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startTestCluster();
  await execute(cluster, 'postgres', 'CREATE EXTENSION pg_stat_statements; CREATE TABLE customers (mail text)');
});

afterAll(async () => cluster?.[Symbol.asyncDispose]());

async function scrape(slowQueryTextLength: number): Promise<readonly Sample[]> {
  const collectors = { slow_queries: true, slow_query_texts: true };
  const watch = { collectors, slowQueryTextLength, slowQueryLimit: 1_000 };
  await using scraper = testScraper([watched('server', cluster.access, watch)]);
  return await scrapeOne(scraper, 'server', testSignal());
}

test('texts are shown without constants and comments, and never those that may hold a password', async () => {
  await execute(cluster, 'postgres', "CREATE ROLE somebody PASSWORD 'hunter2'");
  await execute(
    cluster,
    'postgres',
    "/* request 4711 */ SELECT count(*) FROM customers WHERE mail = 'anna@example.com'",
  );
  await execute(cluster, 'postgres', "-- who\n  insert INTO customers VALUES ('anna@example.com')");

  const samples = await scrape(120);

  const texts = samples.filter(({ metric }) => metric.name === 'pg_stat_statements_query_id');
  const queries = texts.map(({ labelValues: [, query] }) => query);
  expect(queries).toContain('SELECT count(*) FROM customers WHERE mail = $1');
  expect(queries).toContain('insert INTO customers VALUES ($1)');
  expect(JSON.stringify(queries)).not.toMatch(/hunter2|anna|4711|CREATE/);
  const ofCustomers = texts.find(({ labelValues: [, query] }) => query?.startsWith('SELECT count(*) FROM customers'));
  const calls = valuesOf(samples, 'pg_stat_statements_calls_total');
  expect(calls[`postgres postgres ${ofCustomers?.labelValues[0]}`]).toBe(1);
});

test('texts are cut to the length that was set', async () => {
  const samples = await scrape(10);

  const texts = samples.filter(({ metric }) => metric.name === 'pg_stat_statements_query_id');
  expect(texts.length).toBeGreaterThan(1);
  expect(Math.max(...texts.map(({ labelValues: [, query] }) => query?.length ?? 0))).toBe(10);
});

test('statements of excluded databases and users are not shown, whatever they are called', async () => {
  const odd = 'odd "name", {a}';
  await createDatabase(cluster, odd, 'CREATE ROLE batch; GRANT batch TO postgres');
  await execute(cluster, odd, 'SELECT 1 AS in_the_odd_database');
  await execute(cluster, 'postgres', 'SET SESSION AUTHORIZATION batch; SELECT 1 AS of_batch');
  const collectors = { slow_queries: true, slow_query_texts: true };
  const exclude = (databases: string[], users: string[]) => ({
    ...watched('server', cluster.access, { collectors, slowQueryLimit: 1_000, slowQueryExclude: { databases, users } }),
  });
  const scrapeWith = async (target: ReturnType<typeof exclude>) => {
    await using scraper = testScraper([target]);
    return await scrapeOne(scraper, 'server', testSignal());
  };

  const [all, few] = [await scrapeWith(exclude([], [])), await scrapeWith(exclude([odd], ['batch']))];

  const owners = (samples: readonly Sample[]) =>
    new Set(
      samples
        .filter(({ metric }) => metric.name === 'pg_stat_statements_calls_total')
        .map(({ labelValues: [user, datname] }) => `${user} in ${datname}`),
    );
  expect(owners(all)).toEqual(new Set(['postgres in postgres', `postgres in ${odd}`, 'batch in postgres']));
  expect(owners(few)).toEqual(new Set(['postgres in postgres']));
  const texts = Object.keys(valuesOf(few, 'pg_stat_statements_query_id')).join(' ');
  expect(texts).not.toMatch(/in_the_odd_database|of_batch/);
});

test('texts are not asked for unless that is wished', async () => {
  await using scraper = testScraper([watched('server', cluster.access)]);

  const samples = await scrapeOne(scraper, 'server', testSignal());

  expect(valuesOf(samples, 'pg_stat_statements_query_id')).toEqual({});
  expect(valuesOf(samples, 'watchkeeper_collector_success')).not.toHaveProperty('slow_query_texts');
});
