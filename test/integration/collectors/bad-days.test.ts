import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { literalSecret, Secret } from '../../../src/core/secret.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { freePort } from '../../support/free-port.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { onlyFamily, scrapeOne, singleValue, testScraper, valuesOf, watched } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
let monitor: PostgresAccess;

beforeAll(async () => {
  cluster = await startTestCluster({ password: 'superuser-secret', settings: { autovacuum: 'off' } });
  await execute(
    cluster,
    'postgres',
    `CREATE EXTENSION pg_stat_statements;
     CREATE ROLE monitor LOGIN PASSWORD 'monitor-secret' IN ROLE pg_monitor;
     CREATE ROLE plain LOGIN PASSWORD 'plain-secret'`,
  );
  monitor = as('monitor', 'monitor-secret');
});

afterAll(() => cluster?.[Symbol.asyncDispose]());

function as(user: string, password: string, changes: Partial<PostgresAccess['connection']> = {}): PostgresAccess {
  return { connection: { ...cluster.access.connection, user, ...changes }, password: literalSecret(password) };
}

/** A server that accepts connections and never says a word. */
async function startHungServer(): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return port;
}

async function failuresOf(access: PostgresAccess) {
  const { log, lines } = recordingLog();
  await using scraper = testScraper([watched('shop', access)], log);
  const samples = await scrapeOne(scraper, 'shop', testSignal());
  const counted = Object.entries(valuesOf(samples, 'watchkeeper_target_login_failures_total'));
  return {
    up: singleValue(samples, 'pg_up'),
    reasons: Object.fromEntries(counted.filter(([, value]) => value > 0)),
    succeeded: Object.values(valuesOf(samples, 'watchkeeper_collector_success')).filter((value) => value === 1).length,
    lines,
    state: scraper.states()[0],
  };
}

test('a wrong password makes the target down for that reason, and is shown nowhere', async () => {
  const { up, reasons, succeeded, lines, state } = await failuresOf(as('monitor', 'wrong-password'));

  expect({ up, reasons, succeeded }).toEqual({ up: 0, reasons: { authentication: 1 }, succeeded: 0 });
  expect(lines.map(({ message }) => message)).toEqual(['target is down']);
  expect(state?.reason).toContain('password authentication failed for user "monitor"');
  expect(JSON.stringify([lines, state])).not.toContain('wrong-password');
});

test('a refused connection, an unknown host and a database that must not be entered have their own reasons', async () => {
  await createDatabase(cluster, 'closed_db');
  await execute(cluster, 'postgres', 'REVOKE CONNECT ON DATABASE closed_db FROM PUBLIC');

  const refused = await failuresOf(as('monitor', 'monitor-secret', { port: await freePort() }));
  const unknown = await failuresOf(as('monitor', 'monitor-secret', { host: 'no-such-host.invalid' }));
  const forbidden = await failuresOf(as('monitor', 'monitor-secret', { database: 'closed_db' }));

  expect(refused).toMatchObject({ up: 0, reasons: { refused: 1 } });
  expect(unknown).toMatchObject({ up: 0, reasons: { unknown_host: 1 } });
  expect(forbidden).toMatchObject({ up: 0, reasons: { privilege: 1 } });
});

test('no connection left is told as such', async () => {
  await execute(cluster, 'postgres', "CREATE ROLE crowded LOGIN PASSWORD 'crowded-secret' CONNECTION LIMIT 0");

  const failures = await failuresOf(as('crowded', 'crowded-secret'));

  expect(failures).toMatchObject({ up: 0, reasons: { too_many_connections: 1 } });
});

test('a target that accepts and never answers costs the other nothing', async () => {
  const hung = as('monitor', 'monitor-secret', { port: await startHungServer() });
  await using scraper = testScraper([watched('hung', hung), watched('healthy', monitor)]);
  const signal = testSignal();
  const page = scraper.scrape({ signal, deadlineMs: 1_000 });

  const healthy = await scrapeOne(scraper, 'healthy', signal);
  const [ofHung, ofHealthy] = await page;

  expect(singleValue(healthy, 'pg_up')).toBe(1);
  expect(singleValue(ofHealthy?.samples ?? [], 'pg_up')).toBe(1);
  expect(singleValue(ofHung?.samples ?? [], 'pg_up')).toBe(0);
  expect(Object.values(valuesOf(ofHung?.samples ?? [], 'watchkeeper_collector_success'))).not.toContain(1);
});

