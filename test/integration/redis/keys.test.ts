import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RedisWatchSettings, redisWatchSettings } from '../../../src/collectors/redis/settings.ts';
import { literalSecret } from '../../../src/core/secret.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { openRedis } from '../../../src/targets/redis/connection.ts';
import type { RedisLogin } from '../../../src/targets/redis/settings.ts';
import { onlyRedisFamilies, redisAccess, startTestRedis, type TestRedis, watchedRedis } from '../../support/redis.ts';
import { startTestRedisCluster } from '../../support/redis-cluster.ts';
import { redisGoldenText } from '../../support/redis-golden.ts';
import { scrapeOne, singleValue, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

const acl = join(import.meta.dirname, '../../../deploy/redis/acl.txt');
const admin = { password: literalSecret('admin') };
let server: TestRedis;

beforeAll(async () => {
  const users = (await readFile(acl, 'utf8')).split('\n').filter((line) => line.startsWith('user '));
  server = await startTestRedis({ settings: ['user default on >admin ~* &* +@all', ...users], login: admin });
  await server.call('EVAL', "for i = 1, 5000 do redis.call('SET', 'session:' .. i, 'secret-' .. i) end", '0');
  await server.call('SET', 'visits', '42');
  await server.call('SET', 'token', 'hunter2');
  await server.call('RPUSH', 'queue:mail', 'a', 'b', 'c');
  await server.call('EVAL', "redis.call('SELECT', 3) redis.call('HSET', 'basket', 'a', '1', 'b', '2')", '0');
  await server.call('XADD', 'orders', '1700000000000-0', 'id', '1');
  await server.call('XADD', 'orders', '1700000001000-0', 'id', '2');
  await server.call('XGROUP', 'CREATE', 'orders', 'billing', '0');
  await server.call('XREADGROUP', 'GROUP', 'billing', 'worker-1', 'COUNT', '1', 'STREAMS', 'orders', '>');
});
afterAll(() => server?.[Symbol.asyncDispose]());

async function scrapeKeys(keys: Readonly<Record<string, unknown>>, ...families: readonly string[]) {
  const watch: Partial<RedisWatchSettings> = {
    ...onlyRedisFamilies(...families),
    keys: redisWatchSettings.parse({ keys }).keys,
  };
  const login = { username: 'watchkeeper_keys', password: literalSecret('change-me') };
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server], { login }), watch)]);
  const samples = await scrapeOne(scraper, 'shop', testSignal());
  expect(valuesOf(samples, 'watchkeeper_collector_success')).not.toContain(0);
  return samples;
}

test('keys are counted by pattern, in the database that the pattern names', async () => {
  const samples = await scrapeKeys({ counts: ['session:*', 'db3=bas*', 'nothing:*'] }, 'key_counts');

  expect(valuesOf(samples, 'redis_keys_count')).toEqual({ 'db0 session:*': 5_000, 'db3 bas*': 1, 'db0 nothing:*': 0 });
  expect(Object.values(valuesOf(samples, 'redis_keys_count_complete'))).toEqual([1, 1, 1]);
});

test('a count that does not end in time is not shown', async () => {
  const samples = await scrapeKeys({ counts: ['session:*'], timeLimit: '1ms', scanCount: 10 }, 'key_counts');

  expect(valuesOf(samples, 'redis_keys_count')).toEqual({});
  expect(valuesOf(samples, 'redis_keys_count_complete')).toEqual({ 'db0 session:*': 0 });
});

test('single keys tell size, memory and numbers, and never what else they hold', async () => {
  const check = ['visits', 'token', 'queue:*', 'db3=basket', 'missing'];
  const samples = await scrapeKeys({ check }, 'check_keys');

  expect(valuesOf(samples, 'redis_key_size')).toEqual({
    'db0 visits': 2,
    'db0 token': 7,
    'db0 queue:mail': 3,
    'db3 basket': 2,
    'db0 missing': 0,
  });
  expect(valuesOf(samples, 'redis_key_value')).toEqual({ 'db0 visits': 42 });
  expect(Object.keys(valuesOf(samples, 'redis_key_memory_usage_bytes'))).toHaveLength(4);
  expect(JSON.stringify(samples.map(({ labelValues }) => labelValues))).not.toContain('hunter2');
});

test('keys beyond the limit are not shown, and it is told that there are more', async () => {
  const samples = await scrapeKeys({ check: ['session:*'], limit: 20 }, 'check_keys');

  expect(Object.keys(valuesOf(samples, 'redis_key_size'))).toHaveLength(20);
  expect(valuesOf(samples, 'redis_keys_check_complete')).toEqual({ 'db0 session:*': 0 });
});

