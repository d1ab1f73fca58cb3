import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import type { Comparison } from '../../../src/jobs/compare/comparison.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { newIdentity } from '../../support/age.ts';
import { runCommand, startCommand, writeConfig } from '../../support/command-line.ts';
import { reportOf } from '../../support/comparison.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { testSignal } from '../../support/test-context.ts';

const shopSql = `
  CREATE TABLE customers (id int PRIMARY KEY, name text, joined timestamptz DEFAULT '2026-01-01 00:00Z');
  CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customers, total numeric);
  CREATE INDEX orders_customer ON orders (customer);
  CREATE TABLE "Odd.Name" (a int, b int, PRIMARY KEY (b, a));
  CREATE TABLE events (at date, what text) PARTITION BY RANGE (at);
  CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2025-01-01');
  CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2030-01-01');
  INSERT INTO "Odd.Name" SELECT n, -n FROM generate_series(1, 10) n;
  INSERT INTO events SELECT date '2024-12-01' + n, 'e' || n FROM generate_series(1, 60) n`;
const forwards = `
  INSERT INTO customers SELECT n, 'c' || n FROM generate_series(1, 100) n;
  INSERT INTO orders (customer, total) SELECT n % 100 + 1, n FROM generate_series(1, 3000) n`;
const backwards = `
  INSERT INTO customers SELECT n, 'c' || n FROM generate_series(100, 1, -1) n;
  INSERT INTO orders (id, customer, total) SELECT n, n % 100 + 1, n FROM generate_series(3000, 1, -1) n;
  SELECT setval('orders_id_seq', 3000)`;

let cluster: Cluster;
let folder: WorkDirectory;
let config: readonly string[];
let made = 0;

beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-' });
  cluster = await startTestCluster();
  await createDatabase(cluster, 'shop', `${shopSql};${forwards}`);
  await createDatabase(cluster, 'shop_copy', `${shopSql};${backwards}`);
  const url = formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, '');
  config = await writeConfig(
    folder.path,
    `
stores: { local: { type: filesystem, path: ${join(folder.path, 'store')} } }
targets:
  shop:
    engine: postgres
    url: ${url}shop?sslmode=disable
    backups: { nightly: { schedule: '0 2 * * *', verify: false } }
  alias: { engine: postgres, url: '${url.replace('127.0.0.1', 'localhost')}shop?sslmode=disable' }
  copy: { engine: postgres, url: '${url}shop_copy?sslmode=disable' }
  weak: { engine: postgres, url: '${url.replace(/\/\/[^@]*@/, '//weak@')}shop_copy?sslmode=disable' }
  away: { engine: postgres, url: 'postgres://nobody@127.0.0.1:1/shop?sslmode=disable' }
  cache: { engine: redis, url: 'redis://127.0.0.1:1' }
`,
  );
}, 120_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const compare = (...args: string[]) => runCommand([...config, 'compare', ...args]);

const report = (...args: string[]) => reportOf(compare(...args, '--json'));

/** A copy of `shop` with one thing changed; gives it as a subject of the command. */
async function changedCopy(sql: string): Promise<string> {
  const name = `changed_${++made}`;
  await execute(cluster, 'postgres', `CREATE DATABASE ${name} TEMPLATE shop_copy`);
  await execute(cluster, name, sql);
  return `copy/${name}`;
}

/** Waits until so many sessions of the command are in the database and fit the condition. */
async function untilSessions(database: string, condition: string, wanted: (amount: number) => boolean): Promise<void> {
  const sql = `SELECT FROM pg_stat_activity WHERE application_name = 'watchkeeper compare' AND datname = '${database}' AND ${condition}`;
  await vi.waitFor(async () => expect((await execute(cluster, 'postgres', sql)).length).toSatisfy(wanted), {
    timeout: 30_000,
    interval: 50,
  });
}

const waiting = (database: string) => untilSessions(database, "wait_event_type = 'Lock'", (amount) => amount === 1);

test('of a chosen table also the foreign keys to tables that were not chosen are compared', async () => {
  const copy = await changedCopy('ALTER TABLE orders DROP CONSTRAINT orders_customer_fkey');

  const { comparison } = await report('shop', copy, '--table', 'public.orders');

  expect(comparison.differences.map(({ name }) => name)).toEqual(['constraints public.orders orders_customer_fkey']);
});

