import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { literalSecret } from '../../../src/core/secret.ts';
import { onlyRedisFamilies, redisAccess, startTestRedis, type TestRedis, watchedRedis } from '../../support/redis.ts';
import { redisGoldenText } from '../../support/redis-golden.ts';
import { scrapeOne, singleValue, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

const folder = join(import.meta.dirname, '../../../.cache/redis-modules');
const admin = { password: literalSecret('admin') };
let server: TestRedis;

/** Valkey with RediSearch, RedisJSON and RedisBloom, an index with two documents, and one that is empty. */
beforeAll(async () => {
  server = await startTestRedis({
    program: 'valkey',
    settings: [
      ...['redisearch', 'rejson', 'redisbloom'].map((name) => `loadmodule ${join(folder, `${name}.so`)}`),
      'user default on >admin ~* &* +@all',
    ],
    login: admin,
  });
  await server.call('FT.CREATE', 'books', 'ON', 'HASH', 'PREFIX', '1', 'book:', 'SCHEMA', 'title', 'TEXT');
  await server.call('FT.CREATE', 'empty', 'ON', 'HASH', 'PREFIX', '1', 'none:', 'SCHEMA', 'title', 'TEXT');
  await server.call('HSET', 'book:1', 'title', 'the long way home');
  await server.call('HSET', 'book:2', 'title', 'home at last');
  expect(await server.call('FT.SEARCH', 'books', 'home', 'NOCONTENT')).toHaveLength(3);
  // Modules know their commands' rights only once they are loaded.
  const rights = ['+ping', '+info', '+client|setname', '+ft._list', '+ft.info'];
  await server.call('ACL', 'SETUSER', 'watcher', 'on', '>watcher', '~*', '-@all', ...rights);
});
afterAll(() => server?.[Symbol.asyncDispose]());

async function scrape(families: readonly string[], servers: readonly TestRedis[] = [server]) {
  const login = { username: 'watcher', password: literalSecret('watcher') };
  const access = redisAccess(servers, servers.includes(server) ? { login } : {});
  await using scraper = testScraper([watchedRedis('shop', access, onlyRedisFamilies(...families))]);
  const samples = await scrapeOne(scraper, 'shop', testSignal());
  expect(valuesOf(samples, 'watchkeeper_collector_success')).not.toContain(0);
  return samples;
}

test('modules tell what they are and what their indexes take', async () => {
  const samples = await scrape(['modules']);

  const loaded = Object.keys(valuesOf(samples, 'redis_module_info')).map((labels) => labels.split(' ')[0]);
  expect(loaded).toEqual(expect.arrayContaining(['search', 'ReJSON', 'bf']));
  expect(singleValue(samples, 'redis_search_number_of_indexes')).toBe(2);
  expect(singleValue(samples, 'redis_search_used_memory_indexes_bytes')).toBeGreaterThan(0);
});

test('search indexes tell their documents and sizes in bytes, and no mean of nothing', async () => {
  const samples = await scrape(['search_indexes']);

  expect(valuesOf(samples, 'redis_search_index_num_docs')).toEqual({ books: 2, empty: 0 });
  expect(valuesOf(samples, 'redis_search_index_number_of_uses_total')['books']).toBeGreaterThan(0);
  expect(valuesOf(samples, 'redis_search_index_percent_indexed')).toEqual({ books: 1, empty: 1 });
  const { books = 0 } = valuesOf(samples, 'redis_search_index_total_index_memory_size_bytes');
  expect(books).toBeGreaterThan(100);
  expect(books).toBeLessThan(1_000_000);
  expect(Object.keys(valuesOf(samples, 'redis_search_index_avg_per_doc_records'))).toEqual(['books']);
  expect(singleValue(samples, 'redis_search_indexes_not_shown')).toBe(0);
});

test('a server without such a module has nothing to tell', async () => {
  await using plain = await startTestRedis();

  const samples = await scrape(['search_indexes', 'modules'], [plain]);

  expect(valuesOf(samples, 'watchkeeper_collector_applicable')).toEqual({ search_indexes: 0, modules: 1 });
  expect(valuesOf(samples, 'redis_search_number_of_indexes')).toEqual({});
});

test('the family search_indexes gives the page that is written down', async () => {
  const samples = (await scrape(['search_indexes'])).filter(({ metric }) => metric.name.startsWith('redis_search_'));

  await expect(redisGoldenText(samples)).toMatchFileSnapshot(join(import.meta.dirname, 'golden', 'search_indexes.txt'));
});