test('streams tell their groups and consumers', async () => {
  const samples = await scrapeKeys({ streams: ['ord*', 'queue:mail', 'missing'] }, 'streams');

  expect(valuesOf(samples, 'redis_stream_length')).toEqual({ 'db0 orders': 2 });
  expect(valuesOf(samples, 'redis_stream_first_entry_id')).toEqual({ 'db0 orders': 1_700_000_000_000 });
  expect(valuesOf(samples, 'redis_stream_last_generated_id')).toEqual({ 'db0 orders': 1_700_000_001_000 });
  expect(valuesOf(samples, 'redis_stream_group_messages_pending')).toEqual({ 'db0 orders billing': 1 });
  expect(valuesOf(samples, 'redis_stream_group_lag')).toEqual({ 'db0 orders billing': 1 });
  expect(valuesOf(samples, 'redis_stream_group_consumer_messages_pending')).toEqual({
    'db0 orders billing worker-1': 1,
  });
  expect(valuesOf(samples, 'redis_streams_check_complete')).toEqual({ 'db0 ord*': 1 });
});

test('a lag that the server does not know is not told as 0', async () => {
  await server.call('XADD', 'gaps', '1-1', 'a', '1');
  await server.call('XADD', 'gaps', '2-1', 'a', '1');
  await server.call('XADD', 'gaps', '3-1', 'a', '1');
  await server.call('XDEL', 'gaps', '2-1');
  await server.call('XGROUP', 'CREATE', 'gaps', 'late', '1-1');

  const samples = await scrapeKeys({ streams: ['gaps'] }, 'streams');

  expect(valuesOf(samples, 'redis_stream_group_lag')).toEqual({});
  expect(valuesOf(samples, 'redis_stream_group_messages_pending')).toEqual({ 'db0 gaps late': 0 });
});

test('clients are told by name, and settings without those that hold passwords', async () => {
  const signal = testSignal();
  const address = { host: '127.0.0.1', port: server.port };
  await using client = await openRedis({ address, login: admin, tls: undefined, connectTimeoutMs: 1_000, signal });
  await client.ask([['CLIENT', 'SETNAME', 'shop-web']], signal);
  await client.ask([['CONFIG', 'SET', 'masterauth', 'hunter2']], signal);

  const access = redisAccess([server], { login: admin });
  const watch = onlyRedisFamilies('client_names', 'config_values', 'modules');
  await using scraper = testScraper([watchedRedis('shop', access, watch)]);
  const samples = await scrapeOne(scraper, 'shop', signal);

  expect(valuesOf(samples, 'redis_clients_connections')).toMatchObject({ 'shop-web default ': 1 });
  expect(valuesOf(samples, 'redis_config_value')).toMatchObject({ maxclients: 10_000 });
  expect(JSON.stringify(samples.map(({ labelValues }) => labelValues))).not.toContain('hunter2');
  expect(singleValue(samples, 'redis_up')).toBe(1);
});

test('keys are counted and weighed by what their names have in common', async () => {
  const samples = await scrapeKeys({ groups: ['*'], timeLimit: '20s' }, 'key_groups');

  const counts = valuesOf(samples, 'redis_key_group_count');
  expect(counts).toMatchObject({ 'db0 session:*': 5_000, 'db0 queue:mail': 1, 'db0 visits': 1 });
  expect(valuesOf(samples, 'redis_key_group_memory_usage_bytes')['db0 session:*']).toBeGreaterThan(5_000 * 40);
  expect(valuesOf(samples, 'redis_number_of_distinct_key_groups')).toEqual({ db0: Object.keys(counts).length });
  expect(valuesOf(samples, 'redis_key_groups_complete')).toEqual({ 'db0 *': 1 });
  expect(singleValue(samples, 'redis_last_key_groups_scrape_duration_milliseconds')).toBeGreaterThan(0);
});

test('the smallest groups of keys stand together, and nothing is told of keys that were looked at in part', async () => {
  const few = await scrapeKeys({ groups: ['*'], limit: 1, timeLimit: '20s' }, 'key_groups');
  const late = await scrapeKeys({ groups: ['*'], timeLimit: '1ms', scanCount: 10 }, 'key_groups');

  expect(Object.keys(valuesOf(few, 'redis_key_group_count')).sort()).toEqual(['db0 overflow', 'db0 session:*']);
  expect(valuesOf(few, 'redis_key_group_count')['db0 overflow']).toBeGreaterThanOrEqual(4);
  expect(valuesOf(late, 'redis_key_group_count')).toEqual({});
  expect(valuesOf(late, 'redis_key_groups_complete')).toEqual({ 'db0 *': 0 });
});

async function scrapeScripts(scripts: Readonly<Record<string, string>>, login: RedisLogin = admin) {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-scripts-' });
  const files = await Promise.all(
    Object.entries(scripts).map(async ([name, text]) => {
      const file = join(folder.path, name);
      await writeFile(file, text);
      return file;
    }),
  );
  const watch = { ...onlyRedisFamilies('scripts'), scripts: files };
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server], { login }), watch)]);
  const samples = await scrapeOne(scraper, 'shop', testSignal());
  const values = (name: string) =>
    Object.fromEntries(
      Object.entries(valuesOf(samples, name)).map(([labels, value]) => [labels.replace(`${folder.path}/`, ''), value]),
    );
  return { samples, values };
}

