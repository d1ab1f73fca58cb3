import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import { loadConfig } from '../../../src/config/load.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { onlyFamily, scrapeOne, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

const example = join(import.meta.dirname, '../../../deploy/examples/queries/shop.yaml');
let server: Cluster;

beforeAll(async () => {
  server = await startTestCluster();
  const shop = `
    CREATE TABLE orders (status text, total numeric, created_at timestamptz);
    INSERT INTO orders VALUES ('open', 10.5, '2026-03-02 00:00:00+00'), ('open', 2, '2026-03-03'), ('paid', 7, NULL);
    CREATE TABLE jobs (done boolean); INSERT INTO jobs VALUES (false), (false), (true);
    GRANT SELECT ON orders, jobs TO PUBLIC`;
  await execute(server, 'postgres', 'CREATE ROLE monitor LOGIN IN ROLE pg_monitor');
  await createDatabase(server, 'shop_one', shop);
  await createDatabase(server, 'shop_two', shop);
});

afterAll(() => server?.[Symbol.asyncDispose]());

/** Scrapes a target with these files and none of our own families. */
async function scrapeWith(
  files: readonly string[],
  database = 'shop_one',
  watch: Readonly<Record<string, unknown>> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'watchkeeper-test-queries-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const paths = files.map((text, index) => {
    if (text.startsWith('/')) return text;
    writeFileSync(join(folder, `${index}.yaml`), text);
    return `${index}.yaml`;
  });
  const url = `postgres://monitor@127.0.0.1:${server.access.connection.port}/${database}?sslmode=disable`;
  const target = { engine: 'postgres', url, watch: { customQueries: paths, ...onlyFamily('instance'), ...watch } };
  const file = join(folder, 'watchkeeper.yaml');
  writeFileSync(file, JSON.stringify({ targets: { shop: target } }));
  const loaded = await loadConfig(file, {});
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const { log, lines } = recordingLog();
  await using scraper = testScraper(loaded.config.targets as Parameters<typeof testScraper>[0], log);
  const samples = await scrapeOne(scraper, 'shop', testSignal());
  return {
    samples,
    warnings: lines.filter(({ level }) => level === 'warn'),
    text: writeExposition([{ target: 'shop', samples }], 'text'),
  };
}

const errorOf = ({ fields }: { readonly fields: Readonly<Record<string, unknown>> }) => {
  const error = fields['error'] as Error;
  const cause = error.cause as Error | undefined;
  return cause === undefined ? error.message : `${error.message}: ${cause.message}`;
};

test('the example for a shop gives business metrics', async () => {
  const { samples } = await scrapeWith([example]);

  expect(valuesOf(samples, 'shop_orders_open')).toEqual({ open: 2, paid: 1 });
  expect(valuesOf(samples, 'shop_orders_worth_euros')).toEqual({ open: 12.5, paid: 7 });
  expect(valuesOf(samples, 'shop_orders_oldest_timestamp_seconds')).toEqual({ open: 1_772_409_600 });
  expect(valuesOf(samples, 'shop_queue_waiting')).toEqual({ '': 2 });
});

test('a family of scope database looks into each of them that its pattern names', async () => {
  const family = `families: { shop: { scope: database, databases: ['shop_*'], sql: SELECT count(*) AS orders FROM orders, columns: { orders: gauge } } }`;

  const { samples, warnings } = await scrapeWith([family], 'postgres');

  expect(valuesOf(samples, 'shop_orders')).toEqual({ shop_one: 3, shop_two: 3 });
  expect(valuesOf(samples, 'watchkeeper_collector_success')['shop']).toBe(1);
  expect(warnings).toEqual([]);
});

test('bad SQL fails its own family only, and is told with its file', async () => {
  const files = `families:
  wrong: { sql: SELECT nonsense AS a FROM orders, columns: { a: gauge } }
  right: { sql: SELECT 1 AS a, columns: { a: gauge } }`;

  const { samples, warnings } = await scrapeWith([files]);

  expect(valuesOf(samples, 'watchkeeper_collector_success')).toMatchObject({ wrong: 0, right: 1, instance: 1 });
  expect(valuesOf(samples, 'right_a')).toEqual({ '': 1 });
  expect(warnings.map(errorOf)).toEqual([
    expect.stringMatching(
      /0\.yaml:2: the statement of "wrong" fails at its character 8: column "nonsense" does not exist$/,
    ),
  ]);
});

