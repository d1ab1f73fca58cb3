import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { literalSecret } from '../../../src/core/secret.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { Findings } from '../../../src/jobs/compare/findings.ts';
import { pairKeySpaces } from '../../../src/jobs/compare/pairs/redis-redis.ts';
import { compareRecords } from '../../../src/jobs/compare/records/compare-records.ts';
import { KeySpace } from '../../../src/jobs/compare/redis/key-space.ts';
import { slotOf } from '../../../src/targets/redis/slots.ts';
import { runCommand, startCommand, writeConfig } from '../../support/command-line.ts';
import { reportOf } from '../../support/comparison.ts';
import { redisAccess, startTestRedis, type TestRedis } from '../../support/redis.ts';
import { startTestRedisCluster, type TestRedisCluster } from '../../support/redis-cluster.ts';
import { testContext } from '../../support/test-context.ts';

/** Every type, in the small and the large encodings; bytes that are no text; what expires. */
const fill = `
  for n = 1, 30 do
    redis.call('SET', 'text:' .. n, 'value ' .. n)
    redis.call('SET', 'session:' .. n, n, 'EX', 3600)
  end
  redis.call('SET', 'bytes\\255\\0', 'v\\254\\0')
  for n = 1, 300 do
    redis.call('RPUSH', 'list', n) redis.call('SADD', 'set', 'm' .. n) redis.call('SADD', 'numbers', n)
    redis.call('ZADD', 'scores', n / 10, 'm' .. n) redis.call('HSET', 'hash', 'f' .. n, n)
    redis.call('XADD', 'stream', n .. '-1', 'n', n, 'm', 'x')
  end
  redis.call('ZADD', 'limits', 'inf', 'a', '-inf', 'b', 0.1, 'c')
  redis.call('SELECT', 3)
  redis.call('SET', 'third', 'x')`;
const keysOfFirst = 30 + 30 + 1 + 6 + 1;

let redis: TestRedis;
let valkey: TestRedis;
let cluster: TestRedisCluster;
let guarded: TestRedis;
let folder: WorkDirectory;
let config: readonly string[];

beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-redis-' });
  const acl = await readFile(join(import.meta.dirname, '../../../deploy/redis/acl.txt'), 'utf8');
  const users = acl.split('\n').filter((line) => line.startsWith('user '));
  [redis, valkey, cluster, guarded] = await Promise.all([
    startTestRedis(),
    startTestRedis({ program: 'valkey' }),
    startTestRedisCluster(),
    startTestRedis({
      settings: ['user default on >admin ~* &* +@all', ...users],
      login: { password: literalSecret('admin') },
    }),
  ]);
  const seed = cluster.nodes[4]?.port;
  config = await writeConfig(
    folder.path,
    `
targets:
  cache: { engine: redis, url: 'redis://127.0.0.1:${redis.port}' }
  alias: { engine: redis, url: 'redis://localhost:${redis.port}' }
  moved: { engine: redis, url: 'redis://127.0.0.1:${valkey.port}' }
  cluster-alias: { engine: redis, url: 'redis://127.0.0.1:${cluster.nodes[0]?.port}', mode: cluster }
  cluster: { engine: redis, url: 'redis://127.0.0.1:${seed}', mode: cluster }
  node: { engine: redis, url: 'redis://127.0.0.1:${seed}' }
  guarded: { engine: redis, url: 'redis://watchkeeper_compare:change-me@127.0.0.1:${guarded.port}' }
  monitor: { engine: redis, url: 'redis://watchkeeper_monitor:change-me@127.0.0.1:${guarded.port}' }
  away: { engine: redis, url: 'redis://127.0.0.1:1' }
`,
  );
}, 120_000);
afterAll(async () => {
  for (const one of [redis, valkey, cluster, guarded, folder]) await one?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  for (const server of [redis, valkey, guarded]) {
    await server.call('FLUSHALL');
    await server.call('EVAL', fill, '0');
  }
}, 30_000);

const compare = (...args: string[]) => runCommand([...config, 'compare', ...args]);

const report = (...args: string[]) => reportOf(compare(...args, '--json'));

