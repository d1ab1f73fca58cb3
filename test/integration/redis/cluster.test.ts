import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import type { Sample } from '../../../src/core/metric.ts';
import { promtoolComplaints } from '../../support/promtool.ts';
import { redisAccess, type TestRedis, watchedRedis } from '../../support/redis.ts';
import { startTestRedisCluster, type TestRedisCluster } from '../../support/redis-cluster.ts';
import { redisGoldenText } from '../../support/redis-golden.ts';
import { scrapeOne, singleValue, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';

let cluster: TestRedisCluster;

beforeAll(async () => {
  cluster = await startTestRedisCluster();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

function clusterScraper(seeds: readonly TestRedis[]) {
  const access = redisAccess(seeds, { mode: 'cluster' });
  return testScraper([watchedRedis('shop', access, { loginInterval: 0 })]);
}

/** `redis_node_up` by address. */
function upOf(samples: readonly Sample[]): Record<string, number> {
  return valuesOf(samples, 'redis_node_up');
}

const namesOf = (nodes: readonly TestRedis[]) => nodes.map(({ name }) => name).sort();

test('one seed is enough for every node, with its role and its own figures', async () => {
  const [seed] = cluster.nodes;
  await using scraper = clusterScraper(seed === undefined ? [] : [seed]);

  const samples = await scrapeOne(scraper, 'shop', testSignal());

  expect(singleValue(samples, 'redis_up')).toBe(1);
  expect(Object.keys(upOf(samples)).sort()).toEqual(namesOf(cluster.nodes));
  expect(Object.values(upOf(samples))).toEqual([1, 1, 1, 1, 1, 1]);
  const roles = Object.keys(valuesOf(samples, 'redis_node_info')).map((labels) => labels.split(' ')[1]);
  expect(roles.sort()).toEqual(['master', 'master', 'master', 'replica', 'replica', 'replica']);
  expect(Object.values(valuesOf(samples, 'redis_cluster_state'))).toEqual([1, 1, 1, 1, 1, 1]);
  expect(Object.values(valuesOf(samples, 'redis_cluster_slots_assigned'))).toEqual(Array(6).fill(16_384));
  expect(Object.keys(valuesOf(samples, 'redis_db_keys')).sort()).toEqual(
    namesOf(cluster.nodes).map((name) => `${name} db0`),
  );
  expect(Object.values(valuesOf(samples, 'redis_node_failed_families'))).toEqual([0, 0, 0, 0, 0, 0]);
  expect(valuesOf(samples, 'watchkeeper_collector_success')).not.toContain(0);
});

test('the family cluster gives the page that is written down, and promtool reads the whole page', async () => {
  const [seed] = cluster.nodes;
  await using scraper = clusterScraper(seed === undefined ? [] : [seed]);
  const samples = await scrapeOne(scraper, 'shop', testSignal());

  const names = new Map(cluster.nodes.map(({ name }) => [name, 'NODE']));
  const ofCluster = samples.filter(({ metric }) => metric.name.startsWith('redis_cluster_'));
  await expect(redisGoldenText(ofCluster, names)).toMatchFileSnapshot(
    join(import.meta.dirname, 'golden', 'cluster-nodes.txt'),
  );
  const complaints = await promtoolComplaints(writeExposition([{ target: 'shop', samples }], 'text'));
  expect(complaints.filter((line) => !keptNames.test(line))).toEqual([]);
});

/** Names of redis_exporter that promtool dislikes and dashboards know. */
const keptNames =
  /^redis_\S+(_sec|_ms|_usec|_ms_total|_usec_total|_per_sec) .*abbreviated|^redis_\S+ counter metrics should have "_total"|^redis_(memory_used_vm|migrate_cached_sockets)_total non-counter|^redis_commands_latencies_usec/;

test('each node holds one connection of ours, whatever its seed was called, and no scrape makes it answer an error', async () => {
  const [seed, second] = cluster.nodes;
  await using scraper = testScraper([
    watchedRedis(
      'shop',
      redisAccess([], { mode: 'cluster', addresses: [{ host: 'localhost', port: seed?.port ?? 0 }] }),
    ),
  ]);
  const errorsBefore = await second?.call('INFO', 'errorstats');
  for (let scrape = 0; scrape < 3; scrape++) await scrapeOne(scraper, 'shop', testSignal());

  await vi.waitFor(async () => {
    const ours = await Promise.all(
      cluster.nodes.map(
        async (node) => String(await node.call('CLIENT', 'LIST')).match(/name=watchkeeper .*cmd=(?!client)/g)?.length,
      ),
    );
    expect(ours).toEqual([1, 1, 1, 1, 1, 1]);
  });
  expect(await second?.call('INFO', 'errorstats')).toBe(errorsBefore);
});

test('a node that joins is watched in the next scrape, one that hangs or is gone is shown as failed without delay', async () => {
  const [seed] = cluster.nodes;
  await using scraper = clusterScraper(seed === undefined ? [] : [seed]);
  await scrapeOne(scraper, 'shop', testSignal());

  const joined = await cluster.join();
  await vi.waitFor(
    async () => expect(upOf(await scrapeOne(scraper, 'shop', testSignal()))).toMatchObject({ [joined.name]: 1 }),
    { timeout: 10_000, interval: 200 },
  );

  joined.freeze();
  const samples = await scrapeOne(scraper, 'shop', testSignal());
  expect(upOf(samples)).toMatchObject({ [joined.name]: 0 });
  expect(Object.values(upOf(samples)).filter((up) => up === 1)).toHaveLength(6);
  expect(Object.keys(valuesOf(samples, 'redis_uptime_in_seconds'))).toHaveLength(6);
  const startedMs = performance.now();
  expect(upOf(await scrapeOne(scraper, 'shop', testSignal()))).toMatchObject({ [joined.name]: 0 });
  expect(performance.now() - startedMs).toBeLessThan(1_000);

  await joined.kill();
  await vi.waitFor(
    async () => {
      const told = valuesOf(await scrapeOne(scraper, 'shop', testSignal()), 'redis_cluster_known_nodes');
      expect(Object.keys(told)).toHaveLength(6);
      expect(String(await seed?.call('CLUSTER', 'NODES'))).toMatch(/master,fail /);
    },
    { timeout: 15_000, interval: 200 },
  );
  expect(upOf(await scrapeOne(scraper, 'shop', testSignal()))).toMatchObject({ [joined.name]: 0 });
});

test('a node that was put out of the cluster is not believed: the others stay watched', async () => {
  const outcast = await cluster.join();
  await using scraper = clusterScraper([outcast]);
  const allUp = Object.fromEntries(cluster.nodes.slice(0, 6).map(({ name }) => [name, 1]));
  const isUp = async () => expect(upOf(await scrapeOne(scraper, 'shop', testSignal()))).toMatchObject(allUp);
  // It hears of one after the other, among them of some that are gone.
  await vi.waitFor(isUp, { timeout: 10_000, interval: 200 });

  await outcast.call('CLUSTER', 'RESET', 'HARD');

  for (let scrape = 0; scrape < 3; scrape++) await isUp();
  await outcast.kill();
});

test('when the seed is gone another node tells about the cluster, and its replica is seen as the new master', async () => {
  const [seed, , , replica] = cluster.nodes;
  await using scraper = clusterScraper(seed === undefined ? [] : [seed]);
  await scrapeOne(scraper, 'shop', testSignal());

  await seed?.kill();

  await vi.waitFor(
    async () => {
      const samples = await scrapeOne(scraper, 'shop', testSignal());
      expect(singleValue(samples, 'redis_up')).toBe(1);
      expect(upOf(samples)).toMatchObject({ [seed?.name ?? '']: 0, [replica?.name ?? '']: 1 });
      const roles = Object.keys(valuesOf(samples, 'redis_node_info')).map((labels) => labels.split(' ').slice(0, 2));
      expect(roles).toContainEqual([replica?.name, 'master']);
    },
    { timeout: 20_000, interval: 300 },
  );
});
