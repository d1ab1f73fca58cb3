import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { redisFamilies } from '../../../src/collectors/redis/index.ts';
import type { Sample } from '../../../src/core/metric.ts';
import { onlyRedisFamilies, redisAccess, startTestRedis, type TestRedis, watchedRedis } from '../../support/redis.ts';
import { redisGoldenText } from '../../support/redis-golden.ts';
import { scrapeOne, testScraper } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

let master: TestRedis;
let replica: TestRedis;

/** A master with a limit, keys, slow commands and errors, and a replica. */
beforeAll(async () => {
  master = await startTestRedis({
    settings: [
      'maxmemory 100mb',
      'maxmemory-policy allkeys-lru',
      'databases 2',
      'slowlog-log-slower-than -1',
      'latency-monitor-threshold 10',
    ],
  });
  replica = await startTestRedis({ settings: [`replicaof 127.0.0.1 ${master.port}`] });
  await master.call('SET', 'colour', 'blue');
  await master.call('SET', 'session', '1', 'EX', '1000');
  await master.call('GET', 'colour');
  await master.call('GET', 'nothing');
  await expect(master.call('LPUSH', 'colour', 'x')).rejects.toThrow('WRONGTYPE');
  // Only this one: on a busy machine any command may take long.
  await master.call('CONFIG', 'SET', 'slowlog-log-slower-than', '15000');
  await master.call(
    'EVAL',
    "local t = redis.call('TIME')[1] * 1000000 + redis.call('TIME')[2] repeat local n = redis.call('TIME')[1] * 1000000 + redis.call('TIME')[2] until n - t > 20000",
    '0',
  );
  await master.call('CONFIG', 'SET', 'slowlog-log-slower-than', '-1');
  await vi.waitFor(
    async () => {
      expect(await replica.call('GET', 'colour')).toBe('blue');
      expect(await master.call('INFO', 'replication')).toMatch(/state=online,offset=[1-9]/);
    },
    { timeout: 20_000, interval: 100 },
  );
});

afterAll(async () => {
  await replica?.[Symbol.asyncDispose]();
  await master?.[Symbol.asyncDispose]();
});

async function scrapeFamily(server: TestRedis, family: string): Promise<readonly Sample[]> {
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server]), onlyRedisFamilies(family))]);
  const samples = await scrapeOne(scraper, 'shop', testSignal());
  return samples.filter(({ metric }) => !/^watchkeeper_|^redis_up$|^redis_exporter_/.test(metric.name));
}

/** Not of such a server, not with these settings, or different on every machine. */
const elsewhere = [
  'sentinel',
  'commandlog',
  'certificates',
  'scripting_engines',
  'sentinel_peers',
  'sentinel_config_values',
  'modules',
  'search_indexes',
  'config_values',
  'client_names',
  'client_connections',
  'key_counts',
  'key_groups',
  'scripts',
  'check_keys',
  'streams',
];
const ofMaster = redisFamilies.map(({ name }) => name).filter((name) => !elsewhere.includes(name));

test.each(ofMaster)('the family %s of a master gives the page that is written down', async (family) => {
  const samples = await scrapeFamily(master, family);

  await expect(redisGoldenText(samples)).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `${family}.txt`));
});

test('the family replication of a replica gives the page that is written down', async () => {
  const samples = await scrapeFamily(replica, 'replication');

  await expect(redisGoldenText(samples)).toMatchFileSnapshot(
    join(import.meta.dirname, 'golden', 'replication-replica.txt'),
  );
});