test('scripts give numbers under names; one that fails, writes or gives nothing is told and costs the others nothing', async () => {
  const { samples, values } = await scrapeScripts({
    'good.lua':
      "return {'visits', redis.call('GET', 'visits'), 'mails', redis.call('LLEN', 'queue:mail'), 'word', 'x'}",
    'broken.lua': 'return nothing.here',
    'writes.lua': "return redis.call('SET', 'visits', '0')",
    'empty.lua': 'return {}',
  });

  expect(values('redis_script_values')).toEqual({ 'visits good.lua': 42, 'mails good.lua': 3 });
  expect(values('redis_script_result')).toEqual({ 'good.lua': 1, 'broken.lua': 0, 'writes.lua': 0, 'empty.lua': 2 });
  expect(await server.call('GET', 'visits')).toBe('42');
  expect(singleValue(samples, 'redis_up')).toBe(1);
});

test('a user without the right to run scripts fails the family, and nothing else', async () => {
  const login = { username: 'watchkeeper_keys', password: literalSecret('change-me') };
  const { samples } = await scrapeScripts({ 'good.lua': "return {'one', 1}" }, login);

  expect(valuesOf(samples, 'watchkeeper_collector_success')).toEqual({ scripts: 0 });
  expect(singleValue(samples, 'redis_up')).toBe(1);
});

test('connections are told one by one, those that take most memory', async () => {
  const signal = testSignal();
  const address = { host: '127.0.0.1', port: server.port };
  await using client = await openRedis({ address, login: admin, tls: undefined, connectTimeoutMs: 1_000, signal });
  await client.ask(
    [
      ['CLIENT', 'SETNAME', 'shop-web'],
      ['SELECT', '3'],
      ['CLIENT', 'ID'],
    ],
    signal,
  );
  const [id] = await client.ask([['CLIENT', 'ID']], signal);
  const beforeSeconds = Math.floor(Date.now() / 1_000) - 5;

  const watch = onlyRedisFamilies('client_connections');
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server], { login: admin }), watch)]);
  const samples = await scrapeOne(scraper, 'shop', signal);

  const info = Object.keys(valuesOf(samples, 'redis_connected_client_info')).find((labels) =>
    labels.includes('shop-web'),
  );
  expect(info).toMatch(new RegExp(`^${id} shop-web N 3 127\\.0\\.0\\.1 \\d+ default`));
  const own = `${id} shop-web`;
  expect(valuesOf(samples, 'redis_connected_client_created_at_timestamp')[own]).toBeGreaterThan(beforeSeconds);
  expect(valuesOf(samples, 'redis_connected_client_idle_since_timestamp')[own]).toBeGreaterThan(beforeSeconds);
  expect(valuesOf(samples, 'redis_connected_client_total_memory_consumed_bytes')[own]).toBeGreaterThan(0);
  expect(singleValue(samples, 'redis_connected_clients_not_shown')).toBe(0);
});

test.each(['key_counts', 'check_keys', 'streams', 'key_groups'])(
  'the family %s gives the page that is written down',
  async (family) => {
    const keys = { counts: ['session:*'], check: ['visits', 'queue:*'], streams: ['orders'], groups: ['queue:*'] };
    const samples = (await scrapeKeys(keys, family)).filter(
      ({ metric }) => !/^watchkeeper_|^redis_up$|^redis_exporter_/.test(metric.name),
    );

    await expect(redisGoldenText(samples)).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `${family}.txt`));
  },
);

test('in a cluster each master counts its own keys, and a key that is named is found on the one that has it', async () => {
  await using cluster = await startTestRedisCluster();
  for (const node of cluster.nodes.slice(0, 3)) {
    for (const key of ['a', 'b', 'c']) await node.call('SET', key, '1').catch(() => undefined);
  }
  const keys = redisWatchSettings.parse({ keys: { counts: ['*'], check: ['a'] } }).keys;
  const access = redisAccess(cluster.nodes.slice(0, 1), { mode: 'cluster' });
  const watch = { ...onlyRedisFamilies('key_counts', 'check_keys'), keys };
  await using scraper = testScraper([watchedRedis('shop', access, watch)]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  const counts = valuesOf(samples, 'redis_keys_count');
  expect(Object.keys(counts).sort()).toEqual(
    cluster.nodes
      .slice(0, 3)
      .map(({ name }) => `${name} db0 *`)
      .sort(),
  );
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(3);
  expect(Object.values(valuesOf(samples, 'redis_key_size'))).toEqual([1]);
  expect(valuesOf(samples, 'watchkeeper_collector_success')).not.toContain(0);
});
