import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { literalSecret, Secret } from '../../../src/core/secret.ts';
import type { RedisLogin } from '../../../src/targets/redis/settings.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { freePort } from '../../support/free-port.ts';
import { recordingLog } from '../../support/recording-log.ts';
import {
  onlyRedisFamilies,
  redisAccess,
  startTestRedis,
  type TestRedis,
  type TestRedisOptions,
  watchedRedis,
} from '../../support/redis.ts';
import { scrapeOne, singleValue, testScraper, valuesOf } from '../../support/scrape.ts';
import { startSilentServer } from '../../support/silent-server.ts';
import { testSignal } from '../../support/test-context.ts';

const deployed = join(import.meta.dirname, '../../../deploy/redis');

async function redisForTest(options: TestRedisOptions = {}): Promise<TestRedis> {
  const server = await startTestRedis(options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** The users that are documented, beside an administrator. */
async function documentedUsers(file: string): Promise<string[]> {
  const text = await readFile(join(deployed, file), 'utf8');
  const lines = text.split('\n').filter((line) => line.startsWith('user '));
  return ['user default on >admin ~* &* +@all', ...lines.map((line) => line.replace('change-me', 'hunter2'))];
}

const admin: RedisLogin = { password: literalSecret('admin') };
const monitor: RedisLogin = { username: 'watchkeeper_monitor', password: literalSecret('hunter2') };

test('the documented user collects every family, without an error or a denial on the server', async () => {
  const server = await redisForTest({ settings: await documentedUsers('acl.txt'), login: admin });
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server], { login: monitor }))]);

  for (let scrape = 0; scrape < 3; scrape++) await scrapeOne(scraper, 'shop', testSignal());
  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(valuesOf(samples, 'watchkeeper_collector_success')).not.toContain(0);
  expect(singleValue(samples, 'redis_total_error_replies')).toBe(0);
  expect(singleValue(samples, 'redis_config_maxclients')).toBe(10_000);
  expect(await server.call('ACL', 'LOG')).toEqual([]);
});

test('a right that is missing costs its family alone, says what to grant, and is asked for once', async () => {
  const users = await documentedUsers('acl.txt');
  const settings = users.map((line) => line.replace(' +slowlog|get', ''));
  const server = await redisForTest({ settings, login: admin });
  const { log, lines } = recordingLog();
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server], { login: monitor }))], log);

  for (let scrape = 0; scrape < 3; scrape++) await scrapeOne(scraper, 'shop', testSignal());
  const samples = await scrapeOne(scraper, 'shop', testSignal());

  const failed = Object.entries(valuesOf(samples, 'watchkeeper_collector_success')).filter(([, value]) => value === 0);
  expect(failed).toEqual([['slowlog', 0]]);
  expect(singleValue(samples, 'redis_up')).toBe(1);
  expect(singleValue(samples, 'redis_total_error_replies')).toBe(1);
  const warnings = lines.filter((line) => JSON.stringify(line).includes('collector fails'));
  expect(warnings).toHaveLength(1);
});

test('CONFIG that is not to be had makes its family not applicable, without a word in the log', async () => {
  const server = await redisForTest({ settings: ['rename-command CONFIG ""'] });
  const { log, lines } = recordingLog();
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server]))], log);

  for (let scrape = 0; scrape < 3; scrape++) await scrapeOne(scraper, 'shop', testSignal());
  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(valuesOf(samples, 'watchkeeper_collector_success')).not.toContain(0);
  expect(valuesOf(samples, 'watchkeeper_collector_applicable')).toMatchObject({ config: 0, memory: 1, keyspace: 1 });
  expect(valuesOf(samples, 'redis_db_keys')).toEqual({ db0: 0 });
  // Each parameter was asked for once, however often the server is scraped.
  expect(singleValue(samples, 'redis_total_error_replies')).toBeLessThanOrEqual(6);
  expect(lines).toEqual([]);
});

