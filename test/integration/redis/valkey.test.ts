import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { literalSecret } from '../../../src/core/secret.ts';
import { redisAccess, startTestRedis, type TestRedis, watchedRedis } from '../../support/redis.ts';
import { scrapeOne, singleValue, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

const admin = { password: literalSecret('admin') };
let server: TestRedis;

beforeAll(async () => {
  const acl = await readFile(join(import.meta.dirname, '../../../deploy/redis/acl.txt'), 'utf8');
  const [forValkey = ''] = /^user watchkeeper_monitor .*commandlog.*$/m.exec(acl.replaceAll('# user', 'user')) ?? [];
  server = await startTestRedis({
    program: 'valkey',
    settings: ['user default on >admin ~* &* +@all', forValkey, 'commandlog-reply-larger-than 100000'],
    login: admin,
  });
  await server.call('SET', 'large', 'x'.repeat(200_000));
  await server.call('GET', 'large');
});
afterAll(() => server?.[Symbol.asyncDispose]());

test('Valkey is known by its own name and version, and every family works with the documented user', async () => {
  const login = { username: 'watchkeeper_monitor', password: literalSecret('change-me') };
  await using scraper = testScraper([watchedRedis('shop', redisAccess([server], { login }))]);

  await scrapeOne(scraper, 'shop', testSignal());
  const samples = await scrapeOne(scraper, 'shop', testSignal());

  const [version] = Object.keys(valuesOf(samples, 'redis_version_info'));
  expect(version).toMatch(/^Valkey ([89]|\d\d)\.\d+\.\d+$/);
  expect(valuesOf(samples, 'watchkeeper_collector_success')).not.toContain(0);
  expect(valuesOf(samples, 'watchkeeper_collector_applicable')).toMatchObject({ commandlog: 1, latency_histogram: 1 });
  expect(singleValue(samples, 'redis_commandlog_large_reply_length')).toBe(1);
  expect(singleValue(samples, 'redis_commandlog_reply_larger_than')).toBe(100_000);
  expect(singleValue(samples, 'redis_total_error_replies')).toBe(0);
  expect(Object.keys(valuesOf(samples, 'redis_instance_info'))[0]).toContain('standalone');
});