test.each([
  ['INSERT INTO jobs VALUES (true) RETURNING 1 AS a', 'cannot execute INSERT in a read-only transaction'],
  ['SELECT 1 AS a; DROP TABLE jobs', 'cannot insert multiple commands into a prepared statement'],
  ["SELECT 'many' AS a", '0.yaml:1: "bad": column "a" is text: not a number'],
  ['SELECT 1 AS b', '0.yaml:1: "bad": column "a" is not in the result'],
  ['SELECT 1 AS a UNION ALL SELECT 2', '0.yaml:1: "bad": two rows but no label'],
  ["SELECT 'a-private-name'::int AS a", 'invalid input syntax for type integer'],
  ['SELECT 1 AS a FROM pg_sleep(3)', 'statement timeout'],
])('%s is refused', async (sql, message) => {
  const file = JSON.stringify({ families: { bad: { sql, timeout: '200ms', columns: { a: 'gauge' } } } });

  const { samples, warnings } = await scrapeWith([file]);

  expect(valuesOf(samples, 'watchkeeper_collector_success')).toMatchObject({ bad: 0, instance: 1 });
  expect(warnings.map(errorOf).join()).toContain(message);
  expect(warnings.map(errorOf).join()).not.toContain('a-private-name');
  expect(await execute(server, 'shop_one', 'SELECT count(*) FROM jobs')).toEqual([{ count: '3' }]);
});

test('rows beyond the limit are counted', async () => {
  const file = `families: { rows: { rowLimit: 2, sql: 'SELECT n AS id, n AS a FROM generate_series(1, 5) AS n', columns: { id: label, a: gauge } } }`;

  const { samples } = await scrapeWith([file]);

  expect(valuesOf(samples, 'rows_a')).toEqual({ 1: 1, 2: 2 });
  expect(valuesOf(samples, 'watchkeeper_collector_rows_dropped')['rows ']).toBe(3);
});

test('the search path is that of the user while it runs, and ours afterwards', async () => {
  const file = `families: { path: { sql: "SELECT current_setting('search_path') AS path, 1 AS a", columns: { path: label, a: gauge } } }`;

  const { samples } = await scrapeWith([file], 'shop_one', {
    connections: 1,
    collectors: { ...onlyFamily('roles').collectors },
  });

  expect(valuesOf(samples, 'path_a')).toEqual({ '"$user", public': 1 });
  expect(valuesOf(samples, 'watchkeeper_collector_success')).toMatchObject({ path: 1, roles: 1 });
});

test("postgres_exporter's queries.yaml: every usage, unknown columns, NULL and text", async () => {
  const file = `
pg_shop:
  query: |
    SELECT 'eu' AS region, 5 AS orders, NULL::int AS nothing, 'open' AS state, '1h30m' AS age, true AS active,
           ARRAY[0.1, 1] AS latency, ARRAY[2, 3] AS latency_bucket, 1.5 AS latency_sum, 4 AS latency_count,
           7 AS surprise, 'text' AS text, '2026-03-02'::timestamptz AS since, 9 AS junk;
  metrics:
    - region: { usage: LABEL, description: Region }
    - orders: { usage: COUNTER, description: Orders }
    - nothing: { usage: GAUGE, description: Nothing }
    - state: { usage: MAPPEDMETRIC, description: State, metric_mapping: { closed: 0, open: 1 } }
    - age: { usage: DURATION, description: Age }
    - active: { usage: GAUGE, description: Active }
    - latency: { usage: HISTOGRAM, description: Latency }
    - junk: { usage: DISCARD, description: Junk }
pg_old:
  query: SELECT 1 AS a
  runonserver: "<10.0.0"
  metrics: [{ a: { usage: GAUGE, description: A } }]
`;

  const { text, samples, warnings } = await scrapeWith([file]);

  expect(warnings).toEqual([]);
  expect(valuesOf(samples, 'watchkeeper_collector_applicable')).toMatchObject({ pg_shop: 1, pg_old: 0 });
  const page = text.split('\n').filter((line) => /^(# TYPE )?pg_shop/.test(line));
  await expect(`${page.join('\n')}\n`).toMatchFileSnapshot(join(import.meta.dirname, 'golden', 'custom-queries.txt'));
});
