import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { Sample } from '../../../src/core/metric.ts';
import { runProcess } from '../../../src/core/run-process.ts';
import { withDatabase } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { scrapeOne, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

/** What is made slow by this takes minutes. */
const slowly = ['SET vacuum_cost_delay = 100', 'SET vacuum_cost_limit = 1'];
let cluster: Cluster;

beforeAll(async () => {
  cluster = await startTestCluster({ settings: { autovacuum: 'off' } });
  await createDatabase(
    cluster,
    'shop',
    `CREATE TABLE orders (id int, filler text);
     INSERT INTO orders SELECT i, repeat('x', 500) FROM generate_series(1, 5000) i;
     CREATE SCHEMA archive; CREATE TABLE archive.orders AS SELECT * FROM orders;
     CREATE FUNCTION slow(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql
       AS 'BEGIN PERFORM pg_sleep(0.05); RETURN id; END'`,
  );
});

afterAll(async () => cluster?.[Symbol.asyncDispose]());

/** Runs statement after statement in a session of its own, until the end of the test at the latest. */
function runInBackground(...statements: readonly string[]): void {
  const applicationName = `background ${Math.random()}`;
  const running = runAs(applicationName, statements).catch(() => undefined);
  onTestFinished(async () => {
    const sessions = `FROM pg_stat_activity WHERE application_name = '${applicationName}'`;
    await execute(cluster, 'postgres', `SELECT pg_terminate_backend(pid) ${sessions}`);
    await running;
  });
}

async function runAs(applicationName: string, statements: readonly string[]): Promise<void> {
  const signal = new AbortController().signal;
  await using session = await openSession(withDatabase(cluster.access, 'shop'), { signal, applicationName });
  for (const sql of statements) await session.query(sql, { signal });
}

async function eventually(check: (samples: readonly Sample[]) => void, database = 'shop'): Promise<void> {
  await using scraper = testScraper([watched('server', withDatabase(cluster.access, database))]);
  await vi.waitFor(async () => check(await scrapeOne(scraper, 'server', testSignal())), {
    timeout: 20_000,
    interval: 100,
  });
}

/** The labels of what is under way: kind, table, command, phase. */
function operations(samples: readonly Sample[]): string[] {
  const info = samples.filter(({ metric }) => metric.name === 'pg_progress_info');
  return info.map(({ labelValues: [kind, , datname, relname, command, phase] }) =>
    [kind, datname, relname, command, phase].join(' / '),
  );
}

function ratios(samples: readonly Sample[]): number[] {
  return Object.values(valuesOf(samples, 'pg_progress_ratio'));
}

test('where nothing is under way the operations are 0', async () => {
  await eventually((samples) => {
    expect(valuesOf(samples, 'pg_progress_operations')).toMatchObject({ vacuum: 0, create_index: 0, cluster: 0 });
    expect(operations(samples)).toEqual([]);
    expect(valuesOf(samples, 'pg_stat_progress_vacuum_heap_blks')).toEqual({});
  });
});

test('vacuums of two tables of one name are told apart, with how far they are', async () => {
  runInBackground(...slowly, 'VACUUM orders');
  runInBackground(...slowly, 'VACUUM archive.orders');

  await eventually((samples) => {
    const blocks = valuesOf(samples, 'pg_stat_progress_vacuum_heap_blks');
    expect(Object.keys(blocks).sort()).toEqual(['shop archive.orders', 'shop orders']);
    expect(blocks['shop orders']).toBeGreaterThan(100);
    const phases = valuesOf(samples, 'pg_stat_progress_vacuum_phase');
    expect(phases).toMatchObject({ 'shop orders scanning heap': 1, 'shop orders vacuuming heap': 0 });
    expect(Object.keys(phases)).toHaveLength(14);
    expect(operations(samples)).toContain('vacuum / shop / archive.orders / VACUUM / scanning heap');
    expect(ratios(samples).every((ratio) => ratio >= 0 && ratio < 1)).toBe(true);
    expect(valuesOf(samples, 'pg_progress_operations')).toMatchObject({ vacuum: 2 });
  });
});

test('a table of another database is told by its number', async () => {
  const [table] = await execute(cluster, 'shop', "SELECT 'orders'::regclass::oid::text AS number");
  runInBackground(...slowly, 'VACUUM orders');

  await eventually((samples) => {
    const blocks = valuesOf(samples, 'pg_stat_progress_vacuum_heap_blks');
    expect(Object.keys(blocks)).toEqual([`shop ${table?.['number']}`]);
  }, 'postgres');
});

test('an index that is built concurrently tells for how many others it waits', async () => {
  runInBackground('BEGIN', 'INSERT INTO orders VALUES (0)', 'SELECT pg_sleep(600)');
  await vi.waitFor(async () => {
    const sql = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    expect(await execute(cluster, 'shop', sql)).toHaveLength(1);
  });
  runInBackground('CREATE INDEX CONCURRENTLY orders_by_id ON orders (id)');

  await eventually((samples) => {
    expect(operations(samples)).toEqual([
      'create_index / shop / orders / CREATE INDEX CONCURRENTLY / waiting for writers before build',
    ]);
    const [goal] = Object.entries(valuesOf(samples, 'pg_progress_goal'));
    expect(goal?.[0]).toMatch(/^create_index \d+ shop orders lockers$/);
    expect(goal?.[1]).toBe(1);
    expect(ratios(samples)).toEqual([0]);
  });
});

test('an analyze, a COPY and an index are told, with how far they are', async () => {
  const file = join(cluster.dataDirectory, 'rows.txt');
  await execute(cluster, 'shop', 'CREATE TABLE copied (id int CHECK (slow(id) > 0)); CREATE TABLE indexed (id int)');
  await execute(cluster, 'shop', 'INSERT INTO indexed SELECT 1 FROM generate_series(1, 500)');
  await execute(cluster, 'shop', `COPY (SELECT 1000000 FROM generate_series(1, 30000)) TO '${file}'`);
  runInBackground(...slowly, 'ANALYZE orders');
  runInBackground(`COPY copied FROM '${file}'`);
  runInBackground('CREATE INDEX ON indexed (slow(id))');

  await eventually((samples) => {
    expect(operations(samples)).toEqual(
      expect.arrayContaining([
        'analyze / shop / orders / ANALYZE / acquiring sample rows',
        'copy / shop / copied / COPY FROM / file',
        'create_index / shop / indexed / CREATE INDEX / building index: scanning table',
      ]),
    );
    expect(ratios(samples).filter((ratio) => ratio > 0 && ratio < 1).length).toBeGreaterThanOrEqual(2);
  });
});

test('VACUUM FULL tells that it rewrites the table', async () => {
  const rows = 'CREATE TABLE rewritten AS SELECT 1 AS id FROM generate_series(1, 20)';
  await execute(cluster, 'shop', `${rows}; CREATE INDEX ON rewritten (slow(id))`);
  runInBackground('VACUUM FULL rewritten');

  await eventually((samples) => {
    expect(operations(samples)).toEqual(['cluster / shop / rewritten / VACUUM FULL / rebuilding index']);
  });
});

test('a base backup tells its bytes', async () => {
  const stop = new AbortController();
  const { host, port, user } = cluster.access.connection;
  const connection = ['-h', host, '-p', String(port), '-U', user, '-w'];
  const backup = runProcess(
    join(cluster.installation.directory, 'pg_basebackup'),
    [...connection, '-D', '-', '-F', 't', '-X', 'none', '--max-rate=32', '--checkpoint=fast', '--no-manifest'],
    { signal: stop.signal },
  ).catch(() => undefined);
  onTestFinished(async () => {
    stop.abort();
    await backup;
  });

  await eventually((samples) => {
    expect(operations(samples)).toEqual(['base_backup /  /  / BASE_BACKUP / streaming database files']);
    expect(ratios(samples)[0]).toBeGreaterThan(0);
    expect(ratios(samples)[0]).toBeLessThan(1);
    expect(Object.values(valuesOf(samples, 'pg_progress_seconds'))[0]).toBeGreaterThan(0);
  });
});
