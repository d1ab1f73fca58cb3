import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { poolingOf } from '../../../src/targets/postgres/pooling.ts';
import { openSession, type PostgresSession } from '../../../src/targets/postgres/session.ts';
import { openWatchPool } from '../../../src/targets/postgres/watch-pool.ts';
import { backUp, verify } from '../../support/keeping.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { startTestPgbouncer, type TestPgbouncer } from '../../support/pgbouncer.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { scrapeOne, singleValue, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testContext, testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
let pgbouncer: TestPgbouncer;

/** One connection to the server for all users of a database: what one of them sets, the next one would get. */
beforeAll(async () => {
  cluster = await startTestCluster();
  await createDatabase(cluster, 'orders_db', 'CREATE EXTENSION pg_stat_statements');
  await execute(cluster, 'postgres', 'CREATE ROLE shop LOGIN IN ROLE pg_monitor');
  await execute(cluster, 'postgres', 'ALTER DATABASE orders_db OWNER TO shop');
  const server = `host=127.0.0.1 port=${cluster.access.connection.port} user=shop`;
  pgbouncer = await startTestPgbouncer({
    databases: {
      transactions: `${server} dbname=orders_db pool_size=1 pool_mode=transaction`,
      sessions: `${server} dbname=orders_db pool_size=4 pool_mode=session`,
      'wide-transactions': `${server} dbname=orders_db pool_size=4 pool_mode=transaction`,
      'single-session': `${server} dbname=orders_db pool_size=1 pool_mode=session`,
      statements: `${server} dbname=orders_db pool_size=1 pool_mode=statement`,
      '*': server,
    },
    users: { shop: 'shop-secret' },
  });
});

afterAll(async () => {
  await pgbouncer?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

function through(database: string, user = 'stats'): PostgresAccess {
  return pgbouncer.access(user, `${user}-secret`, { database });
}

/** As watching opens them. */
async function openWatchSession(access: PostgresAccess, statementTimeoutMs = 4_000): Promise<PostgresSession> {
  const limits = { statementTimeoutMs, lockTimeoutMs: 250, loginIntervalMs: 60_000 };
  const pool = openWatchPool({ access, connections: 1, clock: systemClock, ...limits });
  onTestFinished(() => pool[Symbol.asyncDispose]());
  const session = await pool.acquire(testSignal());
  onTestFinished(() => pool.release(session));
  return session;
}

const settingsSql = `SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
  current_setting('search_path') AS path, current_setting('transaction_read_only') AS readonly, current_setting('jit') AS jit`;

test.each(['transactions', 'sessions'])('all families are collected through a pool of %s', async (database) => {
  await using scraper = testScraper([watched('shop', through(database))]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(singleValue(samples, 'pg_up')).toBe(1);
  const success = Object.entries(valuesOf(samples, 'watchkeeper_collector_success'));
  expect(success.filter(([, value]) => value !== 1)).toEqual([]);
  expect(success.length).toBeGreaterThan(20);
});

test.each(['transactions', 'sessions'])('every statement has its limits in a pool of %s', async (database) => {
  const session = await openWatchSession(through(database));

  const [row] = await session.query(settingsSql, { signal: testSignal() });

  expect(session.isPooled).toBe(true);
  expect(row).toEqual({ statement: '4s', lock: '250ms', path: 'pg_catalog', readonly: 'on', jit: 'off' });
});

test('settings for one statement of a user come on top of those for all', async () => {
  const session = await openWatchSession(through('transactions'));
  const signal = testSignal();
  const limits = { rows: 10, characters: 1_000 };

  const own = await session.queryForeign(settingsSql, { signal, limits, settings: { search_path: '"$user", public' } });
  const [next] = await session.query(settingsSql, { signal });

  expect(own.rows).toEqual([['4s', '250ms', '"$user", public', 'on', 'off']]);
  expect(next).toMatchObject({ statement: '4s', path: 'pg_catalog', readonly: 'on' });
});

test('databases are told by the names that the server has for them', async () => {
  await using scraper = testScraper([watched('shop', through('transactions'))]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  const names = Object.keys(valuesOf(samples, 'watchkeeper_database_up'));
  expect(names.sort()).toEqual(['orders_db', 'postgres']);
});

test('what watching sets does not stay on a connection that an application gets next', async () => {
  const signal = testSignal();
  const watching = await openWatchSession(through('transactions'));
  await watching.query('SELECT count(*) FROM pg_class', { signal });
  await using application = await openSession(through('transactions', 'shop'), { signal });

  const [row] = await application.query(settingsSql, { signal });
  await application.query('CREATE TABLE made (id int)', { signal });

  expect(row).toMatchObject({ statement: '0', lock: '0', path: '"$user", public', readonly: 'off' });
  expect(await execute(cluster, 'orders_db', "SELECT schemaname FROM pg_tables WHERE tablename = 'made'")).toEqual([
    { schemaname: 'public' },
  ]);
});

test('a statement that takes too long is ended by the server, and the session goes on', async () => {
  const signal = testSignal();
  const session = await openWatchSession(through('transactions'), 200);

  const failure = await session.query('SELECT pg_sleep(30)', { signal }).catch((error: unknown) => error);
  const parameters = await session.query('SELECT $1::int + 1 AS sum', { signal, values: ['41'] });

  expect(failure).toMatchObject({ code: '57014' });
  expect(parameters).toEqual([{ sum: '42' }]);
  expect(session.usable).toBe(true);
});

test('without a pooler in between the settings are made once', async () => {
  const session = await openWatchSession({ ...cluster.access });

  const [row] = await session.query(settingsSql, { signal: testSignal() });
  const [transaction] = await session.query('SELECT now() = statement_timestamp() AS alone', { signal: testSignal() });

  expect(session.isPooled).toBe(false);
  expect(row).toMatchObject({ statement: '4s', path: 'pg_catalog', readonly: 'on' });
  expect(transaction).toEqual({ alone: 't' });
});

test('a pool of statements is told as what nothing can be bounded in', async () => {
  await using scraper = testScraper([watched('shop', through('statements'))]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(singleValue(samples, 'pg_up')).toBe(0);
  expect(scraper.states()[0]?.reason).toContain(
    'the connection pooler allows no transactions, so that nothing would be bounded',
  );
});

test.each(['transactions', 'wide-transactions'])(
  'a backup through a pool of %s is refused, and leaves nothing behind',
  async (database) => {
    const failure = await backUp(through(database), new MemoryStore()).catch((error: unknown) => error);

    expect(failure).toMatchObject({ reason: 'refused', transient: false });
    expect(String(failure)).toContain('name the server itself in the URL');
    await using application = await openSession(through(database, 'shop'), { signal: testSignal() });
    const [row] = await application.query(settingsSql, { signal: testSignal() });
    expect(row).toMatchObject({ statement: '0', lock: '0', path: '"$user", public', readonly: 'off' });
  },
);

test('a backup through a pool of sessions is taken and proven', async () => {
  const store = new MemoryStore();
  await execute(
    cluster,
    'orders_db',
    'CREATE TABLE orders AS SELECT generate_series(1, 100) AS id; ALTER TABLE orders OWNER TO shop',
  );

  const manifest = await backUp(through('sessions'), store);
  const proof = await verify(manifest, store);

  expect(proof).toMatchObject({ verdict: 'proven' });
});

test.each([
  ['transactions', 'shared'],
  ['wide-transactions', 'shared'],
  ['sessions', 'unknown'],
])('a pool of %s is seen to be %s', async (database, pooling) => {
  expect(await poolingOf(through(database), testContext())).toBe(pooling);
});

test('a pool of sessions that is used up is told as unknown in time, a server itself as none', async () => {
  expect(await poolingOf(through('single-session'), testContext())).toBe('unknown');
  expect(await poolingOf(cluster.access, testContext())).toBe('none');
});
