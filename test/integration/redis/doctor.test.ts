import { afterAll, beforeAll, expect, test } from 'vitest';
import { patternOf } from '../../../src/collectors/redis/key-pattern.ts';
import { examineRedis } from '../../../src/commands/doctor-redis.ts';
import { literalSecret } from '../../../src/core/secret.ts';
import type { RedisAccess } from '../../../src/targets/redis/settings.ts';
import { redisAccess, startTestRedis, type TestRedis, watchedRedis } from '../../support/redis.ts';
import { testContext } from '../../support/test-context.ts';

const admin = { password: literalSecret('admin') };
let server: TestRedis;

beforeAll(async () => {
  server = await startTestRedis({
    settings: [
      'user default on >admin ~* &* +@all',
      'user poor on >poor -@all +ping +info +client|setname',
      'maxmemory 500mb',
    ],
    login: admin,
  });
  const fill = [
    "for i = 1, 3000 do redis.call('SET', 'session:' .. i, 'x', 'EX', '1000') end",
    "for i = 1, 50 do redis.call('SET', 'page:' .. i .. ':html', string.rep('x', 20000)) end",
    "for i = 1, 5000 do redis.call('RPUSH', 'queue', 'job ' .. i) end",
    "redis.call('SELECT', '2') redis.call('SET', 'other', '1')",
  ];
  await server.call('EVAL', fill.join(' '), '0');
});
afterAll(() => server?.[Symbol.asyncDispose]());

function examine(access: Partial<RedisAccess>, limits = { keys: 10_000, seconds: 10 }) {
  const target = { ...watchedRedis('cache', redisAccess([server], access)), backups: [] };
  return examineRedis(target, limits, testContext());
}

test('keys are told by pattern and by size, of every database', async () => {
  const { keys, findings } = await examine({ login: admin });

  const [first, second] = keys;
  expect([first?.database, first?.sampled, first?.total]).toEqual([0, 3_051, 3_051]);
  expect(first?.patterns.map(({ pattern, keys: amount, persistent }) => [pattern, amount, persistent])).toEqual([
    ['page:*:html', 50, 50],
    ['session:*', 3_000, 0],
    ['queue', 1, 1],
  ]);
  expect(first?.biggest[0]).toMatchObject({ key: 'queue', type: 'list' });
  expect([second?.database, second?.sampled]).toEqual([2, 1]);
  const told = findings.map(({ status, message }) => `${status}: ${message}`);
  expect(told).toContainEqual(expect.stringMatching(/^ok: \d\.\d % of 500\.0 MiB are used; policy noeviction$/));
  expect(told).toContainEqual(expect.stringMatching(/^warning: \d+ changes since the last snapshot/));
});

test('a sample ends at its limit', async () => {
  const { keys } = await examine({ login: admin }, { keys: 500, seconds: 10 });

  expect(keys[0]?.sampled).toBeGreaterThanOrEqual(500);
  expect(keys[0]?.sampled).toBeLessThan(1_000);
  expect(keys[0]?.total).toBe(3_051);
});

test('a sample ends when its time is over, however many keys were asked for', async () => {
  const { keys } = await examine({ login: admin }, { keys: 1_000_000, seconds: 0.001 });

  expect(keys[0]?.sampled).toBeGreaterThan(0);
  expect(keys[0]?.sampled).toBeLessThan(3_051);
});

test('a user without the right to look at keys is told so, and the rest is told all the same', async () => {
  const { keys, findings } = await examine({ login: { username: 'poor', password: literalSecret('poor') } });

  expect(keys).toEqual([]);
  expect(findings.map(({ message }) => message)).toContainEqual(
    expect.stringContaining('keys cannot be looked at: NOPERM'),
  );
  expect(findings.length).toBeGreaterThan(1);
});

test('a server that cannot be reached is an error', async () => {
  const { findings } = await examine({ login: { password: literalSecret('wrong') } });

  expect(findings.map(({ status }) => status)).toEqual(['error']);
});

test.each([
  ['user:17', 'user:*'],
  ['session:8f14e45f-ceea-467f-a9d0-0123456789ab:cart', 'session:*:cart'],
  ['cache:9f86d081884c7d659a2feaa0c55ad015', 'cache:*'],
  ['a:b:c:d:e:f', 'a:b:c:d:…'],
  ['plain', 'plain'],
])('the key %s belongs to %s', (key, pattern) => {
  expect(patternOf(key)).toBe(pattern);
});