test('the same rows in another order are the same, at both levels, and the report says of which state', async () => {
  const before = Date.now();

  const rows = await compare('shop', 'copy');
  const { code, comparison } = await report('shop', 'copy/shop_copy', '--content');

  expect(rows.code).toBe(0);
  expect(rows.out).toMatch(/SAME: \d+ items of 5 tables compared \(rows\)/);
  expect(rows.out).toMatch(/both snapshots were taken within \d+ms/);
  expect(code).toBe(0);
  expect(comparison).toMatchObject({
    format: 'watchkeeper-comparison/1',
    result: 'same',
    level: 'content',
    tables: 5,
    source: { target: 'shop', database: 'shop' },
    other: { target: 'copy', database: 'shop_copy' },
    differences: [],
    notCompared: [],
  });
  for (const { snapshotAt } of [comparison.source, comparison.other]) {
    expect(Date.parse(snapshotAt)).toBeGreaterThan(before - 1_000);
    expect(Date.parse(snapshotAt)).toBeLessThan(Date.now() + 1_000);
  }
});

test('a missing row, a changed one, a sequence that is behind and a lost index are told one by one', async () => {
  const copy = await changedCopy(`
    DELETE FROM orders WHERE id = 1234;
    UPDATE customers SET name = 'C7' WHERE id = 7;
    DROP INDEX orders_customer;
    SELECT setval('orders_id_seq', 2000)`);

  const { code, comparison } = await report('shop', copy, '--content');
  const table = await compare('shop', copy, '--content');

  expect(code).toBe(1);
  expect(comparison.result).toBe('different');
  const names = comparison.differences.map(({ name }) => name);
  expect(names.sort()).toEqual([
    'content public.customers',
    'content public.orders',
    'indexes public.orders orders_customer',
    'rows public.orders',
    'sequence public.orders_id_seq',
  ]);
  expect(comparison.differences).toContainEqual({ name: 'rows public.orders', source: '3000', other: '2999' });
  expect(table.code).toBe(1);
  expect(table.out).toMatch(/^rows public\.orders +3000 +2999$/m);
  expect(table.out).toMatch(/^sequence public\.orders_id_seq +3000 +2000$/m);
  expect(table.out).toMatch(/^indexes public\.orders orders_customer +there +–$/m);
  expect(table.out).toMatch(/^content public\.customers +there +there, but different$/m);
});

test('row counts alone do not see a changed row; the level says so', async () => {
  const copy = await changedCopy(`UPDATE customers SET name = 'C7' WHERE id = 7`);

  expect((await compare('shop', copy)).code).toBe(0);
  expect((await compare('shop', copy, '--rows')).out).toContain('compared (rows)');
  expect((await compare('shop', copy, '--content')).code).toBe(1);
});

test('a table on one side only is told on either side, with its rows, and what belongs to it is folded', async () => {
  const copy = await changedCopy(
    'DROP TABLE orders; CREATE TABLE extra (id int PRIMARY KEY); INSERT INTO extra VALUES (1), (2)',
  );

  const { code, comparison } = await report('shop', copy);
  const { out } = await compare('shop', copy);

  expect(code).toBe(1);
  expect(comparison.differences).toContainEqual({ name: 'rows public.orders', source: '3000', other: null });
  expect(comparison.differences).toContainEqual({ name: 'rows public.extra', source: null, other: '2' });
  expect(comparison.differences.map(({ name }) => name)).toContain('constraints public.orders orders_pkey');
  expect(out).toMatch(/^tables public\.orders \(and \d+ that belong to it\) +there +–$/m);
  expect(out).not.toContain('orders_pkey');
});

test('another order of columns is a difference of the definition, not of the content', async () => {
  const copy = await changedCopy(`
    ALTER TABLE customers RENAME TO old_customers;
    CREATE TABLE customers (name text, id int, joined timestamptz DEFAULT '2026-01-01 00:00Z');
    INSERT INTO customers SELECT name, id, joined FROM old_customers;
    DROP TABLE old_customers CASCADE;
    ALTER TABLE customers ADD PRIMARY KEY (id);
    ALTER TABLE customers ALTER id SET NOT NULL;
    ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers`);

  const { code, comparison } = await report('shop', copy, '--content');

  expect(code).toBe(1);
  expect(comparison.differences).toEqual([
    {
      name: 'column order public.customers',
      source: 'id integer, name text, joined timestamp with time zone',
      other: 'name text, id integer, joined timestamp with time zone',
    },
  ]);
});

