import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { LiveSide, takeSnapshots } from '../../../src/jobs/compare/live-side.ts';
import { describeTables } from '../../../src/jobs/compare/postgres/describe-tables.ts';
import { RecordTable } from '../../../src/jobs/compare/postgres/record-table.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { testContext } from '../../support/test-context.ts';

const sql = `
  CREATE TABLE stacks (id int PRIMARY KEY, v int);
  CREATE TABLE events (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
  CREATE TABLE events_old PARTITION OF events FOR VALUES FROM (1) TO (6);
  CREATE TABLE events_new PARTITION OF events FOR VALUES FROM (6) TO (100);
  CREATE TABLE codes (id char(6) PRIMARY KEY, v int);
  INSERT INTO codes VALUES ('ab', 1);
  INSERT INTO stacks SELECT n, n FROM generate_series(1, 10) n;
  INSERT INTO events SELECT n, n FROM generate_series(1, 10) n`;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startTestCluster();
  await createDatabase(cluster, 'idp', sql);
}, 120_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const inDatabase = () => ({ ...cluster.access, connection: { ...cluster.access.connection, database: 'idp' } });

async function open(): Promise<LiveSide> {
  const context = testContext();
  const options = { name: 'idp', access: inDatabase(), statementTimeoutMs: 30_000, lockTimeoutMs: 20_000 };
  const side = await LiveSide.open(options, context);
  await takeSnapshots([side], context);
  return side;
}

async function tableOf(side: LiveSide, name: string): Promise<RecordTable> {
  const found = (await describeTables(side)).find((one) => one.name === name);
  const [id, v] = ['id', 'v'].map((column) => found?.columns.get(column));
  if (found === undefined || id === undefined || v === undefined) throw new Error(`no table ${name}`);
  return new RecordTable(side, found, { key: [id], values: new Map([['v', v]]) });
}

const keys = [{ parts: ['1'] }, { parts: ['7'] }];
const reads = {
  count: (table: RecordTable) => table.count(),
  sample: (table: RecordTable) => table.sample(5),
  search: (table: RecordTable) => table.lookUp(keys),
};

test.each([
  ['count', 'stacks', 'stacks'],
  ['sample', 'stacks', 'stacks'],
  ['search', 'stacks', 'stacks'],
  ['count', 'events', 'events_old'],
  ['sample', 'events', 'events_new'],
  ['search', 'events', 'events_new'],
] as const)('a %s of %s means nothing when %s is emptied while its lock is waited for', async (what, name, emptied) => {
  await using side = await open();
  const table = await tableOf(side, name);
  const { signal } = testContext();
  const waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'";
  await using writer = await openSession(inDatabase(), { signal, applicationName: 'writer', connectTimeoutMs: 10_000 });
  await writer.query('BEGIN', { signal });
  await writer.query(`TRUNCATE ${emptied}`, { signal });

  const reading = reads[what](table);
  await vi.waitFor(async () => expect(await execute(cluster, 'idp', waiting)).toHaveLength(1), 20_000);
  await writer.query('COMMIT', { signal });
  const read = await reading;
  const again = await reads[what](table);

  expect(read).toEqual({ why: expect.stringMatching(/ it was rewritten meanwhile \(TRUNCATE, .*compare again$/) });
  expect(again).toHaveProperty('value');
  await execute(cluster, 'idp', `INSERT INTO ${name} SELECT n, n FROM generate_series(1, 10) n ON CONFLICT DO NOTHING`);
});

test('each read sees what was written before it, and holds no snapshot afterwards', async () => {
  await using side = await open();
  const table = await tableOf(side, 'stacks');
  const openTransactions =
    "SELECT 1 FROM pg_stat_activity WHERE application_name = 'watchkeeper compare' AND state <> 'idle'";

  const before = await table.lookUp([{ parts: ['50'] }]);
  const holding = await execute(cluster, 'idp', openTransactions);
  await execute(cluster, 'idp', 'INSERT INTO stacks VALUES (50, 50)');
  const after = await table.lookUp([{ parts: ['50'] }]);
  const count = await table.count();

  expect(before).toEqual({ value: [undefined] });
  expect(holding).toEqual([]);
  expect(after).toMatchObject({ value: [{ key: { parts: ['50'] } }] });
  expect(count).toEqual({ value: { records: 11 } });
});

test('a value that no type of a column can hold leaves the next read as it is', async () => {
  await using side = await open();
  const table = await tableOf(side, 'events');

  const found = await table.lookUp([{ parts: ['no number'] }, { parts: ['2'] }]);

  expect(found).toMatchObject({ value: [undefined, { key: { parts: ['2'] } }] });
  expect(await table.count()).toEqual({ value: { records: 10 } });
});

test('a key is found however it is filled up, and not by what is another key elsewhere', async () => {
  await using side = await open();
  const [codes, numbers] = [await tableOf(side, 'codes'), await tableOf(side, 'events')];

  const found = await codes.lookUp(['ab', 'ab    ', 'ab  ', ' ab', 'abc'].map((text) => ({ parts: [text] })));
  const sampled = await codes.sample(1);
  const written = await numbers.lookUp(['2', '02', '+2'].map((text) => ({ parts: [text] })));

  const one = { key: { parts: ['ab'] } };
  expect(found).toMatchObject({ value: [one, one, one, undefined, undefined] });
  expect(sampled).toMatchObject({ value: { records: [{ key: { parts: ['ab'], otherForms: [['ab    ']] } }] } });
  expect(written).toMatchObject({ value: [{ key: { parts: ['2'] } }, undefined, undefined] });
});
