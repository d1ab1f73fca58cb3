import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';

/** Loads a target that names the given files. */
async function load(files: Readonly<Record<string, string>>, collectors: Readonly<Record<string, boolean>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'watchkeeper-test-queries-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const watch = { customQueries: Object.keys(files), collectors };
  const target = { engine: 'postgres', url: 'postgres://monitor@db/shop', watch };
  writeFileSync(join(folder, 'watchkeeper.yaml'), JSON.stringify({ targets: { shop: target } }));
  const result = await loadConfig(join(folder, 'watchkeeper.yaml'), {});
  const strip = (messages: readonly { readonly message: string }[]) =>
    messages.map(({ message }) => message.replaceAll(`${folder}/`, ''));
  const [loaded] = result.ok ? result.config.targets : [];
  return {
    families: loaded?.engine === 'postgres' ? loaded.customFamilies : undefined,
    problems: result.ok ? [] : strip(result.problems),
    warnings: strip(result.warnings),
  };
}

const small = 'families: { shop: { sql: SELECT 1 AS orders, columns: { orders: gauge } } }';

test('a family in our own format', async () => {
  const { families, problems } = await load({ 'shop.yaml': small });

  expect(problems).toEqual([]);
  expect(families).toMatchObject([
    {
      name: 'shop',
      scope: 'server',
      columns: [{ kind: 'value', name: 'shop_orders', type: 'gauge', factor: 1 }],
      otherColumns: 'ignored',
    },
  ]);
});

test('everything that is wrong is told at once, with its place', async () => {
  const { problems } = await load({
    'shop.yaml': `families:
  shop:
    sql: SELECT 1 AS orders
    columns: { orders: guage }
    scop: server
  more:
    versions: new
    sql: SELECT 1 AS a
    columns: { a: gauge }
`,
    'absent-one.yaml': 'families: [',
  });

  expect(problems).toEqual([
    expect.stringMatching(/^shop\.yaml:4:\d+: families\.shop\.columns\.orders: must be one of label.* or a mapping/),
    expect.stringMatching(/^shop\.yaml:5:\d+: families\.shop\.scop: unknown setting "scop"/),
    expect.stringMatching(/^shop\.yaml:7:\d+: families\.more\.versions: must be versions such as/),
    expect.stringMatching(/^absent-one\.yaml:1:\d+: not valid YAML/),
  ]);
});

test('a file that is not there', async () => {
  const { problems } = await load({});
  expect(problems).toEqual([]);

  const folder = mkdtempSync(join(tmpdir(), 'watchkeeper-test-queries-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'watchkeeper.yaml');
  const target = { engine: 'postgres', url: 'postgres://monitor@db/shop', watch: { customQueries: ['none.yaml'] } };
  writeFileSync(file, JSON.stringify({ targets: { shop: target } }));
  expect(await loadConfig(file, {})).toMatchObject({
    problems: [{ path: 'targets.shop.watch.customQueries[0]', message: `there is no file ${folder}/none.yaml` }],
  });
});

test('names that are taken are refused in our own format, and it is said by whom', async () => {
  const { problems } = await load({
    'a.yaml': `families:
  pg: { sql: SELECT 1 AS up, columns: { up: gauge } }
  locks: { sql: SELECT 1 AS a, columns: { a: gauge } }
  pg_locks: { sql: SELECT 1 AS count, columns: { count: gauge } }
  shop: { sql: SELECT 1 AS orders, columns: { orders: gauge } }
`,
    'b.yaml': small,
  });

  expect(problems).toEqual([
    'pg_up of a.yaml is measured by every target already',
    'the family "locks" of a.yaml is called like one of Watchkeeper itself',
    'pg_locks_count of a.yaml is measured by the family locks already',
    expect.stringContaining('the family "shop" of b.yaml is called like one of'),
  ]);
});

const exporters = `
pg_locks:
  query: "SELECT datname, mode, 1 AS count, 2 AS extra FROM x;"
  metrics:
    - datname: { usage: LABEL, description: Database }
    - mode: { usage: LABEL, description: Mode }
    - count: { usage: GAUGE, description: Locks }
pg_shop:
  query: SELECT 1 AS orders
  master: true
  cache_seconds: 30
  runonserver: ">=10.0.0 <99"
  metrics:
    - orders:
        usage: COUNTER
        description: Orders
    - state: { usage: MAPPEDMETRIC, metric_mapping: { open: 1 } }
    - age: { usage: DURATION, description: Age }
    - sizes: { usage: HISTOGRAM, description: Sizes }
    - junk: { usage: DISCARD, description: Junk }
`;

test("postgres_exporter's format is told by its content; what we measure already is left out with a warning", async () => {
  const { families, problems, warnings } = await load({ 'queries.yaml': exporters });

  expect(problems).toEqual([]);
  expect(warnings).toEqual([
    '"pg_locks" of queries.yaml repeats what the family locks measures (pg_locks_count): these are left out; switch the family off in "watch.collectors" to have yours',
  ]);
  expect(families).toMatchObject([
    {
      name: 'pg_shop',
      intervalMs: 30_000,
      otherColumns: 'untyped',
      columns: [
        { kind: 'value', name: 'pg_shop_orders', type: 'counter', help: 'Orders' },
        { kind: 'value', values: { open: 1 } },
        { kind: 'value', name: 'pg_shop_age_milliseconds', isDuration: true },
        { kind: 'histogram', name: 'pg_shop_sizes' },
        { kind: 'ignored', column: 'junk' },
      ],
    },
  ]);
});

test('a family of ours that is switched off makes room for one of the file, which can be switched off as well', async () => {
  const ours = await load({ 'queries.yaml': exporters }, { locks: false });
  const neither = await load({ 'queries.yaml': exporters }, { locks: false, pg_locks: false });

  expect(ours.warnings).toEqual([]);
  expect(ours.families?.map(({ name }) => name)).toEqual(['pg_locks', 'pg_shop']);
  expect(neither.problems).toEqual([]);
});

test('a usage that does not exist is an error with its place', async () => {
  const { problems } = await load({
    'queries.yaml': 'pg_x: { query: SELECT 1 AS a, metrics: [{ a: { usage: GAGUE } }] }',
  });

  expect(problems).toEqual([
    expect.stringMatching(/^queries\.yaml:1:\d+: pg_x\.metrics\[0\]\.a\.usage: must be one of/),
  ]);
});
