import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { reportOf } from '../../support/comparison.ts';
import { type DynamodbTables, dynamodbTables, primaryKey } from '../../support/dynamodb-tables.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';

const sql = `
  CREATE TABLE stacks (id text PRIMARY KEY, name text, size int, created timestamptz, settings jsonb);
  INSERT INTO stacks
    SELECT 's' || n, 'stack ' || n, n, timestamptz '2026-01-01 00:00Z' + n * interval '1 hour', jsonb_build_object('n', n, 'tags', jsonb_build_array('a', 'b'))
      FROM generate_series(1, 40) n;
  CREATE TABLE visits (shop int, at timestamptz, pages int, PRIMARY KEY (shop, at));
  INSERT INTO visits SELECT n % 3, timestamptz '2026-02-01 00:00Z' + n * interval '1 second', n FROM generate_series(1, 30) n;
  CREATE TABLE devices (serial uuid PRIMARY KEY);
  INSERT INTO devices SELECT ('00000000-0000-4000-8000-0000000000a' || n)::uuid FROM generate_series(1, 5) n;
  CREATE TABLE blobs (hash bytea PRIMARY KEY, length numeric);
  INSERT INTO blobs SELECT decode(md5(n::text), 'hex'), n * 1.50 FROM generate_series(1, 5) n;
  CREATE TABLE events (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2025-01-01');
  CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2030-01-01');
  INSERT INTO events SELECT n, date '2024-12-01' + n FROM generate_series(1, 60) n;
  CREATE SCHEMA crm;
  CREATE TABLE crm.people (id int PRIMARY KEY);
  CREATE TABLE crm.visits (id int PRIMARY KEY);
  INSERT INTO crm.people SELECT generate_series(1, 3);
  CREATE ROLE blind LOGIN; GRANT CONNECT ON DATABASE idp TO blind`;

let cluster: Cluster;
let moto: Moto;
let tables: DynamodbTables;
let folder: WorkDirectory;
let config: readonly string[];

const stack = (n: number) => ({
  id: { S: `s${n}` },
  name: { S: `stack ${n}` },
  size: { N: String(n) },
  created: { S: new Date(Date.UTC(2026, 0, 1, n)).toISOString() },
  settings: { M: { tags: { L: [{ S: 'a' }, { S: 'b' }] }, n: { N: String(n) } } },
});
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-dynamodb-' });
  [cluster, moto] = await Promise.all([startTestCluster(), startMoto()]);
  await createDatabase(cluster, 'idp', sql);
  tables = dynamodbTables(moto.endpoint);
  await tables.create('idp_stacks', numbers(1, 40).map(stack));
  await tables.create(
    'idp_visits',
    numbers(1, 30).map((n) => ({
      shop: { N: String(n % 3) },
      at: { S: new Date(Date.UTC(2026, 1, 1, 0, 0, n)).toISOString() },
    })),
    primaryKey({ shop: 'N', at: 'S' }),
  );
  await tables.create(
    'idp_devices',
    numbers(1, 5).map((n) => ({ pk: { S: `00000000-0000-4000-8000-0000000000A${n}` } })),
    primaryKey({ pk: 'S' }),
  );
  await tables.create(
    'idp_events',
    numbers(1, 60).map((n) => ({
      id: { N: String(n) },
      at: { S: new Date(Date.UTC(2024, 11, 1 + n)).toISOString().slice(0, 10) },
    })),
    primaryKey({ id: 'N', at: 'S' }),
  );
  const hashes = await execute(cluster, 'idp', "SELECT encode(hash, 'hex') AS hash, length FROM blobs");
  await tables.create(
    'idp_blobs',
    hashes.map(({ hash, length }) => ({
      hash: { B: Buffer.from(String(hash), 'hex') },
      length: { N: String(Number(length)) },
    })),
    primaryKey({ hash: 'B' }),
  );
  const url = formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, '');
  config = await writeConfig(
    folder.path,
    `
targets:
  idp: { engine: postgres, url: '${url}idp?sslmode=disable' }
  blind: { engine: postgres, url: '${url.replace(/\/\/[^@]*@/, '//blind@')}idp?sslmode=disable' }
  cloud: { engine: dynamodb, region: eu-central-1, endpoint: '${moto.endpoint}' }
  nowhere: { engine: dynamodb, region: eu-central-1, endpoint: 'http://127.0.0.1:1' }
  cache: { engine: redis, url: 'redis://127.0.0.1:1' }
  pooler: { engine: pgbouncer, url: 'postgres://pgbouncer@127.0.0.1:1/pgbouncer' }
`,
  );
}, 120_000);

