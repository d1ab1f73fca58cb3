import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { runCommand, startCommand, writeConfig } from '../../support/command-line.ts';
import { reportOf } from '../../support/comparison.ts';
import { type DynamodbTables, dynamodbTables, primaryKey } from '../../support/dynamodb-tables.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { type ScriptedAws, startScriptedAws } from '../../support/scripted-aws.ts';

let moto: Moto;
let otherMoto: Moto;
let slow: ScriptedAws;
let tables: DynamodbTables;
let copies: DynamodbTables;
let folder: WorkDirectory;
let config: readonly string[];

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const order = (n: number) => ({
  customer: { S: `c${n % 7}` },
  number: { N: String(n) },
  lines: { L: [{ M: { what: { S: 'book' }, price: { N: '9.50' } } }, { NULL: true as const }] },
  labels: { SS: ['new', 'gift', `l${n}`] },
  paid: { BOOL: n % 2 === 0 },
  picture: { B: Buffer.from([n, 255, 0]) },
});
const key = primaryKey({ customer: 'S', number: 'N' });

/** As DynamoDB may give it: members of sets and maps in another order. */
const rewritten = (n: number) => {
  const { lines: _, labels, ...rest } = order(n);
  const lines = { L: [{ M: { price: { N: '9.50' }, what: { S: 'book' } } }, { NULL: true as const }] };
  return { lines, labels: { SS: labels.SS.toReversed() }, ...rest };
};

beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-items-' });
  [moto, otherMoto] = await Promise.all([startMoto(), startMoto()]);
  [tables, copies] = [dynamodbTables(moto.endpoint), dynamodbTables(otherMoto.endpoint)];
  await tables.create('orders', numbers(1, 200).map(order), key);
  await tables.create('orders-restored', numbers(1, 200).map(rewritten), key);
  await tables.create('users', [{ id: { S: 'u1' } }]);
  await copies.create('orders', numbers(1, 200).map(rewritten), key);
  await copies.create('users', [{ id: { S: 'u1' } }]);
  slow = await startScriptedAws(({ call, body }) => {
    if (call === 'DescribeTable') return { value: { Table: hugeTable(String(body['TableName'])) } };
    return call === 'Scan' ? { error: 'ProvisionedThroughputExceededException' } : 'stall';
  });
  config = await writeConfig(
    folder.path,
    `
targets:
  cloud: { engine: dynamodb, region: eu-central-1, endpoint: '${moto.endpoint}' }
  alias: { engine: dynamodb, region: eu-central-1, endpoint: '${moto.endpoint}' }
  elsewhere: { engine: dynamodb, region: eu-central-1, endpoint: '${otherMoto.endpoint}' }
  slow: { engine: dynamodb, region: eu-central-1, endpoint: '${slow.endpoint}' }
`,
  );
}, 120_000);

const hugeTable = (name: string) => ({
  TableName: name,
  TableArn: `arn:aws:dynamodb:eu-central-1:123456789012:table/${name}`,
  TableStatus: 'ACTIVE',
  ItemCount: 10_000_000,
  TableSizeBytes: 1_000_000_000,
  AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
});