test('a table with other columns has its rows counted; its content is not compared, which is said', async () => {
  const copy = await changedCopy('ALTER TABLE customers ADD note text');

  const { code, comparison } = await report('shop', copy, '--content');

  expect(code).toBe(1);
  expect(comparison.differences.map(({ name }) => name).sort()).toEqual([
    'column order public.customers',
    'columns public.customers',
  ]);
  expect(comparison.notes).toContain('the content of public.customers was not compared, since its columns differ');
});

test('keys of rows that differ are named, of several columns too, and no more than wanted', async () => {
  const copy = await changedCopy(`
    DELETE FROM orders WHERE id IN (17, 2900);
    INSERT INTO orders VALUES (9001, 1, 1);
    UPDATE orders SET total = -1 WHERE id = 55;
    DELETE FROM "Odd.Name" WHERE a = 3`);
  const all = await changedCopy('UPDATE orders SET total = total + 1');

  const { comparison } = await report('shop', copy, '--content', '--keys', '10');
  const rows = await report('shop', copy, '--keys', '10');
  const few = await report('shop', all, '--content', '--keys', '3');
  const { out } = await compare('shop', copy, '--content', '--keys', '10');

  const ofOrders = comparison.keys.find(({ table }) => table === 'public.orders');
  expect(ofOrders).toMatchObject({ columns: ['id'], onlyInOther: [['9001']], changed: [['55']], more: false });
  expect(ofOrders?.onlyInSource.map(([id]) => id).sort()).toEqual(['17', '2900']);
  const ofOdd = comparison.keys.find(({ table }) => table === 'public."Odd.Name"');
  expect(ofOdd).toMatchObject({ columns: ['a', 'b'], onlyInSource: [['3', '-3']], more: false });
  // Counts alone tell of keys that are missing, and nothing of what stands in the rows.
  expect(rows.comparison.keys.find(({ table }) => table === 'public.orders')?.changed).toEqual([]);
  expect(few.comparison.keys).toMatchObject([{ table: 'public.orders', onlyInSource: [], more: true }]);
  expect(few.comparison.keys[0]?.changed).toHaveLength(3);
  expect(out).toContain('  different: 55');
  expect(out).toContain('  only in source: 3, -3');
});

test('keys are found in a table too large to fetch a group of it at once', async () => {
  const many = (sql: string) => `
    CREATE TABLE many (id bigint PRIMARY KEY, value int);
    INSERT INTO many SELECT n * 7, n FROM generate_series(1, 60000) n; ${sql}`;
  await createDatabase(cluster, 'many_a', many(''));
  await createDatabase(cluster, 'many_b', many('UPDATE many SET value = 0 WHERE id % 70 = 0'));

  const { comparison } = await report('shop/many_a', 'copy/many_b', '--content', '--keys', '900');

  const [keys] = comparison.keys;
  expect(keys).toMatchObject({ table: 'public.many', onlyInSource: [], onlyInOther: [], more: true });
  expect(keys?.changed).toHaveLength(900);
  expect(keys?.changed.every(([id]) => Number(id) % 70 === 0)).toBe(true);
});

test('only chosen tables and schemas are compared, partitions with them', async () => {
  const copy = await changedCopy(`DELETE FROM orders WHERE id < 10; DELETE FROM events WHERE what = 'e1'`);

  const customers = await report('shop', copy, '--table', 'public.cust*');
  const events = await report('shop', copy, '--table', 'public.events');
  const nothing = await compare('shop', copy, '--schema', 'nowhere');
  const both = await compare('shop', copy, '--schema', 'public', '--table', 'public.events');

  expect(customers).toMatchObject({ code: 0, comparison: { tables: 1 } });
  expect(events.code).toBe(1);
  expect(events.comparison.differences).toEqual([{ name: 'rows public.events_old', source: '30', other: '29' }]);
  expect(nothing).toMatchObject({
    code: 2,
    err: expect.stringContaining('neither database has such schemas or tables'),
  });
  expect(both).toMatchObject({ code: 2, err: expect.stringContaining('must name schemas or tables, not both') });
});

