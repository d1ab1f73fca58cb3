import { redisEngineFamilies } from '../src/collectors/redis/index.ts';
import type { Command } from '../src/targets/redis/connection.ts';
import { startTestRedis, type TestRedis } from '../test/support/redis.ts';
import { startTestRedisCluster } from '../test/support/redis-cluster.ts';
import {
  compareOwnCosts,
  inFolder,
  type OwnTarget,
  onlyFamilies,
  scrapeInTurn,
  startOurs,
  startPeer,
  warmUp,
} from './contestants.ts';
import { askingAlone } from './redis-floor.ts';
import type { Row } from './statistics.ts';

const rounds = 300;
const warmUps = 1_000;

/** What prometheus-redis-exporter 1.45 of Debian collects of a single server, as our families are called. */
const peerFamilies: readonly string[] = [
  'instance',
  'clients',
  'memory',
  'persistence',
  'stats',
  'cpu',
  'replication',
  'keyspace',
  'commands',
  'errors',
  'slowlog',
  'latency_percentiles',
  'latency_spikes',
  'config',
];

/**
 * `/metrics` of one server against prometheus-redis-exporter with the same families, in turn in the same run; beside it ours
 * with all its families. Then a cluster of six nodes in one scrape against one of its nodes alone, and what of that is the nodes'
 * own time.
 */
export async function benchRedis(): Promise<Row[]> {
  return [...(await benchServer()), ...(await benchCluster())];
}

async function benchServer(): Promise<Row[]> {
  await using server = await startTestRedis();
  await fill(server);
  return await inFolder(async (folder, stop) => {
    const target = targetOf([server]);
    const watch = { collectors: onlyFamilies(redisEngineFamilies, peerFamilies) };
    const ours = await startOurs(folder, { cache: { ...target, watch } }, 'ours', stop);
    const full = await startOurs(folder, { cache: target }, 'full', stop);
    const peer = await startPeer(target, 'peer', stop);
    await warmUp([ours, full, peer], warmUps);
    const costs = await scrapeInTurn([ours, full, peer], rounds);
    const [own, whole, other] = [ours, full, peer].map((one) => costs.get(one));
    if (own === undefined || whole === undefined || other === undefined) throw new Error('somebody was not measured');
    return [
      ...compareOwnCosts('one Redis', own, other),
      { what: 'one Redis: latency, ours with all default families', value: whole.latencyMs, unit: 'ms' },
      { what: 'one Redis: processor time, ours with all default families', value: whole.processorMs, unit: 'ms' },
    ];
  });
}

async function benchCluster(): Promise<Row[]> {
  await using cluster = await startTestRedisCluster();
  return await inFolder(async (folder, stop) => {
    const [one] = cluster.nodes;
    if (one === undefined) throw new Error('the cluster has no node');
    const alone = await startOurs(folder, { cache: targetOf([one]) }, 'alone', stop);
    const whole = await startOurs(folder, { cache: { ...targetOf([one]), mode: 'cluster' } }, 'whole', stop);
    await warmUp([alone, whole], warmUps);
    const costs = await scrapeInTurn([alone, whole], rounds);
    const [single, all] = [alone, whole].map((each) => costs.get(each));
    if (single === undefined || all === undefined) throw new Error('somebody was not measured');
    const [askedOne, askedAll] = [await askingAlone([one]), await askingAlone(cluster.nodes)];
    return [
      { what: 'one node of a cluster: latency', value: single.latencyMs, unit: 'ms' },
      { what: 'cluster of six nodes: latency', value: all.latencyMs, unit: 'ms' },
      { what: 'one node of a cluster: processor time', value: single.processorMs, unit: 'ms' },
      { what: 'cluster of six nodes: processor time', value: all.processorMs, unit: 'ms' },
      {
        what: 'cluster of six nodes: latency against one of them',
        value: all.latencyMs / single.latencyMs,
        unit: 'x',
        goal: { atMost: 1.5 },
      },
      { what: 'one node of a cluster: until it has answered, read by nobody', value: askedOne, unit: 'ms' },
      { what: 'cluster of six nodes: until all have answered, read by nobody', value: askedAll, unit: 'ms' },
      { what: 'cluster of six nodes: the same against one of them', value: askedAll / askedOne, unit: 'x' },
    ];
  });
}

/** Keys in two databases, and commands and errors of several kinds. */
async function fill(server: TestRedis): Promise<void> {
  await server.call('EVAL', "for i = 1, 10000 do redis.call('SET', 'session:' .. i, i, 'EX', 10000) end", '0');
  await server.call('EVAL', "redis.call('SELECT', 3) redis.call('HSET', 'basket', 'a', '1')", '0');
  const others: readonly Command[] = [
    ['GET', 'a'],
    ['DEL', 'a'],
    ['EXISTS', 'a'],
    ['DBSIZE'],
    ['TTL', 'a'],
    ['INCR', 'b'],
  ];
  for (const command of others) await server.call(...command);
  await server.call('LPUSH', 'b', 'x').catch(() => undefined);
}

function targetOf(servers: readonly TestRedis[]): OwnTarget {
  return { engine: 'redis', url: `redis://${servers.map(({ name }) => name).join(',')}` };
}