afterAll(async () => {
  tables?.[Symbol.dispose]();
  copies?.[Symbol.dispose]();
  await slow?.[Symbol.asyncDispose]();
  await otherMoto?.[Symbol.asyncDispose]();
  await moto?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const environment = { AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing' };
const compare = (...args: string[]) => runCommand([...config, 'compare', ...args], environment);

const report = (...args: string[]) => reportOf(compare(...args, '--json'));

test('a restored table is the same, item for item, in whatever order sets and maps come', async () => {
  const { code, comparison } = await report(
    ...['cloud', 'cloud', '--pair', 'orders=orders-restored', '--counts', 'exact', '--samples', '40'],
  );

  expect(comparison).toMatchObject({
    result: 'same',
    source: { target: 'cloud', engine: 'dynamodb', database: 'eu-central-1' },
    counts: [{ name: 'orders = orders-restored', source: 200, other: 200, estimated: [] }],
    samples: [{ fromSource: 40, fromOther: 40 }],
  });
  expect(code).toBe(0);
  expect(comparison.notes).toContainEqual(expect.stringMatching(/^cloud: [1-9][\d.]* read units were used$/));
});

test('without pairs all tables of the same name are compared, and those that one side lacks are told', async () => {
  const same = await report('cloud', 'elsewhere', '--table', 'orders', '--table', 'users', '--counts', 'exact');
  const all = await report('elsewhere', 'cloud', '--counts', 'exact');

  expect(same.code).toBe(0);
  expect(same.comparison.counts?.map(({ name }) => name)).toEqual(['orders', 'users']);
  expect(all.code).toBe(1);
  expect(all.comparison.differences).toEqual([{ name: 'rows orders-restored', source: null, other: '200' }]);
});

test('an index that is lost or of another kind is told, and one that is the same is not', async () => {
  const byStatus = (projection: 'ALL' | 'KEYS_ONLY', part = 'status') => ({
    IndexName: 'by-status',
    KeySchema: [{ AttributeName: part, KeyType: 'HASH' as const }],
    Projection: { ProjectionType: projection },
  });
  const attributes = ['id', 'status'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' as const }));
  const make = (name: string, index?: ReturnType<typeof byStatus>) =>
    tables.create(name, [], {
      AttributeDefinitions: index === undefined ? attributes.slice(0, 1) : attributes,
      ...(index === undefined ? {} : { GlobalSecondaryIndexes: [index] }),
    });
  await make('indexed', byStatus('ALL'));
  await make('indexed-well', byStatus('ALL'));
  await make('indexed-less', byStatus('KEYS_ONLY'));
  await make('indexed-not');
  const exactly = (other: string) => ['cloud', 'cloud', '--pair', `indexed=${other}`, '--counts', 'exact'];

  const well = await report(...exactly('indexed-well'));
  const less = await report(...exactly('indexed-less'));
  const not = await report(...exactly('indexed-not'));
  const shown = await compare(...exactly('indexed-not'));

  const source = 'global, status (S), ALL';
  expect(well).toMatchObject({ code: 0, comparison: { compared: 2, differences: [] } });
  expect(less.comparison.differences).toEqual([
    { name: 'index by-status of indexed = indexed-less', source, other: 'global, status (S), KEYS_ONLY' },
  ]);
  expect(not.comparison.differences).toEqual([
    { name: 'index by-status of indexed = indexed-not', source, other: null },
  ]);
  expect(not.code).toBe(1);
  expect(shown.out).toMatch(/^index by-status of indexed = indexed-not +global, status \(S\), ALL +–$/m);
}, 60_000);

test('a lost item and every attribute that changed are told', async () => {
  const items = numbers(1, 60).filter((n) => n !== 5);
  const damaged = items.map((n) => (n === 9 ? { ...order(n), paid: { S: 'false' }, more: { N: '1' } } : order(n)));
  await tables.create('small', numbers(1, 60).map(order), key);
  await tables.create('small-damaged', damaged, key);

  const { code, comparison } = await report(
    ...['cloud', 'cloud', '--pair', 'small=small-damaged', '--counts', 'exact', '--samples', '100'],
  );

  expect(code).toBe(1);
  expect(comparison.differences).toEqual([
    { name: 'rows small = small-damaged', source: '60', other: '59' },
    {
      name: 'samples small = small-damaged',
      source: '59 of 59 found, 1 different',
      other: '59 of 60 found, 1 different',
    },
  ]);
  expect(comparison.keys).toMatchObject([
    {
      columns: ['customer', 'number'],
      onlyInSource: [['c5', '5']],
      onlyInOther: [],
      changed: [['c2', '9']],
      changedColumns: [['paid', 'more']],
    },
  ]);
});

test('a table of several pages is counted to its end, and long values are compared whole', async () => {
  const big = numbers(1, 30).map((n) => ({ id: { S: `b${n}` }, text: { S: 'x'.repeat(50_000 + n) } }));
  await tables.create('big', big);
  await tables.create('big-damaged', [{ id: { S: 'b1' }, text: { S: `${'x'.repeat(50_000)}y` } }, ...big.slice(1)]);

  const { comparison } = await report(
    ...['cloud', 'cloud', '--pair', 'big=big-damaged', '--counts', 'exact', '--samples', '30'],
  );

  expect(comparison.counts).toMatchObject([{ source: 30, other: 30 }]);
  expect(comparison.keys).toMatchObject([{ changed: [['b1']], changedColumns: [['text']] }]);
});

test('tables with other keys are counted, and not sampled', async () => {
  const { code, comparison } = await report('cloud', 'cloud', '--pair', 'orders=users', '--counts', 'exact');

  expect(code).toBe(1);
  expect(comparison.notCompared).toEqual([
    {
      what: 'samples of orders = users',
      why: 'the primary keys are not the same: customer (S), number (N) and id (S)',
    },
  ]);
});

test('a count that would cost more than is allowed is not begun', async () => {
  const before = slow.requests.length;

  const args = ['slow', 'slow', '--pair', 'huge=huge2', '--timeout', '1s'];

  const { code, comparison, err } = await report(...args, '--counts', 'exact');
  const estimated = await report(...args);

  expect(code).toBe(2);
  expect(err).toContain('counting slow huge takes about 244141 read units');
  expect(estimated.comparison.notCompared[0]?.why).toMatch(/--counts exact counts them, for about 244141 read units$/);
  expect(comparison.notCompared[0]?.why).toContain(
    'slow huge: counting takes about 244141 read units, and 100000 are left; --max-read-units allows more',
  );
  const counted = slow.requests.slice(before).filter(({ body }) => body['Select'] === 'COUNT');
  expect(counted).toEqual([]);
});

test('one DynamoDB has one limit of read units, also when it is both sides, and tells once what it used', async () => {
  const both = ['--pair', 'orders=orders-restored', '--samples', '40'];

  const whole = await report('cloud', 'cloud', ...both);
  const [used] = whole.comparison.notes.flatMap(
    (note) => /^cloud: ([\d.]+) read units were used$/.exec(note)?.[1] ?? [],
  );
  const cut = await report('cloud', 'cloud', ...both, '--max-read-units', String(Math.floor(Number(used) * 0.6)));

  expect(whole.comparison.notes.filter((note) => note.includes('read units were used'))).toHaveLength(1);
  expect(JSON.stringify(cut.comparison.notCompared)).toContain('--max-read-units allows more');
});

test('where DynamoDB throttles, it waits for as long as --timeout allows, and says so', async () => {
  const { code, comparison } = await report('slow', 'slow', '--pair', 'huge=huge2', '--timeout', '2s');

  expect(code).toBe(2);
  expect(comparison.notCompared.at(-1)).toEqual({
    what: 'samples of huge = huge2',
    why: expect.stringMatching(
      /choosing samples of huge took longer than 2000 ms; --timeout allows it more time; slow huge2: choosing/,
    ),
  });
});

test('cancelled, it ends at once', async () => {
  const running = startCommand([...config, 'compare', 'slow', 'slow', '--pair', 'huge=huge2'], environment);
  await running.untilErr('comparing samples');

  running.child.kill('SIGINT');

  expect(await running.exited).toBe(130);
});

test('what makes no sense ends with code 2 and its reason', async () => {
  const cases = [
    [['cloud', 'cloud'], 'cloud would be compared with itself: say --pair orders=orders2, or --prefix'],
    [['cloud', 'cloud', '--pair', 'orders'], '"orders" of cloud would be compared with itself'],
    [['cloud', 'alias', '--pair', 'orders'], '"orders" of cloud is that of alias: it would be compared with itself'],
    [['cloud', 'alias'], 'of cloud is that of alias: it would be compared with itself'],
    [['cloud', 'elsewhere', '--pair', 'orders=lost'], 'elsewhere has no table "lost"'],
    [['cloud', 'elsewhere', '--table', 'lost*'], 'cloud has no such tables'],
    [['cloud', 'elsewhere', '--columns', 'paid'], '--columns is not for comparing DynamoDB'],
  ] as const;

  for (const [args, words] of cases) {
    const { code, err } = await compare(...args);
    expect({ args, code, err }).toEqual({ args, code: 2, err: expect.stringContaining(words) });
  }
}, 60_000);