test('a sample finds what it holds on both sides, and says what it is', async () => {
  const big = (sql: string) => `
    CREATE TABLE big (id int PRIMARY KEY, filler text);
    INSERT INTO big SELECT n, repeat('x', 200) FROM generate_series(1, 5000) n; ${sql}`;
  await createDatabase(cluster, 'sample_a', big(''));
  await createDatabase(cluster, 'sample_b', big(''));
  await createDatabase(cluster, 'sample_c', big(`UPDATE big SET filler = 'y'`));

  const same = await report('shop/sample_a', 'copy/sample_b', '--content', '--sample-above', '128KiB');
  const other = await report('shop/sample_a', 'copy/sample_c', '--content', '--sample-above', '128KiB', '--keys', '2');

  expect(same.code).toBe(0);
  expect(same.comparison.notes.join()).toMatch(/of public\.big one row in \d+ was fingerprinted/);
  expect(other.code).toBe(1);
  expect(other.comparison.differences.map(({ name }) => name)).toEqual(['content public.big']);
  expect(other.comparison.keys[0]?.changed).toHaveLength(2);
});

test('what cannot be read is told with its remedy, and makes the result incomplete, not the same', async () => {
  await execute(cluster, 'postgres', 'CREATE ROLE weak LOGIN');
  await execute(cluster, 'shop_copy', 'GRANT SELECT ON customers TO weak');

  const { code, comparison } = await report('shop', 'weak', '--ignore', 'owners');
  const { out } = await compare('shop', 'weak', '--ignore', 'owners', '--table', 'public.customers');

  expect(code).toBe(2);
  expect(comparison.result).toBe('incomplete');
  const orders = comparison.notCompared.find(({ what }) => what === 'rows of public.orders');
  expect(orders?.why).toContain('permission denied for table orders; GRANT SELECT on it');
  expect(comparison.notCompared.map(({ what }) => what)).toContain('sequence public.orders_id_seq');
  expect(comparison.notCompared.map(({ what }) => what)).not.toContain('rows of public.customers');
  expect(out).toContain('SAME');
  expect(out).toContain('owners were not compared, as was asked for');
});

test('a locked table and one that was emptied meanwhile are not compared; the others are', async () => {
  const copy = await changedCopy('SELECT 1');
  const name = copy.slice('copy/'.length);
  await using locker = await openSession(
    { ...cluster.access, connection: { ...cluster.access.connection, database: name } },
    { signal: testSignal() },
  );
  await locker.query('BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE', { signal: testSignal() });

  const running = startCommand([...config, 'compare', 'shop', copy, '--json', '--ignore', 'definitions']);
  // The first table in the order of names waits for its lock; by then the snapshot is taken.
  await waiting(name);
  await execute(cluster, name, 'TRUNCATE orders');
  const code = await running.exited;

  const comparison = JSON.parse(running.out()) as Comparison;
  expect(code).toBe(2);
  expect(comparison.differences).toEqual([]);
  expect(comparison.notCompared).toHaveLength(2);
  const [locked, emptied] = comparison.notCompared;
  expect(locked).toMatchObject({ what: 'rows of public.customers', why: expect.stringContaining('lock timeout') });
  expect(emptied).toMatchObject({
    what: 'rows of public.orders',
    why: expect.stringContaining('was rewritten meanwhile'),
  });
});

test('writes go on while it reads, and both sides are of one instant each', async () => {
  const copy = await changedCopy('SELECT 1');
  const name = copy.slice('copy/'.length);
  await using locker = await openSession(
    { ...cluster.access, connection: { ...cluster.access.connection, database: name } },
    { signal: testSignal() },
  );
  await locker.query('BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE', { signal: testSignal() });

  const running = startCommand([
    ...config,
    'compare',
    'shop',
    copy,
    '--content',
    '--ignore',
    'definitions',
    '--ignore',
    'sequences',
  ]);
  await waiting(name);
  // After the snapshot, before the table is read.
  await execute(cluster, name, 'DELETE FROM orders WHERE id > 100');
  await locker.query('COMMIT', { signal: testSignal() });

  expect(await running.exited).toBe(0);
  expect(running.out()).toContain('SAME');
});