test('a renamed CONFIG is used under its name', async () => {
  const server = await redisForTest({ settings: ['rename-command CONFIG c0nf1g', 'maxclients 123'] });
  const watch = { ...onlyRedisFamilies('config'), commands: { CONFIG: 'c0nf1g' } };
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server]), watch)]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(singleValue(samples, 'redis_config_maxclients')).toBe(123);
});

test.each([
  ['a wrong password', { ...monitor, password: literalSecret('wrong') }],
  ['an unknown user', { ...monitor, username: 'nobody' }],
  ['no password', {}],
])('%s is told as such, and never shown', async (_case, login) => {
  const server = await redisForTest({ settings: await documentedUsers('acl.txt'), login: admin });
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server], { login }))]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(singleValue(samples, 'redis_up')).toBe(0);
  expect(valuesOf(samples, 'watchkeeper_target_login_failures_total')).toMatchObject({ authentication: 1 });
  const [state] = scraper.states();
  expect(state?.reason).toMatch(/connecting to 127\.0\.0\.1:\d+: (WRONGPASS|NOAUTH)/);
  expect(state?.reason).not.toContain('wrong ');
});

test('a password that was rotated is read again when it is refused', async () => {
  const server = await redisForTest({ settings: ['requirepass new'], login: { password: literalSecret('new') } });
  let kept = 'old';
  const password = {
    origin: 'file:/run/secrets/cache',
    read: async () => new Secret(kept),
    forget: () => {
      kept = 'new';
    },
  };
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server], { login: { password } }))]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(singleValue(samples, 'redis_up')).toBe(1);
});

test('a password that was changed on the server makes it down, although the kept connection still works', async () => {
  const server = await redisForTest({ settings: ['requirepass one'], login: { password: literalSecret('one') } });
  const access = redisAccess([server], { login: { password: literalSecret('one') } });
  await using scraper = testScraper([watchedRedis('shop', access, { loginInterval: 0 })]);
  expect(singleValue(await scrapeOne(scraper, 'shop', testSignal()), 'redis_up')).toBe(1);

  await server.call('CONFIG', 'SET', 'requirepass', 'two');

  const samples = await scrapeOne(scraper, 'shop', testSignal());
  expect(singleValue(samples, 'redis_up')).toBe(0);
  expect(singleValue(samples, 'redis_uptime_in_seconds')).toBeGreaterThanOrEqual(0);
});

test('TLS with a client certificate works, and is refused without one or with another authority', async () => {
  await using authority = await makeAuthority('redis');
  await using stranger = await makeAuthority('stranger');
  const ours = await authority.issue('127.0.0.1', { names: 'IP:127.0.0.1,DNS:cache.internal' });
  const client = await authority.issue('watchkeeper');
  const port = await freePort();
  const tls = { ca: authority.certificate, certificate: client.certificate, key: client.key, verify: true };
  const address = { host: '127.0.0.1', port };
  const server = await redisForTest({
    port: 0,
    settings: [
      `tls-port ${port}`,
      `tls-cert-file ${ours.certificate}`,
      `tls-key-file ${ours.key}`,
      `tls-ca-cert-file ${authority.certificate}`,
      'tls-auth-clients yes',
    ],
    address,
    tls,
  });
  const upWith = async (given: typeof tls | (Omit<typeof tls, 'certificate' | 'key'> & { serverName?: string })) => {
    const access = redisAccess([server], { addresses: [address], tls: given });
    await using scraper = testScraper([watchedRedis('shop', access, onlyRedisFamilies('instance'))]);
    const samples = await scrapeOne(scraper, 'shop', testSignal());
    const failures = Object.entries(valuesOf(samples, 'watchkeeper_target_login_failures_total'));
    return singleValue(samples, 'redis_up') === 1 ? 'up' : failures.find(([, count]) => count > 0)?.[0];
  };

  expect(await upWith(tls)).toBe('up');
  expect(await upWith({ ...tls, serverName: 'cache.internal' })).toBe('up');
  expect(await upWith({ ...tls, serverName: 'other.internal' })).toBe('tls');
  expect(await upWith({ ...tls, ca: stranger.certificate })).toBe('tls');
  expect(await upWith({ ca: authority.certificate, verify: true })).toMatch(/^(tls|refused)$/);
});

