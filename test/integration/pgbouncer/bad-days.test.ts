import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import { literalSecret, Secret } from '../../../src/core/secret.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { openSession, type PostgresSession } from '../../../src/targets/postgres/session.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { freePort } from '../../support/free-port.ts';
import {
  onlyPgbouncerFamily,
  startTestPgbouncer,
  type TestPgbouncer,
  watchedPgbouncer,
} from '../../support/pgbouncer.ts';
import { createDatabase, startTestCluster } from '../../support/postgres.ts';
import { promtoolComplaints } from '../../support/promtool.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { scrapeOne, singleValue, testScraper, valuesOf } from '../../support/scrape.ts';
import { startSilentServer } from '../../support/silent-server.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: Cluster;
let pgbouncer: TestPgbouncer;

beforeAll(async () => {
  cluster = await startTestCluster();
  await createDatabase(cluster, 'orders_db', 'CREATE ROLE shop LOGIN');
  pgbouncer = await startShop();
});

afterAll(async () => {
  await pgbouncer?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

function startShop(settings: Readonly<Record<string, string | number>> = {}): Promise<TestPgbouncer> {
  return startTestPgbouncer({
    databases: { shop: `host=127.0.0.1 port=${cluster.access.connection.port} dbname=orders_db pool_size=1` },
    users: { shop: 'shop-secret' },
    settings: { pool_mode: 'transaction', ...settings },
  });
}

async function openShop(at: TestPgbouncer): Promise<PostgresSession> {
  const session = await openSession(at.access('shop', 'shop-secret', { database: 'shop' }), { signal: testSignal() });
  onTestFinished(() => session.destroy());
  return session;
}

async function failuresOf(access: PostgresAccess) {
  const { log, lines } = recordingLog();
  await using scraper = testScraper([watchedPgbouncer('pooler', access)], log);
  const samples = await scrapeOne(scraper, 'pooler', testSignal());
  const counted = Object.entries(valuesOf(samples, 'watchkeeper_target_login_failures_total'));
  return {
    up: singleValue(samples, 'pgbouncer_up'),
    reasons: Object.fromEntries(counted.filter(([, value]) => value > 0)),
    shown: JSON.stringify([lines, scraper.states()]),
    reason: scraper.states()[0]?.reason,
  };
}

test('a pool that is used up shows who waits, for how long to the millisecond, and what max_client_conn leaves', async () => {
  const signal = testSignal();
  const holder = await openShop(pgbouncer);
  const waiter = await openShop(pgbouncer);
  await holder.query('BEGIN', { signal });
  const waiting = waiter.query('SELECT 1', { signal }).catch((error: unknown) => error);
  await vi.waitFor(async () =>
    expect(await pgbouncer.command('SHOW POOLS')).toContainEqual(expect.objectContaining({ cl_waiting: '1' })),
  );
  await delay(300);
  await using scraper = testScraper([watchedPgbouncer('pooler', pgbouncer.access())]);

  const samples = await scrapeOne(scraper, 'pooler', signal);
  await holder.query('COMMIT', { signal });
  const answer = await waiting;
  const after = await scrapeOne(scraper, 'pooler', signal);

  expect(valuesOf(samples, 'pgbouncer_pools_client_waiting_connections')).toMatchObject({ 'shop shop': 1 });
  const longest = valuesOf(samples, 'pgbouncer_pools_client_longest_wait_seconds')['shop shop'] ?? 0;
  expect(longest).toBeGreaterThan(0.2);
  expect(longest % 1).not.toBe(0);
  expect(valuesOf(samples, 'pgbouncer_client_connections')).toMatchObject({ 'shop shop watchkeeper waiting': 1 });
  expect(valuesOf(samples, 'pgbouncer_clients')).toMatchObject({ 'shop shop waiting ': 1 });
  expect(singleValue(samples, 'pgbouncer_client_connections_saturation_ratio')).toBe(0.03);
  expect(answer).toEqual([{ '?column?': '1' }]);
  expect(valuesOf(after, 'pgbouncer_pools_client_longest_wait_seconds')).toMatchObject({ 'shop shop': 0 });
  expect(valuesOf(after, 'pgbouncer_stats_totals_client_wait_seconds_total')['shop']).toBeGreaterThan(0.2);
});

test('a paused database is shown as paused until it is resumed', async () => {
  await using scraper = testScraper([watchedPgbouncer('pooler', pgbouncer.access(), onlyPgbouncerFamily('databases'))]);
  const pausedOf = async () => {
    const samples = await scrapeOne(scraper, 'pooler', testSignal());
    const paused = Object.entries(valuesOf(samples, 'pgbouncer_databases_paused'));
    return paused.filter(([, value]) => value === 1).map(([labels]) => labels.split(' ')[0]);
  };

  await pgbouncer.command('PAUSE shop');
  const whilePaused = await pausedOf();
  await pgbouncer.command('RESUME shop');
  const afterwards = await pausedOf();

  expect({ whilePaused, afterwards }).toEqual({ whilePaused: ['shop'], afterwards: [] });
});

test('PAUSE of everything is shown where the version can tell, and is no failure where it cannot', async () => {
  await using paused = await startShop();
  const [{ version = '' } = {}] = await paused.command('SHOW VERSION');
  const canTell = Number(/ 1\.(\d+)/.exec(version ?? '')?.[1]) >= 19;
  await paused.command('PAUSE');
  await using scraper = testScraper([watchedPgbouncer('pooler', paused.access())]);

  const samples = await scrapeOne(scraper, 'pooler', testSignal());

  expect(singleValue(samples, 'pgbouncer_up')).toBe(1);
  expect(valuesOf(samples, 'watchkeeper_collector_success')).toMatchObject({ state: 1 });
  expect(valuesOf(samples, 'watchkeeper_collector_applicable')).toMatchObject({ state: canTell ? 1 : 0 });
  expect(valuesOf(samples, 'pgbouncer_state')).toEqual(
    canTell ? expect.objectContaining({ active: 0, paused: 1 }) : {},
  );
});

test('a wrong password and an unknown user are told as such, and the password is shown nowhere', async () => {
  const wrong = await failuresOf(pgbouncer.access('stats', 'wrong-password'));
  const unknown = await failuresOf(pgbouncer.access('nobody', 'any-password'));

  expect(wrong).toMatchObject({ up: 0, reasons: { authentication: 1 } });
  expect(unknown).toMatchObject({ up: 0, reasons: { authentication: 1 } });
  expect(wrong.shown + unknown.shown).not.toMatch(/wrong-password|any-password/);
});

test('a user that is not in stats_users has no right to the console', async () => {
  const failures = await failuresOf(pgbouncer.access('shop', 'shop-secret'));

  expect(failures).toMatchObject({ up: 0, reasons: { privilege: 1 } });
  expect(failures.reason).toMatch(/not allowed$/);
});

test('PostgreSQL in the place of PgBouncer is told as such', async () => {
  await createDatabase(cluster, 'pgbouncer');
  const { port } = cluster.access.connection;

  const failures = await failuresOf({ connection: { ...pgbouncer.access('shop').connection, port } });

  expect(failures).toMatchObject({ up: 0, reasons: { other: 1 } });
  expect(failures.reason).toContain('what answers there is PostgreSQL, not the console of PgBouncer');
});

test('a password that was changed is read again at once, although PgBouncer has no code for a wrong one', async () => {
  let password = 'old-secret';
  const source = {
    origin: 'test',
    read: async () => new Secret(password),
    forget: () => {
      password = 'stats-secret';
    },
  };
  await using scraper = testScraper([watchedPgbouncer('pooler', { ...pgbouncer.access(), password: source })]);

  const samples = await scrapeOne(scraper, 'pooler', testSignal());

  expect(singleValue(samples, 'pgbouncer_up')).toBe(1);
});

test('a console that hangs or refuses costs the other PgBouncer nothing', async () => {
  await using silent = await startSilentServer();
  await using other = await startShop({ max_client_conn: 7 });
  const hung = pgbouncer.access('stats', 'stats-secret', { port: silent.port });
  const refusing = pgbouncer.access('stats', 'stats-secret', { port: await freePort() });
  await using scraper = testScraper([
    watchedPgbouncer('hung', hung),
    watchedPgbouncer('refusing', refusing),
    watchedPgbouncer('first', pgbouncer.access()),
    watchedPgbouncer('second', other.access()),
  ]);

  const page = await scraper.scrape({ signal: testSignal(), deadlineMs: 1_000 });

  const ups = page.map(({ target, samples }) => [target, singleValue(samples, 'pgbouncer_up')]);
  expect(Object.fromEntries(ups)).toEqual({ hung: 0, refusing: 0, first: 1, second: 1 });
  const limits = page.map(({ samples }) => singleValue(samples, 'pgbouncer_config_max_client_connections'));
  expect(limits).toEqual([undefined, undefined, 100, 7]);
});

test('a PgBouncer that stops answering is down within its timeout, and up again when it answers', async () => {
  await using frozen = await startShop();
  await using scraper = testScraper([watchedPgbouncer('pooler', frozen.access(), { timeout: 300 })]);
  const upNow = async () => singleValue(await scrapeOne(scraper, 'pooler', testSignal(), 2_000), 'pgbouncer_up');

  const before = await upNow();
  frozen.freeze();
  const during = await upNow();
  frozen.thaw();

  expect({ before, during }).toEqual({ before: 1, during: 0 });
  await vi.waitFor(async () => expect(await upNow()).toBe(1), { timeout: 20_000, interval: 200 });
});

test('the console is reached by TLS with its certificate verified, and clients are counted by it', async () => {
  await using authority = await makeAuthority('pooler authority');
  const own = await authority.issue('localhost', { names: 'DNS:localhost,IP:127.0.0.1', forServer: true });
  await using secured = await startShop({
    client_tls_sslmode: 'require',
    client_tls_key_file: own.key,
    client_tls_cert_file: own.certificate,
  });
  const verified = { sslMode: 'verify-full', sslRootCert: authority.certificate } as const;
  await using scraper = testScraper([watchedPgbouncer('pooler', secured.access('stats', 'stats-secret', verified))]);

  const samples = await scrapeOne(scraper, 'pooler', testSignal());
  const unverified = await failuresOf(secured.access('stats', 'stats-secret', { sslMode: 'verify-full' }));
  const plain = await failuresOf(secured.access('stats', 'stats-secret', { sslMode: 'disable' }));

  expect(singleValue(samples, 'pgbouncer_up')).toBe(1);
  const clients = Object.keys(valuesOf(samples, 'pgbouncer_clients'));
  expect(clients).toEqual([expect.stringMatching(/^pgbouncer stats (active|idle) TLSv1\.[23]$/)]);
  expect(unverified).toMatchObject({ up: 0, reasons: { tls: 1 } });
  expect(plain).toMatchObject({ up: 0, reasons: { tls: 1 } });
});

test('the console is reached over a Unix socket', async () => {
  const socket = pgbouncer.access('stats', 'stats-secret', { host: pgbouncer.folder });
  await using scraper = testScraper([watchedPgbouncer('pooler', socket)]);

  const samples = await scrapeOne(scraper, 'pooler', testSignal());

  expect(singleValue(samples, 'pgbouncer_up')).toBe(1);
});

test('clients that choose a name each are counted together, and none is lost', async () => {
  const signal = testSignal();
  await using crowded = await startShop();
  const access = crowded.access('shop', 'shop-secret', { database: 'shop' });
  for (const applicationName of ['web', 'web', 'worker-1', 'worker-2', 'worker-3']) {
    const session = await openSession(access, { signal, applicationName });
    onTestFinished(() => session.destroy());
  }
  const target = watchedPgbouncer('pooler', crowded.access(), {
    ...onlyPgbouncerFamily('clients'),
    applicationNameLimit: 1,
  });
  await using scraper = testScraper([target]);

  const samples = await scrapeOne(scraper, 'pooler', signal);

  const ofShop = samples.filter(({ metric: { name }, labelValues }) => {
    return name === 'pgbouncer_client_connections' && labelValues[0] === 'shop';
  });
  expect(ofShop.map(({ labelValues, value }) => [labelValues[2], value])).toEqual([
    ['web', 2],
    ['(others)', 3],
  ]);
  expect(singleValue(samples, 'pgbouncer_client_application_names')).toBe(5);
});

test('promtool reads the page and has nothing to say about the names that are ours', async () => {
  const watch = { collectors: { memory: true } };
  await using scraper = testScraper([watchedPgbouncer('pooler', pgbouncer.access(), watch)]);
  const samples = await scrapeOne(scraper, 'pooler', testSignal());

  const complaints = await promtoolComplaints(writeExposition([{ target: 'pooler', samples }], 'text'));

  expect(complaints).toEqual([]);
});

test('nothing but SHOW is ever asked, and nothing that the console refuses', async () => {
  const { log, lines } = recordingLog();
  const access = { ...pgbouncer.access(), password: literalSecret('stats-secret') };
  await using scraper = testScraper([watchedPgbouncer('pooler', access, { collectors: { memory: true } })], log);

  await scrapeOne(scraper, 'pooler', testSignal());

  expect(lines).toEqual([]);
  expect(pgbouncer.log().filter((line) => /invalid command|admin access needed|SET/.test(line))).toEqual([]);
});