test('between major versions rows and objects are compared, definitions are not, and which is said', async () => {
  await using old = await startTestCluster({ major: 12 });
  await createDatabase(old, 'shop', `${shopSql};${backwards}`);
  await using own = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-' });
  const url = (server: Cluster, name: string) =>
    `${formatConnectionUrl(server.access.connection).replace(/[^/]*$/, name)}?sslmode=disable`;
  const both = await writeConfig(
    own.path,
    `
targets:
  before: { engine: postgres, url: '${url(old, 'shop')}' }
  after: { engine: postgres, url: '${url(cluster, 'shop')}' }
`,
  );

  const same = await runCommand([...both, 'compare', 'before', 'after', '--content', '--json']);
  await execute(old, 'shop', `UPDATE customers SET name = 'x' WHERE id = 1`);
  const content = await runCommand([...both, 'compare', 'before', 'after', '--content', '--json']);
  await execute(old, 'shop', 'DROP INDEX orders_customer; DELETE FROM orders WHERE id = 1');
  const different = await runCommand([...both, 'compare', 'before', 'after', '--json']);

  expect(same.code).toBe(0);
  const { notes } = JSON.parse(same.out) as Comparison;
  expect(notes.join()).toMatch(
    /only which objects there are was compared: PostgreSQL \d+ writes them otherwise than 12/,
  );
  // Equal rows may have other fingerprints there, so different ones prove nothing.
  expect(content.code).toBe(2);
  expect(JSON.parse(content.out)).toMatchObject({
    result: 'incomplete',
    notCompared: [{ what: 'content public.customers', why: expect.stringContaining('PostgreSQL 12 and') }],
  });
  expect(different.code).toBe(1);
  expect((JSON.parse(different.out) as Comparison).differences.map(({ name }) => name)).toEqual([
    'indexes public.orders orders_customer',
    'rows public.orders',
  ]);
});

test('what a backup held is compared with the database as it is now, without a restore', async () => {
  await createDatabase(cluster, 'kept', `${shopSql};${forwards}`);
  const url = formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, '');
  const own = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-' });
  await using _own = own;
  const keeping = await writeConfig(
    own.path,
    `
stores: { local: { type: filesystem, path: ${join(own.path, 'store')} } }
targets:
  kept:
    engine: postgres
    url: ${url}kept?sslmode=disable
    backups: { nightly: { schedule: '0 2 * * *', verify: false } }
`,
  );
  const run = (...args: string[]) => runCommand([...keeping, ...args]);
  await run('backup', 'kept');
  const same = await run('compare', 'kept', '--backup', 'latest', '--content', '--json');
  const { id } = (JSON.parse(same.out) as Comparison).source.backup ?? { id: '' };
  await execute(
    cluster,
    'kept',
    `DELETE FROM orders WHERE id = 5; UPDATE customers SET name = 'x' WHERE id = 1; DROP TABLE "Odd.Name"; CREATE TABLE later (id int); INSERT INTO later VALUES (1)`,
  );

  const file = join(own.path, 'report.json');
  const changed = await run('compare', 'kept', '--backup', id, '--content', '--report', file);
  const part = await run('compare', 'kept', '--backup', id, '--content', '--table', 'public.customers', '--json');
  const counts = await run('compare', 'kept', '--backup', id, '--table', 'public.customers');

  expect(same.code).toBe(0);
  expect(JSON.parse(same.out)).toMatchObject({ result: 'same', tables: 5, source: { backup: { store: 'local' } } });
  expect(changed.code).toBe(1);
  expect(changed.out).toMatch(/^rows public\.orders +3000 +2999$/m);
  expect(changed.out).toMatch(/^rows public\.later +– +1$/m);
  expect(changed.out).toMatch(/^rows public\."Odd\.Name" +10 +–$/m);
  expect(changed.out).toContain(`backup ${id} in store local`);
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ result: 'different' });
  expect((JSON.parse(part.out) as Comparison).differences.map(({ name }) => name)).toEqual([
    'content public.customers',
  ]);
  expect(counts.code).toBe(0);
});

test('the latest backup is one of all of the database, and one of a part says so', async () => {
  await createDatabase(cluster, 'parted', shopSql);
  await using own = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-' });
  const config = await writeConfig(
    own.path,
    `
stores: { local: { type: filesystem, path: ${join(own.path, 'store')} } }
targets:
  parted:
    engine: postgres
    url: ${formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, 'parted')}?sslmode=disable
    backups:
      whole: { schedule: '0 2 * * *', verify: false }
      part: { schedule: '0 3 * * *', verify: false, select: { tables: [public.orders] } }
`,
  );
  const run = (...args: string[]) => runCommand([...config, ...args]);
  await run('backup', 'parted', 'part');

  const none = await run('compare', 'parted', '--backup', 'latest');
  const [, id = ''] = /The newest, (\S+), holds/.exec(none.err) ?? [];
  await run('backup', 'parted', 'whole');
  await run('backup', 'parted', 'part');
  await execute(cluster, 'parted', 'DELETE FROM "Odd.Name" WHERE a = 1');
  const latest = await run('compare', 'parted', '--backup', 'latest', '--json');
  const part = await run('compare', 'parted', '--backup', id);

  expect(none).toMatchObject({
    code: 2,
    err: expect.stringContaining(
      `no backup holds all of parted/parted: name one by its id. The newest, ${id}, holds tables public.orders`,
    ),
  });
  expect(latest.code).toBe(1);
  expect((JSON.parse(latest.out) as Comparison).differences).toContainEqual(
    expect.objectContaining({ name: 'rows public."Odd.Name"' }),
  );
  expect(part.code).toBe(0);
  expect(part.out).toContain('the backup holds tables public.orders');
});