test('a Unix socket is enough', async () => {
  const path = `/tmp/watchkeeper-test-${process.pid}.sock`;
  const address = { host: path, port: 0 };
  await redisForTest({ port: 0, settings: [`unixsocket ${path}`], address });
  onTestFinished(() => rm(path, { force: true }));
  await using scraper = testScraper([watchedRedis('shop', redisAccess([], { addresses: [address] }))]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(singleValue(samples, 'redis_up')).toBe(1);
});

test('a server that hangs is down in time, and up again when it answers, with one connection', async () => {
  const server = await redisForTest();
  const watch = { nodeTimeout: 500 };
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server]), watch)]);
  await scrapeOne(scraper, 'shop', testSignal());

  server.freeze();
  const startedMs = performance.now();
  const hung = await scrapeOne(scraper, 'shop', testSignal(), 3_000);
  const tookMs = performance.now() - startedMs;
  server.thaw();

  expect(singleValue(hung, 'redis_up')).toBe(0);
  expect(tookMs).toBeLessThan(3_300);
  await vi.waitFor(
    async () => expect(singleValue(await scrapeOne(scraper, 'shop', testSignal()), 'redis_up')).toBe(1),
    { timeout: 10_000, interval: 200 },
  );
  expect(singleValue(await scrapeOne(scraper, 'shop', testSignal()), 'redis_connected_clients')).toBe(1);
});

test('who accepts and never says a word is down, and nothing is left open', async () => {
  await using silent = await startSilentServer();
  const access = redisAccess([], { addresses: [{ host: '127.0.0.1', port: silent.port }] });
  const scraper = testScraper([watchedRedis('shop', access)]);

  const samples = await scrapeOne(scraper, 'shop', testSignal(), 1_000);

  expect(singleValue(samples, 'redis_up')).toBe(0);
  await scraper[Symbol.asyncDispose]();
  await vi.waitFor(() => expect(silent.connections).toBe(0));
});

test('slow commands are counted once, whatever happens to the log', async () => {
  const server = await redisForTest({ settings: ['slowlog-log-slower-than 0', 'slowlog-max-len 2'] });
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server]), onlyRedisFamilies('slowlog'))]);
  const counted = async () =>
    singleValue(await scrapeOne(scraper, 'shop', testSignal()), 'redis_slowlog_entries_total') ?? -1;
  const before = await counted();
  await server.call('CONFIG', 'SET', 'slowlog-log-slower-than', '-1');
  const after = await counted();

  await server.call('SLOWLOG', 'RESET');

  expect(after).toBeGreaterThan(before);
  expect(await counted()).toBe(after);
});

test('a server that loads its data is up, and tells so', async () => {
  const first = await redisForTest();
  await first.call('DEBUG', 'POPULATE', '1').catch(() => undefined);
  await first.call('EVAL', "for i = 1, 20000 do redis.call('SET', 'key:' .. i, i) end", '0');
  await first.call('SAVE');
  const file = join(first.folder, 'dump.rdb');
  const kept = `/tmp/watchkeeper-test-${process.pid}.rdb`;
  await copyFile(file, kept);
  onTestFinished(() => rm(kept, { force: true }));
  // So long each key takes that loading is seen.
  const second = await redisForTest({
    settings: [
      'key-load-delay 300',
      'loading-process-events-interval-bytes 1024',
      `dir /tmp`,
      `dbfilename ${kept.slice(5)}`,
    ],
    isReady: (error) => /LOADING/.test(String(error)),
  });
  await using scraper = testScraper([watchedRedis('shop', redisAccess([second]))]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(singleValue(samples, 'redis_up')).toBe(1);
  expect(singleValue(samples, 'redis_loading_dump_file')).toBe(1);
  expect(singleValue(samples, 'redis_loading_progress_ratio')).toBeLessThan(1);
});