test('the same keys on Redis and Valkey are the same, database by database, and nothing is written', async () => {
  const before = await Promise.all([redis, valkey].map(changes));

  const { code, comparison } = await report('cache', 'moved', '--samples', '100');
  const shown = await compare('cache', 'moved');

  expect(comparison.differences).toEqual([]);
  expect(comparison.notCompared).toEqual([]);
  expect(comparison).toMatchObject({
    level: 'samples',
    source: { target: 'cache', engine: 'redis', database: '', version: expect.stringMatching(/^redis \d/i) },
    other: { target: 'moved', engine: 'redis', version: expect.stringMatching(/^valkey \d/i) },
    counts: [
      { name: 'db0', source: keysOfFirst, other: keysOfFirst },
      { name: 'db3', source: 1, other: 1 },
    ],
    samples: [
      { name: 'db0', fromSource: keysOfFirst, fromOther: keysOfFirst },
      { name: 'db3', fromSource: 1, fromOther: 1 },
    ],
  });
  expect(code).toBe(0);
  expect(shown.out).toMatch(new RegExp(`^db0 +${keysOfFirst} +${keysOfFirst} +10 and 10$`, 'm'));
  expect(await Promise.all([redis, valkey].map(changes))).toEqual(before);
});

/** Writes since the start. */
async function changes(server: TestRedis): Promise<string> {
  return /rdb_changes_since_last_save:(\d+)/.exec(String(await server.call('INFO', 'persistence')))?.[1] ?? '';
}

test('keys that are lost, new, of another type, with another value or another life are named', async () => {
  await valkey.call('DEL', 'text:1');
  await valkey.call('SET', 'new', 'x');
  await valkey.call('PERSIST', 'session:1');
  await valkey.call('EXPIRE', 'session:2', '1800');
  await valkey.call('EXPIRE', 'session:3', '3595');
  await valkey.call('EVAL', "redis.call('SET', 'bytes\\255\\0', 'v\\253\\0')", '0');
  await valkey.call('ZADD', 'scores', '10.5', 'm3');
  await valkey.call('HSET', 'hash', 'f7', 'other');
  await valkey.call('LSET', 'list', '0', '2');
  await valkey.call('DEL', 'set');
  await valkey.call('SET', 'set', 'text');

  const { code, comparison } = await report('cache', 'moved', '--samples', '100', '--keys', '100');
  const tolerant = await report('cache', 'moved', '--samples', '100', '--keys', '100', '--ttl-tolerance', '1h');

  expect(code).toBe(1);
  const [keys] = comparison.keys;
  expect(keys).toMatchObject({ table: 'db0', columns: ['key'], onlyInSource: [['text:1']], onlyInOther: [['new']] });
  const changed = Object.fromEntries((keys?.changed ?? []).map(([key], at) => [key, keys?.changedColumns?.[at]]));
  expect(changed).toEqual({
    'session:1': ['time to live'],
    'session:2': ['time to live'],
    'binary:6279746573ff00': ['value'],
    scores: ['value'],
    hash: ['value'],
    list: ['value'],
    set: ['type', 'length', 'value'],
  });
  expect(comparison.differences).toEqual([
    {
      name: 'samples db0',
      source: `${keysOfFirst - 1} of ${keysOfFirst} found, 7 different`,
      other: `${keysOfFirst - 1} of ${keysOfFirst} found, 7 different`,
    },
  ]);
  expect(tolerant.comparison.keys[0]?.changed).toContainEqual(['session:1']);
  expect(tolerant.comparison.keys[0]?.changed).not.toContainEqual(['session:2']);
});

test('one database is compared with one of another number, also of the same server', async () => {
  await redis.call('EVAL', "redis.call('SELECT', 5) redis.call('SET', 'third', 'x')", '0');

  const same = await report('cache/3', 'cache/5');
  const other = await report('cache/3', 'moved/0');

  expect(same).toMatchObject({ code: 0, comparison: { source: { database: 'db3' }, other: { database: 'db5' } } });
  expect(same.comparison.counts).toEqual([{ name: 'db3 = db5', source: 1, other: 1, estimated: [] }]);
  expect(other.code).toBe(1);
  expect(other.comparison.differences).toContainEqual({
    name: 'rows db3 = db0',
    source: '1',
    other: String(keysOfFirst),
  });
});

test('what is too large is not read but for its length, and that is told', async () => {
  const large = "redis.call('SET', 'large', string.rep('x', 2 * 1024 * 1024))";
  for (const server of [redis, valkey]) await server.call('EVAL', large, '0');

  const same = await report('cache', 'moved', '--samples', '100');
  await valkey.call('APPEND', 'large', 'y');
  const longer = await report('cache', 'moved', '--samples', '100');

  expect(same.code).toBe(2);
  expect(same.comparison).toMatchObject({ result: 'incomplete', differences: [] });
  expect(same.comparison.notCompared).toEqual([
    {
      what: expect.stringMatching(/^\d sampled of db0$/),
      why: 'its value takes more than 1 MiB: only type, time to live and length were compared',
    },
  ]);
  expect(longer.code).toBe(1);
  expect(longer.comparison.keys).toMatchObject([{ changed: [['large']], changedColumns: [['length']] }]);
});

