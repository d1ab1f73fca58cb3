import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { literalSecret } from '../../../src/core/secret.ts';
import { onlyRedisFamilies, redisAccess, startTestRedis, type TestRedis, watchedRedis } from '../../support/redis.ts';
import { redisGoldenText } from '../../support/redis-golden.ts';
import { scrapeOne, singleValue, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

const servers: TestRedis[] = [];
const sentinels: TestRedis[] = [];

/** A master with two replicas and three Sentinels, all with passwords. */
beforeAll(async () => {
  const login = { password: literalSecret('data') };
  const shared = ['requirepass data', 'masterauth data', 'repl-timeout 5'];
  const master = await startTestRedis({ settings: shared, login });
  servers.push(master);
  const replicas = await Promise.all(
    [1, 2].map(() => startTestRedis({ settings: [...shared, `replicaof 127.0.0.1 ${master.port}`], login })),
  );
  servers.push(...replicas);
  const documented = await readFile(join(import.meta.dirname, '../../../deploy/redis/sentinel-acl.txt'), 'utf8');
  const started = await Promise.all(
    [1, 2, 3].map(() =>
      startTestRedis({
        program: 'sentinel',
        settings: [
          'requirepass guard',
          ...documented.split('\n').filter((line) => line.startsWith('user ')),
          'sentinel sentinel-pass guard',
          `sentinel monitor shop 127.0.0.1 ${master.port} 2`,
          'sentinel auth-pass shop data',
          'sentinel down-after-milliseconds shop 1000',
          'sentinel failover-timeout shop 5000',
        ],
        login: { password: literalSecret('guard') },
      }),
    ),
  );
  sentinels.push(...started);
  await vi.waitFor(
    async () => {
      for (const sentinel of sentinels) {
        const info = String(await sentinel.call('INFO', 'sentinel'));
        expect(info).toMatch(/status=ok,address=[^,]*,slaves=2,sentinels=3/);
      }
    },
    { timeout: 30_000, interval: 200 },
  );
});

afterAll(async () => {
  await Promise.all([...sentinels, ...servers].map((server) => server[Symbol.asyncDispose]()));
});

function sentinelScraper() {
  const access = redisAccess(sentinels.slice(0, 1), {
    mode: 'sentinel',
    login: { password: literalSecret('data') },
    sentinelLogin: { password: literalSecret('guard') },
  });
  return testScraper([watchedRedis('shop', access, { loginInterval: 0 })]);
}

test('one Sentinel is enough for all of them, the master and its replicas', async () => {
  await using scraper = sentinelScraper();

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  const [master, ...replicas] = servers;
  expect(singleValue(samples, 'redis_up')).toBe(1);
  expect(Object.values(valuesOf(samples, 'redis_node_up'))).toEqual([1, 1, 1, 1, 1, 1]);
  expect(valuesOf(samples, 'redis_node_info')).toEqual({
    ...Object.fromEntries(sentinels.map(({ name }) => [`${name} sentinel `, 1])),
    [`${master?.name} master shop`]: 1,
    ...Object.fromEntries(replicas.map(({ name }) => [`${name} replica shop`, 1])),
  });
  expect(Object.keys(valuesOf(samples, 'redis_master_link_up'))).toHaveLength(2);
  expect(Object.values(valuesOf(samples, 'redis_sentinel_masters'))).toEqual([1, 1, 1]);
  expect(valuesOf(samples, 'watchkeeper_collector_success')).not.toContain(0);
});

test('the documented user of Sentinels collects every family, without a denial on any of them', async () => {
  const access = redisAccess(sentinels.slice(0, 1), {
    mode: 'sentinel',
    login: { password: literalSecret('data') },
    sentinelLogin: { username: 'watchkeeper_sentinel', password: literalSecret('change-me') },
  });
  await using scraper = testScraper([watchedRedis('shop', access)]);
  await scrapeOne(scraper, 'shop', testSignal());

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(Object.values(valuesOf(samples, 'redis_node_up'))).toEqual([1, 1, 1, 1, 1, 1]);
  expect(Object.values(valuesOf(samples, 'redis_node_failed_families'))).toEqual([0, 0, 0, 0, 0, 0]);
  expect(Object.keys(valuesOf(samples, 'redis_sentinel_master_ckquorum_status'))).toHaveLength(3);
  for (const sentinel of sentinels) expect(await sentinel.call('ACL', 'LOG')).toEqual([]);
});

test('the families sentinel and nodes give the pages that are written down', async () => {
  await using scraper = sentinelScraper();
  await scrapeOne(scraper, 'shop', testSignal());
  const samples = await scrapeOne(scraper, 'shop', testSignal());

  const names = new Map([
    ...servers.map(({ name }, index) => [name, index === 0 ? 'MASTER' : 'REPLICA'] as const),
    ...sentinels.map(({ name }) => [name, 'SENTINEL'] as const),
  ]);
  const pageOf = (prefix: RegExp) =>
    redisGoldenText(
      samples.filter(({ metric }) => prefix.test(metric.name)),
      names,
    );
  const golden = join(import.meta.dirname, 'golden');
  await expect(pageOf(/^redis_sentinel_/)).toMatchFileSnapshot(join(golden, 'sentinel.txt'));
  await expect(pageOf(/^redis_nodes?_/)).toMatchFileSnapshot(join(golden, 'nodes.txt'));
});

test('Sentinels tell each other and their settings when they are asked to, without passwords', async () => {
  const access = redisAccess(sentinels.slice(0, 1), {
    mode: 'sentinel',
    login: { password: literalSecret('data') },
    sentinelLogin: { password: literalSecret('guard') },
  });
  const watch = onlyRedisFamilies('sentinel_peers', 'sentinel_config_values');
  await using scraper = testScraper([watchedRedis('shop', access, watch)]);
  await scrapeOne(scraper, 'shop', testSignal());

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  const peers = Object.keys(valuesOf(samples, 'redis_sentinel_peer_info')).map((labels) => labels.split(' '));
  expect(peers).toHaveLength(6);
  const [first, second] = sentinels;
  const told = peers.find(([node, , , , , port]) => node === first?.name && port === String(second?.port));
  expect(told?.slice(1, 3)).toEqual(['shop', servers[0]?.name]);
  expect(told?.at(-1)).toBe('sentinel');
  expect(valuesOf(samples, 'redis_sentinel_config_key_value')).toMatchObject({
    [`${first?.name} resolve-hostnames no`]: 1,
  });
  expect(JSON.stringify(samples.map(({ labelValues }) => labelValues))).not.toContain('guard');
  expect(valuesOf(samples, 'watchkeeper_collector_success')).toEqual({ sentinel_peers: 1, sentinel_config_values: 1 });
});

test('each Sentinel tells its own view of the master, without words that change in labels', async () => {
  await using scraper = sentinelScraper();
  await scrapeOne(scraper, 'shop', testSignal());

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  const [first] = sentinels;
  const address = `${first?.name} shop ${servers[0]?.name}`;
  expect(valuesOf(samples, 'redis_sentinel_master_status')).toMatchObject({ [`${address} ok`]: 1 });
  expect(valuesOf(samples, 'redis_sentinel_master_ok_slaves')).toMatchObject({ [address]: 2 });
  expect(valuesOf(samples, 'redis_sentinel_master_ok_sentinels')).toMatchObject({ [address]: 3 });
  expect(valuesOf(samples, 'redis_sentinel_master_setting_ckquorum')).toMatchObject({ [address]: 2 });
  expect(valuesOf(samples, 'redis_sentinel_master_setting_down_after_milliseconds')).toMatchObject({
    [address]: 1_000,
  });
  expect(Object.keys(valuesOf(samples, 'redis_sentinel_master_ckquorum_status')).sort()).toEqual(
    sentinels.map(({ name }) => `${name} shop OK`).sort(),
  );
});

test('a failover is followed: the replica that takes over is the master in the same target', async () => {
  await using scraper = sentinelScraper();
  await scrapeOne(scraper, 'shop', testSignal());
  const [master, ...replicas] = servers;

  await master?.kill();

  await vi.waitFor(
    async () => {
      const samples = await scrapeOne(scraper, 'shop', testSignal());
      const nodes = valuesOf(samples, 'redis_node_info');
      expect(replicas.filter(({ name }) => nodes[`${name} master shop`] === 1)).toHaveLength(1);
      expect(valuesOf(samples, 'redis_node_up')).toMatchObject({ [master?.name ?? '']: 0 });
      expect(Object.values(valuesOf(samples, 'redis_sentinel_master_up'))).toEqual([1, 1, 1]);
      expect(Object.values(valuesOf(samples, 'redis_sentinel_master_config_epoch'))).toEqual([1, 1, 1]);
    },
    { timeout: 40_000, interval: 300 },
  );
});

/** The last one: a Sentinel that stood still does nothing for half a minute. */
test('when the Sentinel that was named hangs, another one tells of the master and its replicas', async () => {
  await using scraper = sentinelScraper();
  await scrapeOne(scraper, 'shop', testSignal());
  const [first] = sentinels;
  first?.freeze();
  try {
    await vi.waitFor(
      async () => {
        const samples = await scrapeOne(scraper, 'shop', testSignal());
        expect(singleValue(samples, 'redis_up')).toBe(1);
        expect(valuesOf(samples, 'redis_node_up')).toMatchObject({ [first?.name ?? '']: 0 });
        expect(Object.values(valuesOf(samples, 'redis_node_up')).filter((up) => up === 1)).toHaveLength(4);
        expect(Object.keys(valuesOf(samples, 'redis_sentinel_master_status'))).toHaveLength(2);
      },
      { timeout: 20_000, interval: 200 },
    );
  } finally {
    first?.thaw();
  }
  await vi.waitFor(
    async () => {
      const samples = await scrapeOne(scraper, 'shop', testSignal());
      expect(valuesOf(samples, 'redis_node_up')).toMatchObject({ [first?.name ?? '']: 1 });
    },
    { timeout: 20_000, interval: 200 },
  );
});
