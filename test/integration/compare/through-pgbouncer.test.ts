import { expect, test } from 'vitest';
import { compareDatabases } from '../../../src/jobs/compare/compare-databases.ts';
import { LiveSide, takeSnapshots } from '../../../src/jobs/compare/live-side.ts';
import { describeTables } from '../../../src/jobs/compare/postgres/describe-tables.ts';
import { RecordTable } from '../../../src/jobs/compare/postgres/record-table.ts';
import { selectSettings } from '../../../src/jobs/settings.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { startTestPgbouncer } from '../../support/pgbouncer.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { testContext } from '../../support/test-context.ts';

test('through a pooler that gives connections away it compares, and leaves none of its settings behind', async () => {
  await using cluster = await startTestCluster();
  const sql = 'CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 50)';
  await createDatabase(cluster, 'first', sql);
  await createDatabase(cluster, 'second', `${sql}; DELETE FROM orders WHERE id = 7`);
  await execute(cluster, 'postgres', 'CREATE ROLE shop LOGIN IN ROLE pg_read_all_data');
  const server = `host=127.0.0.1 port=${cluster.access.connection.port} user=shop pool_size=1 pool_mode=transaction`;
  await using pgbouncer = await startTestPgbouncer({
    databases: { first: `${server} dbname=first`, second: `${server} dbname=second` },
    users: { shop: 'shop-secret' },
  });
  const through = (database: string) => pgbouncer.access('shop', 'shop-secret', { database });
  const context = testContext();
  const open = (name: string) =>
    LiveSide.open({ name, access: through(name), statementTimeoutMs: 20_000, lockTimeoutMs: 1_000 }, context);

  const counted = await (async () => {
    await using side = await open('first');
    await takeSnapshots([side], context);
    const [orders] = await describeTables(side);
    if (orders === undefined) throw new Error('no table');
    const table = new RecordTable(side, orders, { key: [...orders.columns.values()], values: new Map() });
    const attempts = [await table.count()];
    // The pooler has one connection to the server: this one waits for ever unless the reads give it back.
    await using another = await openSession(through('first'), { signal: context.signal });
    await another.query('SELECT 1', { signal: context.signal });
    return [...attempts, await table.count()];
  })();
  const findings = await (async () => {
    await using first = await open('first');
    await using second = await open('second');
    await takeSnapshots([first, second], context);
    for (const side of [first, second]) await side.choose({ patterns: selectSettings.parse({}) });
    return await compareDatabases([first, second], { level: 'content', ignore: [], keys: 5 }, context);
  })();
  await using after = await openSession(through('first'), { signal: context.signal });
  const [left] = await after.query(
    "SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock, current_setting('search_path') AS path",
    { signal: context.signal },
  );

  expect(counted).toEqual([{ value: { records: 50 } }, { value: { records: 50 } }]);
  expect(findings.notCompared).toEqual([]);
  expect(findings.differences.map(({ name }) => name)).toEqual(['rows public.orders', 'content public.orders']);
  expect(findings.keys).toMatchObject([{ onlyInSource: [['7']], more: false }]);
  expect(left).toEqual({ statement: '0', lock: '0', path: '"$user", public' });
});