test('a changed password is noticed by the next login, and the corrected one is used without a restart', async () => {
  await execute(cluster, 'postgres', "CREATE ROLE rotated LOGIN PASSWORD 'first' IN ROLE pg_monitor");
  let password = 'first';
  const source = { origin: 'test', read: async () => new Secret(password) };
  const access = { ...as('rotated', ''), password: source };
  await using scraper = testScraper([watched('shop', access, { loginInterval: 0 })]);
  const signal = testSignal();
  await scrapeOne(scraper, 'shop', signal);

  await execute(cluster, 'postgres', "ALTER ROLE rotated PASSWORD 'second'");
  const before = await scrapeOne(scraper, 'shop', signal);
  password = 'second';

  expect(singleValue(before, 'pg_up')).toBe(0);
  // The old sessions still give their figures.
  expect(valuesOf(before, 'watchkeeper_collector_success')).toMatchObject({ connections: 1 });
  await vi.waitFor(async () => expect(singleValue(await scrapeOne(scraper, 'shop', signal), 'pg_up')).toBe(1), {
    timeout: 10_000,
    interval: 200,
  });
});

test('without the extension there are no statements, and that is no failure', async () => {
  await createDatabase(cluster, 'bare_db');
  await using scraper = testScraper([watched('shop', as('monitor', 'monitor-secret', { database: 'bare_db' }))]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(valuesOf(samples, 'watchkeeper_collector_success')).toMatchObject({ slow_queries: 1 });
  expect(valuesOf(samples, 'watchkeeper_collector_applicable')).toMatchObject({ slow_queries: 0, database: 1 });
});

test('the extension is found in whatever schema it was put', async () => {
  const sql =
    'CREATE SCHEMA "Odd ""name"; CREATE EXTENSION pg_stat_statements SCHEMA "Odd ""name"; GRANT USAGE ON SCHEMA "Odd ""name" TO PUBLIC';
  await createDatabase(cluster, 'odd_db', sql);
  const odd = as('monitor', 'monitor-secret', { database: 'odd_db' });
  await using scraper = testScraper([watched('shop', odd, { ...onlyFamily('slow_queries'), slowQueryLimit: 3 })]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(Object.keys(valuesOf(samples, 'pg_stat_statements_calls_total'))).toHaveLength(3);
});

test('a role without pg_monitor loses the families about others, with the remedy in the log, and keeps the rest', async () => {
  const { log, lines } = recordingLog();
  await using scraper = testScraper([watched('shop', as('plain', 'plain-secret'))], log);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(singleValue(samples, 'pg_up')).toBe(1);
  const success = valuesOf(samples, 'watchkeeper_collector_success');
  expect(success).toMatchObject({ instance: 1, database: 1, replication: 1, replication_slots: 1, database_size: 1 });
  const failed = Object.keys(success).filter((family) => success[family] !== 1);
  expect(failed.sort()).toEqual([
    'autovacuum',
    'blocking',
    'connections',
    'encryption',
    'running_queries',
    'slow_queries',
    'temporary_files',
    'wal',
    'workers',
    'xmin_horizon',
  ]);
  expect(lines.map(({ message }) => message)).toEqual(failed.map(() => 'collector fails'));
  const remedies = lines.filter(({ fields }) => errorMessage(fields['error']).includes('GRANT pg_monitor'));
  expect(remedies.map(({ fields }) => fields['collector']).sort()).toEqual(failed);
});

test('a role with a limit tells how near it is to it', async () => {
  await execute(cluster, 'postgres', "CREATE ROLE limited LOGIN PASSWORD 'limited-secret' CONNECTION LIMIT 4");
  const session = await openSession(as('limited', 'limited-secret'), { signal: testSignal() });
  onTestFinished(() => session.destroy());
  await using scraper = testScraper([watched('shop', monitor, onlyFamily('roles'))]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(valuesOf(samples, 'pg_roles_connections_used')).toMatchObject({ limited: 1 });
  expect(valuesOf(samples, 'pg_roles_connections_used')).not.toHaveProperty('monitor');
  expect(valuesOf(samples, 'pg_roles_connections_saturation_ratio')).toMatchObject({ limited: 0.25 });
  expect(valuesOf(samples, 'pg_roles_connection_limit')).toMatchObject({ limited: 4, monitor: -1 });
});

test('a session that runs longer than the threshold is counted, with its age', async () => {
  const sleeper = execute(cluster, 'postgres', 'SELECT pg_sleep(600)').catch(() => undefined);
  onTestFinished(async () => {
    await execute(
      cluster,
      'postgres',
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()",
    );
    await sleeper;
  });
  await using scraper = testScraper([watched('shop', monitor, { slowQueryThreshold: 100 })]);

  await vi.waitFor(
    async () => {
      const samples = await scrapeOne(scraper, 'shop', testSignal());
      expect(valuesOf(samples, 'pg_slow_running_queries')).toMatchObject({ postgres: 1, template1: 0 });
      expect(valuesOf(samples, 'pg_slow_running_queries_oldest_seconds')['postgres']).toBeGreaterThan(0.1);
    },
    { timeout: 10_000 },
  );
});

test('watching holds no more sessions than it may, and leaves none behind', async () => {
  const counting =
    "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'watchkeeper' AND usename = 'counted'";
  await execute(cluster, 'postgres', "CREATE ROLE counted LOGIN PASSWORD 'counted-secret' IN ROLE pg_monitor");
  const scraper = testScraper([watched('shop', as('counted', 'counted-secret'), { loginInterval: 0 })]);
  const signal = testSignal();

  for (let time = 0; time < 5; time++) await scrapeOne(scraper, 'shop', signal);

  await vi.waitFor(async () => expect(await execute(cluster, 'postgres', counting)).toEqual([{ n: '2' }]));
  await scraper[Symbol.asyncDispose]();
  await vi.waitFor(async () => expect(await execute(cluster, 'postgres', counting)).toEqual([{ n: '0' }]));
});

test('a session that is held up by the server loses its family only, and is replaced', async () => {
  await using scraper = testScraper([watched('shop', monitor, { connections: 1, statementTimeout: 300 })]);
  const signal = testSignal();
  await scrapeOne(scraper, 'shop', signal);
  const [row] = await execute(
    cluster,
    'postgres',
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'watchkeeper' AND usename = 'monitor'",
  );
  const pid = Number(row?.['pid']);
  // What a machine without power or a network that swallows packets looks like from here.
  process.kill(pid, 'SIGSTOP');
  onTestFinished(() => void process.kill(pid, 'SIGCONT'));

  const samples = await scrapeOne(scraper, 'shop', signal);

  const success = valuesOf(samples, 'watchkeeper_collector_success');
  expect(success).toMatchObject({ instance: 0, connections: 1, database: 1 });
  expect(singleValue(samples, 'pg_up')).toBe(1);
});

test('a server that was restarted is watched again without a word from anybody', async () => {
  await using restarted = await startTestCluster();
  const { log, lines } = recordingLog();
  await using scraper = testScraper([watched('shop', restarted.access)], log);
  const signal = testSignal();
  await scrapeOne(scraper, 'shop', signal);

  await restarted.stop('fast');
  const down = await scrapeOne(scraper, 'shop', signal);
  await restarted.start(signal);

  expect(singleValue(down, 'pg_up')).toBe(0);
  await vi.waitFor(async () => expect(singleValue(await scrapeOne(scraper, 'shop', signal), 'pg_up')).toBe(1), {
    timeout: 10_000,
    interval: 200,
  });
  expect(lines.map(({ message }) => message)).toEqual(['target is down', 'target is up again']);
});