afterAll(async () => {
  tables?.[Symbol.dispose]();
  await moto?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const environment = { AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing' };
const compare = (...args: string[]) => runCommand([...config, 'compare', ...args], environment);

const report = (...args: string[]) => reportOf(compare(...args, '--json'));

test('a table and its copy in DynamoDB are the same when counts and samples of both sides are', async () => {
  const args = [
    '--pair',
    'stacks=idp_stacks',
    '--counts',
    'exact',
    '--columns',
    'name,size,created',
    '--columns',
    'settings',
  ];

  const { code, comparison, err } = await report('idp', 'cloud', ...args);
  const shown = await compare('idp', 'cloud', ...args);

  expect(comparison.notCompared).toEqual([]);
  expect(code).toBe(0);
  expect(comparison).toMatchObject({
    format: 'watchkeeper-comparison/1',
    result: 'same',
    level: 'samples',
    tables: 1,
    source: { target: 'idp', engine: 'postgres', database: 'idp' },
    other: { target: 'cloud', engine: 'dynamodb', database: 'eu-central-1' },
    counts: [{ name: 'public.stacks = idp_stacks', source: 40, other: 40, estimated: [] }],
    samples: [{ name: 'public.stacks = idp_stacks', fromSource: 10, fromOther: 10 }],
    differences: [],
    compared: 21,
  });
  expect(err).toContain('counting cloud idp_stacks takes read units that nobody can tell: its size is not known yet');
  expect(shown.out).toMatch(/^public\.stacks = idp_stacks +40 +40 +10 and 10$/m);
  expect(shown.out).toContain('SAME: 21 items of 1 table compared (samples)');
  expect(shown.out).toContain('a sample cannot tell that nothing else is missing or different');
});

/** A database like `idp` with something changed; gives it as a subject of the command. */
async function changed(name: string, change: string): Promise<string> {
  await execute(cluster, 'postgres', `CREATE DATABASE ${name} TEMPLATE idp`);
  await execute(cluster, name, change);
  return `idp/${name}`;
}

test('what one side lacks and what is different is counted and named, either way round', async () => {
  const subject = await changed(
    'lacking',
    "DELETE FROM stacks WHERE id IN ('s1', 's2'); UPDATE stacks SET name = 'other', size = 0 WHERE id = 's3'; INSERT INTO stacks VALUES ('new', 'x')",
  );
  const common = ['--counts', 'exact', '--samples', '50', '--columns', 'name,size'];

  const there = await report(subject, 'cloud', '--pair', 'stacks=idp_stacks', ...common);
  const back = await report('cloud', subject, '--pair', 'idp_stacks=stacks', ...common);
  const few = await compare(subject, 'cloud', '--pair', 'stacks=idp_stacks', ...common, '--keys', '2');

  expect(there.code).toBe(1);
  expect(there.comparison.differences).toEqual([
    { name: 'rows public.stacks = idp_stacks', source: '39', other: '40' },
    {
      name: 'samples public.stacks = idp_stacks',
      source: '38 of 40 found, 1 different',
      other: '38 of 39 found, 1 different',
    },
  ]);
  const [keys] = there.comparison.keys;
  expect([...(keys?.onlyInOther ?? [])].sort()).toEqual([['s1'], ['s2']]);
  expect(keys).toMatchObject({
    columns: ['id'],
    onlyInSource: [['new']],
    changed: [['s3']],
    changedColumns: [['name', 'size']],
    more: false,
  });
  expect(back.code).toBe(1);
  expect(back.comparison.source).toMatchObject({ target: 'cloud', engine: 'dynamodb' });
  expect(back.comparison.differences).toContainEqual({
    name: 'rows idp_stacks = public.stacks',
    source: '40',
    other: '39',
  });
  expect(back.comparison.keys[0]).toMatchObject({ onlyInOther: [['new']], changed: [['s3']] });
  expect(few.out).toMatch(
    /keys of public\.stacks = idp_stacks \(id\)\n {2}only in source: new\n {2}only in other: s[12]\n {2}… and more/,
  );
  expect(few.out).toMatch(
    /^samples public\.stacks = idp_stacks +38 of 40 found, 1 different +38 of 39 found, 1 different$/m,
  );
});

test('an estimate is never called the same: the counts are not compared, and it is said what counting would cost', async () => {
  const { code, comparison } = await report('idp', 'cloud', '--pair', 'stacks=idp_stacks');
  const shown = await compare('idp', 'cloud', '--pair', 'stacks=idp_stacks');

  expect(code).toBe(2);
  expect(comparison).toMatchObject({
    result: 'incomplete',
    differences: [],
    counts: [{ source: 40, other: 40, estimated: ['other'] }],
  });
  expect(comparison.notCompared).toEqual([
    {
      what: 'rows of public.stacks = idp_stacks',
      why: expect.stringMatching(
        /^40 and about 40: .*up to six hours ago; --counts exact counts them, for read units that nobody can tell: its size is not known yet$/,
      ),
    },
  ]);
  expect(shown.out).toMatch(/^public\.stacks = idp_stacks +40 +about 40 +10 and 10$/m);
  expect(shown.out).toContain('NOT FULLY COMPARED');
});

test('keys of numbers, instants, UUIDs and bytes are found by what they mean, whatever they are called', async () => {
  const pairs = ['visits=idp_visits', 'devices=idp_devices', 'blobs=idp_blobs', 'events=idp_events'];
  const args = [
    ...pairs.flatMap((pair) => ['--pair', pair]),
    '--key',
    'serial=pk',
    '--counts',
    'exact',
    '--samples',
    '100',
  ];

  const { code, comparison } = await report('idp', 'cloud', ...args);

  expect(comparison.differences).toEqual([]);
  expect(comparison.notCompared).toEqual([]);
  expect(comparison.samples).toEqual([
    { name: 'public.visits = idp_visits', fromSource: 30, fromOther: 30 },
    { name: 'public.devices = idp_devices', fromSource: 5, fromOther: 5 },
    { name: 'public.blobs = idp_blobs', fromSource: 5, fromOther: 5 },
    { name: 'public.events = idp_events', fromSource: 60, fromOther: 60 },
  ]);
  expect(code).toBe(0);
});

test('numbers are compared as numbers, and null is what an item does not have', async () => {
  const { comparison } = await report('idp', 'cloud', '--pair', 'blobs=idp_blobs', '--columns', 'length,hash');
  await tables.create('bare', [{ id: { S: 's1' }, name: { NULL: true } }]);
  const subject = await changed(
    'bare',
    "DELETE FROM stacks WHERE id <> 's1'; UPDATE stacks SET name = NULL, size = NULL",
  );
  const bare = await report(subject, 'cloud', '--pair', 'stacks=bare', '--columns', 'name,size=absent,created=absent');

  expect(comparison).toMatchObject({ differences: [], samples: [{ fromSource: 5, fromOther: 5 }] });
  expect(bare.comparison.keys).toMatchObject([{ changed: [['s1']], changedColumns: [['created=absent']] }]);
});

test('names may be given for one table, and those of all tables hold for the rest', async () => {
  await tables.create(
    'own_visits',
    numbers(1, 30).map((n) => ({
      tenant: { N: String(n % 3) },
      sk: { S: new Date(Date.UTC(2026, 1, 1, 0, 0, n)).toISOString() },
      count: { N: String(n) },
      name: { S: 'none' },
    })),
    primaryKey({ tenant: 'N', sk: 'S' }),
  );
  await tables.create(
    'own_stacks',
    numbers(1, 40).map((n) => ({ pk: { S: `s${n}` }, name: { S: `stack ${n}` }, count: { N: String(n) } })),
    primaryKey({ pk: 'S' }),
  );
  const pairs = ['--pair', 'public.visits=own_visits', '--pair', 'stacks=own_stacks', '--counts', 'exact'];
  const names = ['--key', 'visits:shop=tenant,at=sk', '--columns', 'own_visits:pages=count', '--key', 'id=pk'];

  const same = await report('idp', 'cloud', ...pairs, ...names, '--columns', 'stacks:name,size=count');
  const wrong = await report('idp', 'cloud', ...pairs, ...names, '--columns', 'stacks:name,size=absent');
  const forAll = await report('idp', 'cloud', ...pairs, ...names, '--columns', 'name');
  const turned = await report(
    ...['cloud', 'idp', '--pair', 'own_stacks=stacks', '--key', 'own_stacks:pk=id', '--columns', 'stacks:count=size'],
  );

  expect(same.comparison).toMatchObject({ result: 'same', notCompared: [] });
  expect(same.comparison.notes.filter((note) => note.includes('--columns'))).toEqual([]);
  expect(wrong.comparison.differences.map(({ name }) => name)).toEqual(['samples public.stacks = own_stacks']);
  expect(wrong.comparison.keys[0]?.changedColumns?.[0]).toEqual(['size=absent']);
  const slip = 'no item of own_stacks that was looked at has the attribute "absent"';
  expect(wrong.comparison.notes).toContain(slip);
  expect(same.comparison.notes.filter((note) => note.includes('has the attribute'))).toEqual([]);
  expect(forAll.comparison.notCompared).toEqual([
    { what: 'column name of public.visits = own_visits', why: 'public.visits has no such column' },
  ]);
  expect(turned.comparison.differences).toEqual([]);
  expect(turned.comparison.samples).toEqual([{ name: 'own_stacks = public.stacks', fromSource: 10, fromOther: 10 }]);
}, 60_000);

test('names for what is not compared are refused', async () => {
  const pairs = ['--pair', 'visits=idp_visits', '--pair', 'stacks=idp_stacks'];
  const known = 'public.visits = idp_visits, public.stacks = idp_stacks';
  const cases = [
    [['--key', 'orders:id=pk'], `--key orders:id=pk is for no table that is compared; these are: ${known}`],
    [['--columns', 'orders:a,b=c'], `--columns orders:a,b=c is for no table that is compared; these are: ${known}`],
    [['--key', 'id=pk'], '--key id=pk: "pk" is no part of the key of idp_visits, idp_stacks: there are shop, at, id'],
    [['--key', 'visits:shop=id'], '--key shop=id: "id" is no part of the key of idp_visits: there are shop, at'],
    [['--key', 'visits:'], '--key "visits:" is not of the form NAME or SOURCE=OTHER, several with commas between'],
    [['--columns', 'name,,size'], '--columns "name,,size" is not of the form NAME or SOURCE=OTHER'],
  ] as const;

  for (const [args, words] of cases) {
    const { code, err } = await compare('idp', 'cloud', ...pairs, ...args);
    expect({ args, code, err }).toEqual({ args, code: 2, err: expect.stringContaining(words) });
  }
}, 30_000);

test('an item whose key PostgreSQL cannot hold is missing there, and does not hide the others', async () => {
  await tables.create(
    'odd_devices',
    [
      { serial: { S: '00000000-0000-4000-8000-0000000000a1' } },
      { serial: { S: 'no uuid' } },
      { serial: { S: 'with \u0000 in it' } },
    ],
    primaryKey({ serial: 'S' }),
  );

  const { comparison } = await report('idp', 'cloud', '--pair', 'devices=odd_devices', '--samples', '2');
  const all = await report('idp', 'cloud', '--pair', 'devices=odd_devices');
  const shown = await compare('idp', 'cloud', '--pair', 'devices=odd_devices');

  expect(comparison.result).toBe('different');
  expect([...(all.comparison.keys[0]?.onlyInOther ?? [])].sort()).toEqual([['no uuid'], ['with \u0000 in it']]);
  expect(all.comparison.differences).toMatchObject([{ source: '1 of 3 found', other: '1 of 5 found' }]);
  expect(shown.out).toContain('only in other: "with \\u0000 in it"');
});

test('keys of domains, numbers written as text and odd texts are what they are, not what PostgreSQL would read', async () => {
  const subject = await changed(
    'domains',
    `CREATE DOMAIN small AS int CHECK (VALUE < 10); CREATE DOMAIN price AS numeric(10, 2);
     CREATE TABLE shelves (id small, price price, open bool, PRIMARY KEY (id, price));
     INSERT INTO shelves VALUES (1, 1.50, true), (2, 20, false);
     CREATE TABLE flags (id text PRIMARY KEY, open bool); INSERT INTO flags VALUES ('a', true)`,
  );
  const shelf = (id: string, price: string) => ({ id: { N: id }, price: { S: price } });
  await tables.create('shelves', [shelf('1', '1.50'), shelf('2', '20'), shelf('99', '1'), shelf('1', ' 1.50')], {
    ...primaryKey({ id: 'N', price: 'S' }),
  });
  await tables.create('flags', [{ open: { S: 'true' } }, { open: { S: 'yes' } }], primaryKey({ open: 'S' }));

  const shelves = await report(subject, 'cloud', '--pair', 'shelves=shelves');
  const flags = await report(subject, 'cloud', '--pair', 'flags=flags');

  const [keys] = shelves.comparison.keys;
  expect(keys?.onlyInSource).toEqual([]);
  expect([...(keys?.onlyInOther ?? [])].sort()).toEqual([
    ['1', ' 1.50'],
    ['99', '1'],
  ]);
  expect(flags.comparison.keys).toMatchObject([{ onlyInSource: [], onlyInOther: [['yes']] }]);
  expect(flags.comparison.notes).toContainEqual(expect.stringContaining('public.flags has no unique index over open'));
});

test('addresses are found as PostgreSQL writes them, and with their netmask', async () => {
  const subject = await changed(
    'addresses',
    "CREATE TABLE hosts (at inet PRIMARY KEY, v int); INSERT INTO hosts VALUES ('10.0.0.1', 1), ('10.0.0.2', 2), ('10.1.0.0/16', 3), ('::1', 4)",
  );
  const host = (at: string) => ({ at: { S: at } });
  await tables.create(
    'hosts',
    ['10.0.0.1', '10.0.0.2/32', '10.1.0.0/16', '::1', '10.1'].map(host),
    primaryKey({ at: 'S' }),
  );

  const { comparison } = await report(subject, 'cloud', '--pair', 'hosts=hosts');

  expect(comparison.keys).toMatchObject([{ onlyInSource: [], onlyInOther: [['10.1']], changed: [] }]);
  expect(comparison.samples).toEqual([{ name: 'public.hosts = hosts', fromSource: 4, fromOther: 5 }]);
});

test('several rows for one item are told, and samples of a large table are from all of it', async () => {
  const subject = await changed(
    'large',
    `CREATE TABLE readings (sensor text, n int); INSERT INTO readings SELECT 's' || n / 2, n FROM generate_series(2, 300001) n; ANALYZE readings`,
  );
  await tables.create('readings', [{ sensor: { S: 's7' }, n: { N: '14' } }], primaryKey({ sensor: 'S' }));

  const { comparison } = await report(
    ...[subject, 'cloud', '--pair', 'readings=readings', '--samples', '200', '--keys', '200', '--columns', 'n'],
  );

  expect(comparison.counts).toMatchObject([{ source: 300_000, other: 1 }]);
  expect(comparison.notCompared).toContainEqual({
    what: '1 sampled of public.readings = readings',
    why: 'several rows have the key',
  });
  const sampled = comparison.keys[0]?.onlyInSource.map(([key]) => Number(key?.slice(1))) ?? [];
  expect(sampled.length).toBeGreaterThan(190);
  const firstHalf = sampled.filter((sensor) => sensor <= 75_000).length;
  expect(firstHalf).toBeGreaterThan(60);
  expect(firstHalf).toBeLessThan(140);
});

test('a prefix pairs all tables of a schema, and tells tables that one side lacks', async () => {
  const { code, comparison } = await report(
    ...['idp', 'cloud', '--prefix', 'idp_', '--schema', 'public', '--counts', 'exact', '--key', 'serial=pk'],
  );
  const lone = await report(
    'idp',
    'cloud',
    '--prefix',
    'idp_',
    '--schema',
    'crm',
    '--table',
    'crm.people',
    '--counts',
    'exact',
  );
  const twice = await compare('idp', 'cloud', '--prefix', 'idp_');

  expect(comparison.counts?.map(({ name }) => name)).toEqual([
    'public.blobs = idp_blobs',
    'public.devices = idp_devices',
    'public.events = idp_events',
    'public.stacks = idp_stacks',
    'public.visits = idp_visits',
  ]);
  expect(code).toBe(0);
  expect(lone.code).toBe(1);
  expect(lone.comparison.differences).toEqual([{ name: 'rows crm.people', source: '3', other: null }]);
  expect(twice).toMatchObject({ code: 2, err: expect.stringContaining('would be crm.visits and public.visits') });
});

test('a table that only DynamoDB has is told', async () => {
  await tables.create('old_stacks', numbers(1, 40).map(stack));
  await tables.create('old_left', [stack(1)]);

  const { comparison } = await report('cloud', 'idp', '--prefix', 'old_', '--schema', 'public', '--counts', 'exact');

  expect(comparison.differences).toContainEqual({ name: 'rows old_left', source: '1', other: null });
  expect(comparison.differences).toContainEqual({ name: 'rows public.visits', source: null, other: '30' });
  expect(comparison.samples).toEqual([{ name: 'old_stacks = public.stacks', fromSource: 10, fromOther: 10 }]);
});

test('what cannot be looked up is not compared, with the reason, and counts are all the same', async () => {
  await tables.create('by_number', [{ id: { N: '1' } }], primaryKey({ id: 'N' }));

  const other = await report('idp', 'cloud', '--pair', 'devices=idp_devices', '--counts', 'exact');
  const number = await report('idp', 'cloud', '--pair', 'stacks=by_number', '--counts', 'exact');
  const column = await report(
    'idp',
    'cloud',
    '--pair',
    'stacks=idp_stacks',
    '--counts',
    'exact',
    '--columns',
    'nothing',
  );
  const units = await report(
    ...['idp', 'cloud', '--pair', 'stacks=idp_stacks', '--counts', 'exact', '--max-read-units', '1'],
  );

  expect(other).toMatchObject({ code: 2, comparison: { result: 'incomplete', counts: [{ source: 5, other: 5 }] } });
  expect(other.comparison.notCompared).toEqual([
    {
      what: 'samples of public.devices = idp_devices',
      why: 'public.devices has no column "pk" for the key "pk"; --key COLUMN=pk names another',
    },
  ]);
  expect(number.comparison.notCompared).toEqual([
    {
      what: 'samples of public.stacks = by_number',
      why: 'the column "id" of public.stacks is text, and the key "id" is a number (N)',
    },
  ]);
  expect(number.comparison.differences).toHaveLength(1);
  expect(column.comparison.notCompared).toEqual([
    { what: 'column nothing of public.stacks = idp_stacks', why: 'public.stacks has no such column' },
  ]);
  expect(units.code).toBe(2);
  expect(JSON.stringify(units.comparison.notCompared)).toContain('--max-read-units allows more');
});

test('a role that may not read a table is told what to grant', async () => {
  const { code, comparison } = await report('blind', 'cloud', '--pair', 'stacks=idp_stacks', '--counts', 'exact');

  expect(code).toBe(2);
  expect(comparison.notCompared.map(({ what }) => what)).toEqual([
    'rows of public.stacks = idp_stacks',
    'samples of public.stacks = idp_stacks',
  ]);
  expect(comparison.notCompared[0]?.why).toMatch(/permission denied for table stacks.*GRANT SELECT on it/);
});

test('what makes no sense ends with code 2 and its reason', async () => {
  const pair = ['--pair', 'stacks=idp_stacks'];
  const cases = [
    [['idp', 'cloud'], 'say which tables belong together: --pair stacks=idp_stacks, or --prefix idp_'],
    [['idp', 'nothing', ...pair], 'there is no target "nothing"; there are: idp, blind, cloud, nowhere, cache'],
    [
      ['idp', 'pooler', ...pair],
      'target "pooler" is of engine pgbouncer, and only postgres, dynamodb and redis can be compared',
    ],
    [['idp', 'cloud', '--pair', 'stack=idp_stacks'], 'idp/idp has no table "stack"'],
    [['idp', 'cloud', '--pair', 'stacks=idp_stack'], 'cloud has no table "idp_stack"'],
    [['idp', 'cloud', '--pair', 'stacks='], '--pair "stacks=" is not of the form NAME or SOURCE=OTHER'],
    [['idp', 'cloud', ...pair, '--counts', 'some'], '--counts "some": there are estimate, exact'],
    [
      ['idp', 'cloud', ...pair, '--schema', 'public'],
      '--pair names the tables: leave --prefix, --schema and --table out',
    ],
    [['idp', 'cloud', ...pair, '--content'], '--content is not for comparing DynamoDB with PostgreSQL'],
    [
      ['idp', 'cloud', ...pair, '--ttl-tolerance', '1s'],
      '--ttl-tolerance is not for comparing DynamoDB with PostgreSQL',
    ],
    [['idp', 'blind', ...pair], '--pair is not for comparing databases of PostgreSQL'],
    [['idp', 'cloud/table', ...pair], 'a target of DynamoDB has no databases'],
    [['idp', 'cache'], 'postgres cannot be compared with redis'],
    [['cloud', 'cache'], 'dynamodb cannot be compared with redis'],
    [['idp', 'nowhere', ...pair], 'could not compare: dynamodb:DescribeTable'],
  ] as const;

  for (const [args, words] of cases) {
    const { code, err } = await compare(...args);
    expect({ args, code, err }).toEqual({ args, code: 2, err: expect.stringContaining(words) });
  }
}, 120_000);
