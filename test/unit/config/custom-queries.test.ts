import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';

/** Loads a target that names the given files. */
async function load(
  files: Readonly<Record<string, string>>,
  collectors: Readonly<Record<string, boolean>> = {},
  customQueries: readonly unknown[] = Object.keys(files),
) {
  const folder = mkdtempSync(join(tmpdir(), 'watchkeeper-test-queries-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const watch = { customQueries, collectors };
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
        { kind: 'value', name: 'pg_shop_age_milliseconds', holds: 'duration' },
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

test('what postgres_exporter passes over without a word is passed over with a warning', async () => {
  const { families, problems, warnings } = await load({
    'queries.yaml': `pg_x:
  query: SELECT 1 AS a
  cache_seconds: 0
  runonserver: ""
  unknown: [key]
  metrics:
    - a: { usage: GAGUE, description: 5 }
    - b: { description: nothing }
    - c:
    - d: { usage: GAUGE }
pg_y:
  query: SELECT 1 AS a
`,
  });

  expect(problems).toEqual([]);
  expect(warnings).toEqual(
    [7, 8, 9].map((line) =>
      expect.stringMatching(new RegExp(`^queries.yaml:${line}:7: pg_x.metrics.*its usage is none`)),
    ),
  );
  expect(families).toMatchObject([
    {
      name: 'pg_x',
      intervalMs: undefined,
      columns: [{ kind: 'ignored' }, {}, {}, { name: 'pg_x_d', help: 'Column d of pg_x.' }],
    },
    { name: 'pg_y', columns: [] },
  ]);
});

test('a namespace that is called like a family of ours becomes a family of another name', async () => {
  const locks = `locks: { query: SELECT 1 AS waiting, metrics: [{ waiting: { usage: GAUGE, description: W } }] }`;

  const { families, problems, warnings } = await load({ 'queries.yaml': locks }, { locks: false, queries_locks: true });

  expect([...problems, ...warnings]).toEqual([]);
  expect(families).toMatchObject([{ name: 'queries_locks', columns: [{ name: 'locks_waiting' }] }]);
});

test('columns that are not described take no name of anybody', async () => {
  const { families } = await load(
    {
      'queries.yaml': `
pg: { query: SELECT 1 AS up }
pg_stat: { query: SELECT 1 AS x }
pg_later: { query: SELECT 1 AS b, metrics: [{ b: { usage: GAUGE } }] }
`,
    },
    { settings: true },
  );

  const isTaken = families?.find(({ name }) => name === 'pg')?.isTaken;
  expect(
    ['pg_up', 'pg_settings_x', 'pg_later_b', 'pg_stat_x', 'pg_locks_count', 'pg_free'].map((name) => isTaken?.(name)),
  ).toEqual([true, true, true, true, true, false]);
});

test('a target says that a file ran in every database; what is for the master stays in its own', async () => {
  const { families, problems } = await load(
    {
      'queries.yaml': `
pg_a: { query: SELECT 1 AS a }
pg_b: { query: SELECT 1 AS a, master: true }
`,
    },
    {},
    [{ file: 'queries.yaml', everyDatabase: true }],
  );

  expect(problems).toEqual([]);
  expect(families?.map(({ name, scope }) => `${name} ${scope}`)).toEqual(['pg_a database', 'pg_b server']);
});

test('our own format says its scope itself', async () => {
  const { problems } = await load({ 'shop.yaml': small }, {}, [{ file: 'shop.yaml', everyDatabase: true }]);

  expect(problems).toEqual([
    '"everyDatabase" is for files of postgres_exporter; in shop.yaml the families say "scope: database"',
  ]);
});

test.each([
  ['"count(*)": gauge', 'families.shop.columns.count(*): is no name for a metric'],
  ['target: label, a: gauge', 'families.shop.columns.target: every sample has a label "target" already'],
  ['"my label": label, a: gauge', 'columns["my label"]: is no name for a label'],
  ['__name__: label, a: gauge', 'columns.__name__: is no name for a label'],
  ['le: label, a: histogram', 'columns.le: a histogram has a label "le" of its own'],
  ['x: label, b: { type: label, name: x }, a: gauge', 'columns.b: is the second label "x"'],
  ['a: { type: gauge, name: same }, b: { type: gauge, name: same }', 'columns.b: is called like another metric'],
  ['a: histogram, a_count: gauge', 'columns.a_count: is called like another metric'],
  ['a: { type: label, factor: 2 }', 'columns.a.factor: unknown setting "factor"'],
  ['a: { type: gauge, fator: 2 }', 'columns.a.fator: unknown setting "fator"; did you mean "factor"?'],
])('columns { %s } would spoil the page and are refused', async (columns, message) => {
  const { problems } = await load({ 'shop.yaml': `families: { shop: { sql: SELECT 1, columns: { ${columns} } } }` });

  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(/^shop\.yaml:1:\d+: /);
  expect(problems[0]).toContain(message);
});

test('a label "target" of postgres_exporter is shown under another name; a name that cannot be shown is refused', async () => {
  const { families } = await load({
    'queries.yaml': 'pg_x: { query: SELECT 1, metrics: [{ target: { usage: LABEL } }, { a: { usage: GAUGE } }] }',
  });
  const { problems } = await load({
    'queries.yaml': 'pg_x: { query: SELECT 1, metrics: [{ a: { usage: GAUGE } }, { "a b": { usage: GAUGE } }] }',
  });

  expect(families?.[0]?.columns[0]).toEqual({ kind: 'label', column: 'target', name: 'exported_target' });
  expect(problems).toEqual([
    expect.stringMatching(/^queries.yaml:1:\d+: pg_x.metrics\[1\]\["a b"\]: is no name for a metric/),
  ]);
});

test('the names of the daemon and of open families are refused', async () => {
  const { problems } = await load(
    {
      'shop.yaml': `families:
  watchkeeper: { sql: SELECT 1, columns: { orders: gauge } }
  pg_settings: { sql: SELECT 1, columns: { mine: gauge } }
`,
    },
    { settings: true },
  );

  expect(problems).toEqual([
    'watchkeeper_orders of shop.yaml is measured by the daemon already',
    'pg_settings_mine of shop.yaml is measured by the family settings already',
  ]);
});

test('a metric has one type on the page of all targets', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'watchkeeper-test-queries-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const family = (type: string) => `families: { shop: { sql: SELECT 1, columns: { orders: ${type} } } }`;
  for (const type of ['gauge', 'counter']) writeFileSync(join(folder, `${type}.yaml`), family(type));
  const target = (file: string) => ({
    engine: 'postgres',
    url: `postgres://m@${file}/x`,
    watch: { customQueries: [file] },
  });
  const targets = { one: target('gauge.yaml'), two: target('counter.yaml'), three: target('gauge.yaml') };
  writeFileSync(join(folder, 'watchkeeper.yaml'), JSON.stringify({ targets }));

  const result = await loadConfig(join(folder, 'watchkeeper.yaml'), {});

  expect(result.ok ? [] : result.problems.map(({ path, message }) => [path, message])).toEqual([
    [
      'targets.two.watch.customQueries[0]',
      `shop_orders is a counter in "shop" of ${folder}/counter.yaml and a gauge in "shop" of ${folder}/gauge.yaml: it needs another name`,
    ],
  ]);
});

test('statements know where they stand, also behind an anchor', async () => {
  const { families } = await load({
    'shop.yaml': `families:
  one:
    sql: SELECT 1 AS a
    columns: { a: gauge }
  two:
    sql: |  # says why

      SELECT 1
        AS a
    columns: { a: gauge }
  three:
    sql:
      - { versions: '>=14', sql: SELECT 1 AS a }
      - versions: '<14'
        sql: >
          SELECT 2
          AS a
    versions: '<17'
    columns: { a: gauge }
`,
  });

  expect(families?.map(({ line, statements }) => [line, ...statements.map(({ place }) => place)])).toEqual([
    [2, { line: 3, isVerbatim: false }],
    [5, { line: 7, isVerbatim: true }],
    [11, { line: 13, isVerbatim: false }, { line: 15, isVerbatim: false }],
  ]);
});

test('an empty file of postgres_exporter has no families', async () => {
  const { families, problems } = await load({ 'queries.yaml': '# nothing yet\n' });

  expect(problems).toEqual([]);
  expect(families).toEqual([]);
});
