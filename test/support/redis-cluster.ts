import { freePort } from './free-port.ts';
import { startTestRedis, type TestRedis } from './redis.ts';
import { untilSucceeds } from './until.ts';

/** Masters first, then a replica of each in the same order. */
export interface TestRedisCluster extends AsyncDisposable {
  readonly nodes: readonly TestRedis[];
  /** Joins a node without slots. */
  join(): Promise<TestRedis>;
}

const slots = 16_384;

/** A cluster of `masters` masters with a replica each. `settings`: lines of redis.conf that come after the usual ones. */
export async function startTestRedisCluster(masters = 3, settings: readonly string[] = []): Promise<TestRedisCluster> {
  const nodes: TestRedis[] = [];
  const cluster: TestRedisCluster = {
    nodes,
    async join() {
      const node = await startNode(settings);
      nodes.push(node);
      await meet(node, nodes[0] ?? node);
      return node;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    },
  };
  try {
    nodes.push(...(await Promise.all(Array.from({ length: 2 * masters }, () => startNode(settings)))));
    await formCluster(nodes, masters);
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

async function startNode(settings: readonly string[]): Promise<TestRedis> {
  return startTestRedis({
    settings: [
      'cluster-enabled yes',
      'cluster-config-file nodes.conf',
      'cluster-node-timeout 1500',
      // The usual one is the port plus 10000, which may be none.
      `cluster-port ${await freePort()}`,
      ...settings,
    ],
  });
}

async function meet(node: TestRedis, known: TestRedis): Promise<void> {
  const [, busPort = ''] = /@(\d+)/.exec(String(await known.call('CLUSTER', 'NODES'))) ?? [];
  await node.call('CLUSTER', 'MEET', '127.0.0.1', String(known.port), await busPortOf(known, busPort));
}

async function busPortOf(node: TestRedis, otherwise: string): Promise<string> {
  const lines = String(await node.call('CLUSTER', 'NODES')).split('\n');
  const own = lines.find((line) => line.includes('myself')) ?? '';
  return /@(\d+)/.exec(own)?.[1] ?? otherwise;
}

async function formCluster(nodes: readonly TestRedis[], masters: number): Promise<void> {
  const [first] = nodes;
  if (first === undefined) throw new Error('a cluster needs nodes');
  for (const [index, node] of nodes.slice(0, masters).entries()) {
    const [from, to] = [index, index + 1].map((part) => Math.floor((part * slots) / masters));
    await node.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String((to ?? slots) - 1));
    await node.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
  }
  for (const node of nodes.slice(1)) await meet(node, first);
  for (const [index, replica] of nodes.slice(masters).entries()) {
    const master = String(await nodes[index]?.call('CLUSTER', 'MYID'));
    await untilSucceeds(() => replica.call('CLUSTER', 'REPLICATE', master), { timeoutMs: 10_000, intervalMs: 50 });
  }
  await untilSucceeds(() => everyoneKnowsEveryone(nodes, masters), { timeoutMs: 20_000, intervalMs: 100 });
}

async function everyoneKnowsEveryone(nodes: readonly TestRedis[], masters: number): Promise<void> {
  for (const node of nodes) {
    const told = String(await node.call('CLUSTER', 'NODES'));
    const [lines, replicas] = [told.trim().split('\n').length, told.match(/slave/g)?.length];
    const info = String(await node.call('CLUSTER', 'INFO'));
    if (lines !== nodes.length || replicas !== masters || !info.includes('cluster_state:ok')) {
      throw new Error(`the cluster is not whole yet: ${told}`);
    }
  }
}