test('an encrypted backup is compared by whoever has its identity, and by nobody else', async () => {
  await createDatabase(cluster, 'closed', shopSql);
  const identity = await newIdentity();
  await using own = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-' });
  const keyFile = join(own.path, 'key');
  await writeFile(keyFile, identity.key.reveal());
  const settings = (encryption: string) => `
encryption: { recipients: [${identity.recipient}]${encryption} }
stores: { local: { type: filesystem, path: ${join(own.path, 'store')} } }
targets:
  closed:
    engine: postgres
    url: ${formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, 'closed')}?sslmode=disable
    backups: { nightly: { schedule: '0 2 * * *', verify: false } }
`;
  const closed = await writeConfig(own.path, settings(''));
  await runCommand([...closed, 'backup', 'closed']);
  await execute(cluster, 'closed', 'DELETE FROM "Odd.Name" WHERE a = 1');

  const without = await runCommand([...closed, 'compare', 'closed', '--backup', 'latest']);
  const opened = await writeConfig(own.path, settings(`, identities: ['file:${keyFile}']`));
  const withKey = await runCommand([...opened, 'compare', 'closed', '--backup', 'latest', '--json']);

  expect(without).toMatchObject({ code: 2, err: expect.stringContaining('no identity opens backup') });
  expect(withKey.code).toBe(1);
  expect((JSON.parse(withKey.out) as Comparison).differences).toEqual([
    { name: 'rows public."Odd.Name"', source: '10', other: '9' },
  ]);
});

test('what cannot be compared at all ends with code 2 and its reason', async () => {
  const cases = [
    [['shop', 'cache'], 'postgres cannot be compared with redis'],
    [['shop', 'shop'], 'shop/shop and shop/shop are the same database of the same server'],
    [['shop', 'alias'], 'shop/shop and alias/shop are the same database of the same server: it would be compared with'],
    [['alias/shop_copy', 'copy'], 'alias/shop_copy and copy/shop_copy are the same database of the same server'],
    [['shop', 'nothing'], 'there is no target "nothing"; there are: shop, alias, copy, weak, away, cache'],
    [['cache', '--backup', 'latest'], 'target "cache" is of engine redis, and a backup of it cannot be compared'],
    [['shop', 'copy', '--samples', '5'], '--samples is not for comparing databases of PostgreSQL'],
    [['shop', '--backup', 'latest', '--pair', 'a=b'], '--pair is not for comparing databases of PostgreSQL'],
    [['shop', 'away'], 'could not compare: connecting to'],
    [['shop', 'copy/nowhere'], 'database "nowhere" does not exist'],
    [['shop'], 'name two databases, or one and --backup'],
    [['shop', '--backup', 'latest'], 'there is no backup of shop/shop'],
    [['shop', 'copy', '--rows', '--content'], 'choose --rows or --content'],
    [['shop', 'copy', '--timeout', 'soon'], '--timeout "soon" is no duration'],
    [['shop', 'copy', '--ignore', 'rows'], '--ignore "rows": there are definitions, owners, sequences'],
  ] as const;

  for (const [args, words] of cases) {
    const { code, err } = await compare(...args);
    expect({ args, code, err }).toEqual({ args, code: 2, err: expect.stringContaining(words) });
  }
});

test('cancelled, it ends at once and leaves nothing running on the server', async () => {
  const copy = await changedCopy('CREATE VIEW slow AS SELECT 1');
  const name = copy.slice('copy/'.length);
  await using locker = await openSession(
    { ...cluster.access, connection: { ...cluster.access.connection, database: name } },
    { signal: testSignal() },
  );
  await locker.query('BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE', { signal: testSignal() });
  const running = startCommand([...config, 'compare', 'shop', copy]);
  await waiting(name);

  running.child.kill('SIGINT');

  expect(await running.exited).toBe(130);
  await untilSessions(name, 'true', (amount) => amount === 0);
});
