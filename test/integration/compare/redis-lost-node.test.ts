import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { Findings } from '../../../src/jobs/compare/findings.ts';
import { pairKeySpaces } from '../../../src/jobs/compare/pairs/redis-redis.ts';
import { compareRecords } from '../../../src/jobs/compare/records/compare-records.ts';
import { KeySpace } from '../../../src/jobs/compare/redis/key-space.ts';
import { slotOf } from '../../../src/targets/redis/slots.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { reportOf } from '../../support/comparison.ts';
import { redisAccess, startTestRedis, type TestRedis } from '../../support/redis.ts';
import { startTestRedisCluster, type TestRedisCluster } from '../../support/redis-cluster.ts';
import { testContext } from '../../support/test-context.ts';

const names = Array.from({ length: 60 }, (_, n) => `item:${n}`);

let redis: TestRedis;
let cluster: TestRedisCluster;
let masters: readonly TestRedis[];
let folder: WorkDirectory;
let config: readonly string[];

beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-lost-node-' });
  // Nobody takes the place of a node that hangs, and the others answer without it.
  const settings = ['cluster-node-timeout 600000', 'cluster-require-full-coverage no'];
  [redis, cluster] = await Promise.all([startTestRedis(), startTestRedisCluster(3, settings)]);
  masters = cluster.nodes.slice(0, 3);
  config = await writeConfig(
    folder.path,
    `
targets:
  single: { engine: redis, url: 'redis://127.0.0.1:${redis.port}' }
  cluster: { engine: redis, url: 'redis://127.0.0.1:${cluster.nodes[4]?.port}', mode: cluster }
`,
  );
}, 120_000);
afterAll(async () => {
  for (const one of [redis, cluster, folder]) await one?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  for (const server of [redis, ...masters]) await server.call('FLUSHALL');
  for (const name of names) {
    for (const server of [redis, ownerOf(name)]) await server.call('SET', name, `of ${name}`);
  }
}, 30_000);

function ownerOf(name: string): TestRedis {
  const owner = masters[Math.floor((slotOf(Buffer.from(name)) * 3) / 16_384)];
  if (owner === undefined) throw new Error('every slot has an owner');
  return owner;
}

const namesOf = (node: TestRedis | undefined) => names.filter((name) => ownerOf(name) === node);

function freeze(node: TestRedis | undefined): TestRedis {
  if (node === undefined) throw new Error('there are three masters');
  node.freeze();
  onTestFinished(() => node.thaw());
  return node;
}

/** Compares all keys of the single server with the cluster, after `meanwhile` happened to a cluster that is connected. */
async function compareAfter(meanwhile: () => Promise<void> | void): Promise<Findings> {
  const context = testContext();
  const seeds = cluster.nodes.slice(3);
  const open = (target: string, servers: readonly TestRedis[], mode: 'standalone' | 'cluster') =>
    KeySpace.open({ target, access: redisAccess(servers, { mode }), timeoutMs: 3_000 }, context);
  await using source = await open('single', [redis], 'standalone');
  await using other = await open('cluster', seeds, 'cluster');
  const found = await pairKeySpaces([source, other], { databases: undefined, toleranceMs: 0 }, context);
  await meanwhile();
  const findings = new Findings(undefined);
  await compareRecords(found, { samples: 100, keys: 100 }, findings, context);
  return findings;
}

test('of a cluster with a node that hangs the other nodes are compared, and the node is named', async () => {
  const hung = masters[1];
  const lost = namesOf(hung).length;
  const [changed = '', missing = ''] = namesOf(masters[2]);
  await ownerOf(changed).call('SET', changed, 'changed');

  const same = await compareAfter(async () => {
    await ownerOf(changed).call('SET', changed, `of ${changed}`);
    freeze(hung);
  });
  hung?.thaw();
  await ownerOf(missing).call('DEL', missing);
  await ownerOf(changed).call('SET', changed, 'changed');
  const different = await compareAfter(() => void freeze(hung));

  const again = `cluster db0: ${hung?.name}: it did not answer in time before, and was not asked again`;
  expect(same.result).toBe('incomplete');
  expect(same.counts).toEqual([{ name: 'db0', source: 60, other: 60 - lost, estimated: [], partial: ['other'] }]);
  expect(same.samples).toEqual([{ name: 'db0', fromSource: 60 - lost, fromOther: 60 - lost }]);
  expect(same.notCompared).toEqual([
    {
      what: 'rows of db0',
      why: `60 and at least ${60 - lost}: not all keys of cluster db0 were counted: ${hung?.name}: counting keys took longer than 3000 ms; --timeout allows it more time`,
    },
    { what: `${lost} sampled of db0`, why: again },
    { what: 'samples of db0 taken from the other side', why: again },
  ]);
  expect(different.result).toBe('different');
  expect(different.keys).toMatchObject([{ onlyInSource: [[missing]], changed: [[changed]] }]);
}, 60_000);

test('a node that dies takes nothing but its own keys out of the comparison', async () => {
  await using own = await startTestRedisCluster(3, ['cluster-node-timeout 600000', 'cluster-require-full-coverage no']);
  const context = testContext();
  const [dying] = own.nodes;
  const access = redisAccess(own.nodes.slice(3), { mode: 'cluster' });
  await using source = await KeySpace.open(
    { target: 'single', access: redisAccess([redis]), timeoutMs: 3_000 },
    context,
  );
  await using other = await KeySpace.open({ target: 'dying', access, timeoutMs: 3_000 }, context);
  const found = await pairKeySpaces([source, other], { databases: undefined, toleranceMs: 0 }, context);
  await dying?.kill();
  const findings = new Findings(undefined);

  await compareRecords(found, { samples: 100, keys: 100 }, findings, context);

  const lost = namesOf(masters[0]).length;
  expect(findings.samples).toEqual([{ name: 'db0', fromSource: 60 - lost, fromOther: 0 }]);
  expect(findings.keys[0]?.onlyInSource).toHaveLength(60 - lost);
  expect(findings.notCompared.map(({ why }) => why)).toContainEqual(
    expect.stringContaining(`${dying?.name}: the connection was lost`),
  );
}, 60_000);

test('a node that cannot be reached at all is told with what the others hold', async () => {
  const hung = freeze(masters[0]);
  const lost = namesOf(hung).length;
  const args = ['single', 'cluster', '--samples', '100', '--timeout', '6s'];

  const { code, comparison } = await reportOf(runCommand([...config, 'compare', ...args, '--json']));
  const shown = await runCommand([...config, 'compare', ...args]);
  await redis.call('DEL', ...names.slice(0, 50));
  const fewer = await reportOf(runCommand([...config, 'compare', ...args, '--json']));

  expect(code).toBe(2);
  expect(comparison.result).toBe('incomplete');
  expect(comparison.samples).toEqual([{ name: 'db0', fromSource: 60 - lost, fromOther: 60 - lost }]);
  expect(comparison.notCompared.map(({ what }) => what)).toEqual([
    'rows of db0',
    `${lost} sampled of db0`,
    'samples of db0 taken from the other side',
  ]);
  for (const { why } of comparison.notCompared) expect(why).toContain(`${hung.name}: it cannot be asked: `);
  expect(shown.out).toMatch(new RegExp(`^db0 +60 +at least ${60 - lost} `, 'm'));
  expect(shown.out).toContain('NOT FULLY COMPARED');
  expect(fewer.code).toBe(1);
  expect(fewer.comparison.differences).toContainEqual({
    name: 'rows db0',
    source: '10',
    other: `at least ${60 - lost}`,
  });
}, 120_000);