test('a small head does not hide a huge element', async () => {
  const large = `for n = 1, 200 do redis.call('RPUSH', 'uneven', n) end
    redis.call('RPUSH', 'uneven', string.rep('x', 3 * 1024 * 1024))
    for n = 1, 10001 do redis.call('SADD', 'many', n) end`;
  for (const server of [redis, valkey]) await server.call('EVAL', large, '0');

  const { code, comparison } = await report('cache', 'moved', '--samples', '100');

  expect(code).toBe(2);
  expect(comparison.notCompared.map(({ why }) => why).sort()).toEqual([
    'its value has more than 10,000 elements: only type, time to live and length were compared',
    'its value takes more than 1 MiB: only type, time to live and length were compared',
  ]);
});

test('a cluster is compared as one key space, from any of its nodes', async () => {
  const masters = cluster.nodes.slice(0, 3);
  onTestFinished(async () => {
    for (const node of masters) await node.call('FLUSHALL');
  });
  await redis.call('FLUSHALL');
  const names = Array.from({ length: 60 }, (_, n) => (n % 3 === 0 ? `cart:{user${n}}:items` : `item:${n}`));
  for (const name of names) {
    const owner = masters[Math.floor((slotOf(Buffer.from(name)) * 3) / 16_384)];
    await owner?.call('SET', name, `of ${name}`);
    await redis.call('SET', name, `of ${name}`);
  }
  expect(await redis.call('DBSIZE')).toBe(60);

  const same = await report('cache', 'cluster', '--samples', '60');
  await redis.call('SET', 'item:1', 'changed');
  await redis.call('DEL', 'item:2');
  const different = await report('cluster', 'cache', '--samples', '60');

  expect(same.comparison.differences).toEqual([]);
  expect(same).toMatchObject({
    code: 0,
    comparison: { counts: [{ source: 60, other: 60 }], samples: [{ fromSource: 60, fromOther: 60 }] },
  });
  expect(different.comparison.keys).toMatchObject([{ onlyInSource: [['item:2']], changed: [['item:1']] }]);
}, 120_000);

test('what Sentinels watch is compared by its master, and several masters are refused', async () => {
  const settings = [`sentinel monitor one 127.0.0.1 ${redis.port} 1`];
  await using one = await startTestRedis({ program: 'sentinel', settings });
  await using two = await startTestRedis({
    program: 'sentinel',
    settings: [...settings, `sentinel monitor two 127.0.0.1 ${valkey.port} 1`],
  });
  const own = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-sentinel-' });
  await using _own = own;
  const watched = await writeConfig(
    own.path,
    `
targets:
  moved: { engine: redis, url: 'redis://127.0.0.1:${valkey.port}' }
  one: { engine: redis, url: 'redis://127.0.0.1:${one.port}', mode: sentinel }
  two: { engine: redis, url: 'redis://127.0.0.1:${two.port}', mode: sentinel }
`,
  );

  const same = await runCommand([...watched, 'compare', 'one', 'moved', '--json']);
  const several = await runCommand([...watched, 'compare', 'two', 'moved']);

  expect(same.code).toBe(0);
  expect(JSON.parse(same.out)).toMatchObject({ counts: [{ source: keysOfFirst, other: keysOfFirst }, { source: 1 }] });
  expect(several).toMatchObject({
    code: 2,
    err: expect.stringMatching(/watch several masters \((one, two|two, one)\)/),
  });
});

test('of very many keys only some are looked at to choose from, which is said', async () => {
  const many = "for n = 1, 210000 do redis.call('SET', 'k' .. n, '') end";
  for (const database of [7, 8]) await redis.call('EVAL', `redis.call('SELECT', ${database}) ${many}`, '0');

  const { code, comparison } = await report('cache/7', 'cache/8');

  expect(code).toBe(0);
  expect(comparison.samples).toEqual([{ name: 'db7 = db8', fromSource: 10, fromOther: 10 }]);
  expect(comparison.notes).toContainEqual(
    expect.stringMatching(/^samples of cache db7 are from the first 20\d{4} of 210000 keys that SCAN gives/),
  );
}, 60_000);

test('the slot of a key is the one that the server tells', async () => {
  for (const key of ['a', 'cart:{user7}:items', '{}whole', 'x{a}{b}', 'é{', '{}{a}', '']) {
    expect(slotOf(Buffer.from(key))).toBe(await cluster.nodes[0]?.call('CLUSTER', 'KEYSLOT', key));
  }
});

test('the documented user is enough and is denied nothing; another is told which one is', async () => {
  const allowed = await report('cache', 'guarded', '--samples', '100');
  const denied = await report('cache', 'monitor');

  expect(allowed.comparison.differences).toEqual([]);
  expect(allowed.code).toBe(0);
  expect(denied.code).toBe(2);
  expect(denied.comparison.notCompared).toContainEqual({
    what: 'samples of db0',
    why: expect.stringMatching(
      /^monitor db0: NOPERM .*; the user watchkeeper_compare of deploy\/redis\/acl\.txt has the rights$/,
    ),
  });
  const log = JSON.stringify(await guarded.call('ACL', 'LOG'));
  expect(log).toContain('watchkeeper_monitor');
  expect(log).not.toContain('watchkeeper_compare');
});

test('cancelled while a server does not answer, it ends at once', async () => {
  valkey.freeze();
  onTestFinished(() => valkey.thaw());
  const running = startCommand([...config, 'compare', 'cache', 'moved']);
  await running.untilErr('connecting to moved');

  running.child.kill('SIGINT');

  expect(await running.exited).toBe(130);
});

test('a server that hangs ends the comparison in time, from the beginning and in the middle', async () => {
  await using hanging = await startTestRedis();
  await hanging.call('EVAL', fill, '0');
  const own = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-hung-' });
  await using _own = own;
  const watched = await writeConfig(
    own.path,
    `
targets:
  cache: { engine: redis, url: 'redis://127.0.0.1:${redis.port}' }
  hanging: { engine: redis, url: 'redis://127.0.0.1:${hanging.port}' }
`,
  );
  const context = testContext();
  const open = (target: string, server: TestRedis) =>
    KeySpace.open({ target, access: redisAccess([server]), timeoutMs: 1_000 }, context);
  await using source = await open('t0', redis);
  await using other = await open('t1', hanging);
  const found = await pairKeySpaces([source, other], { databases: undefined, toleranceMs: 0 }, context);
  hanging.freeze();
  const findings = new Findings(undefined);

  await compareRecords(found, { samples: 5, keys: 5 }, findings, context);
  const fromTheBeginning = await runCommand([...watched, 'compare', 'cache', 'hanging', '--timeout', '1s']);

  expect(findings.result).toBe('incomplete');
  const hung = expect.stringContaining('did not answer in time before, and was not asked again');
  expect(findings.notCompared).toEqual([
    {
      what: 'rows of db0',
      why: 't1 db0: counting keys took longer than 1000 ms; --timeout allows it more time',
    },
    { what: 'samples of db0', why: hung },
    { what: 'rows of db3', why: hung },
    { what: 'samples of db3', why: hung },
  ]);
  expect(fromTheBeginning).toMatchObject({
    code: 2,
    err: expect.stringContaining('connecting to hanging took longer than 1000 ms'),
  });
}, 60_000);

test('a key that is about to expire is not missing where it has expired already', async () => {
  await redis.call('SET', 'ending', 'x', 'PX', '30000');

  const tolerant = await report('cache', 'moved', '--samples', '100', '--ttl-tolerance', '1m');
  const strict = await report('cache', 'moved', '--samples', '100', '--ttl-tolerance', '0s');

  expect(tolerant.comparison.differences.map(({ name }) => name)).toEqual(['rows db0']);
  expect(strict.comparison.keys).toMatchObject([{ onlyInSource: [['ending']] }]);
});

test('what makes no sense ends with code 2 and its reason', async () => {
  const cases = [
    [['cache', 'cache'], 'cache would be compared with itself'],
    [['cache', 'alias'], 'cache and alias are the same server: it would be compared with itself'],
    [['cache/2', 'alias/2'], 'cache and alias are the same server: it would be compared with itself'],
    [['cluster', 'cluster-alias'], 'cluster and cluster-alias are the same server: it would be compared with itself'],
    [['cache/1', 'cache/1'], 'cache would be compared with itself'],
    [['cache/1', 'moved'], '"moved" names no database of Redis by its number, as the other side: moved/0'],
    [['cache/one', 'moved/1'], '"cache/one" names no database of Redis'],
    [['cache', 'node'], 'node is a node of a cluster: "mode: cluster" compares all of its keys'],
    [['cache', 'moved', '--pair', 'a=b'], '--pair is not for comparing Redis'],
    [['cache', 'moved', '--table', 'x'], '--table is not for comparing Redis'],
    [['cache', 'away'], 'could not compare: connecting to 127.0.0.1:1'],
  ] as const;

  for (const [args, words] of cases) {
    const { code, err } = await compare(...args);
    expect({ args, code, err }).toEqual({ args, code: 2, err: expect.stringContaining(words) });
  }
}, 180_000);
