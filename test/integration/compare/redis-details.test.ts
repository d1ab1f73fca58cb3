import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { literalSecret } from '../../../src/core/secret.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { reportOf } from '../../support/comparison.ts';
import { startTestRedis, type TestRedis } from '../../support/redis.ts';

/** Redis 7 knows no times to live of fields, Valkey 9 does. */
let redis: TestRedis;
let valkey: TestRedis;
let moved: TestRedis;
let folder: WorkDirectory;
let config: readonly string[];

beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-compare-details-' });
  const acl = await readFile(join(import.meta.dirname, '../../../deploy/redis/acl.txt'), 'utf8');
  const [first = '', second = ''] = acl.match(/user watchkeeper_compare .*/g) ?? [];
  [redis, valkey, moved] = await Promise.all([
    startTestRedis(),
    startTestRedis({ program: 'valkey' }),
    startTestRedis({
      program: 'valkey',
      settings: ['user default on >admin ~* &* +@all', first, second.replace('_compare', '_newer')],
      login: { password: literalSecret('admin') },
    }),
  ]);
  const guarded = (user: string) => `{ engine: redis, url: 'redis://${user}@127.0.0.1:${moved.port}' }`;
  config = await writeConfig(
    folder.path,
    `
targets:
  redis: { engine: redis, url: 'redis://127.0.0.1:${redis.port}' }
  valkey: { engine: redis, url: 'redis://127.0.0.1:${valkey.port}' }
  moved: ${guarded('watchkeeper_newer:change-me')}
  older: ${guarded('watchkeeper_compare:change-me')}
`,
  );
}, 60_000);
afterAll(async () => {
  for (const one of [redis, valkey, moved, folder]) await one?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  for (const server of [redis, valkey, moved]) await server.call('FLUSHALL');
}, 30_000);

/** What differs of each key, by its name. */
async function compare(...args: string[]) {
  const { code, comparison } = await reportOf(
    runCommand([...config, 'compare', ...args, '--samples', '100', '--json']),
  );
  const changed = (comparison.keys[0]?.changed ?? []).map(([key], at) => [
    key,
    comparison.keys[0]?.changedColumns?.[at],
  ]);
  return { code, comparison, changed: Object.fromEntries(changed) as Record<string, readonly string[]> };
}

const call = (server: TestRedis, command: string) => server.call(...(command.split(' ') as [string, ...string[]]));

async function onEach(servers: readonly TestRedis[], ...commands: readonly string[]): Promise<void> {
  for (const server of servers) for (const command of commands) await call(server, command);
}

test('times to live of fields are compared, and fields that are about to end are not missing', async () => {
  const hashes = ['same', 'later', 'forever', 'shorter', 'changed'];
  await onEach([valkey, moved], ...hashes.map((name) => `HSET ${name} a 1 b 2`));
  await onEach([valkey, moved], ...hashes.map((name) => `HEXPIRE ${name} 3600 FIELDS 1 a`));
  await onEach([valkey, moved], 'HSET ending a 1 b 2', 'HSET plain a 1');
  await call(moved, 'HEXPIRE later 1800 FIELDS 1 a');
  await call(moved, 'HPERSIST forever FIELDS 1 a');
  await call(moved, 'HDEL shorter a');
  await call(moved, 'HSET changed b 3');
  await call(valkey, 'HPEXPIRE ending 60000 FIELDS 1 a');
  await call(moved, 'HDEL ending a');

  const strict = await compare('valkey', 'moved', '--ttl-tolerance', '5s');
  const tolerant = await compare('moved', 'valkey', '--ttl-tolerance', '70s');

  expect(strict.code).toBe(1);
  expect(strict.changed).toEqual({
    later: ['times to live of fields'],
    forever: ['times to live of fields'],
    shorter: ['value'],
    changed: ['value'],
    ending: ['value'],
  });
  expect(tolerant.changed).toEqual({
    later: ['times to live of fields'],
    forever: ['times to live of fields'],
    shorter: ['value'],
    changed: ['value'],
  });
}, 30_000);

test('a server that knows no times to live of fields has fields that live for ever', async () => {
  await onEach([redis, valkey], 'HSET ends a 1 b 2', 'HSET lasts a 1 b 2');
  await call(valkey, 'HEXPIRE ends 3600 FIELDS 1 b');

  const there = await compare('valkey', 'redis');
  const back = await compare('redis', 'valkey');

  expect(there.comparison.notCompared).toEqual([]);
  expect(there.changed).toEqual({ ends: ['times to live of fields'] });
  expect(back.changed).toEqual(there.changed);
});

test('without the right to read them, the times to live of fields are not compared, and all else is', async () => {
  await onEach([valkey, moved], 'HSET hash a 1 b 2', 'XADD stream 1-1 a 1', 'XGROUP CREATE stream group 0');
  await call(valkey, 'HEXPIRE hash 3600 FIELDS 1 b');

  const older = await compare('valkey', 'older');
  const newer = await compare('valkey', 'moved');

  expect(older.code).toBe(2);
  expect(older.comparison.notCompared).toEqual([
    {
      what: '1 sampled of db0',
      why: expect.stringMatching(
        /^the times to live of its fields could not be read: NOPERM .*hpttl.*; the user watchkeeper_compare of deploy\/redis\/acl\.txt has the rights$/,
      ),
    },
  ]);
  expect(newer.changed).toEqual({ hash: ['times to live of fields'] });
});

test('consumer groups are compared with what each has read and what is pending', async () => {
  const streams = ['same', 'behind', 'lost', 'acknowledged', 'taken', 'trimmed'];
  await onEach(
    [redis, valkey],
    ...streams.flatMap((name) => [
      ...[1, 2, 3].map((n) => `XADD ${name} ${n}-1 n ${n}`),
      `XGROUP CREATE ${name} workers 0`,
      `XREADGROUP GROUP workers ann COUNT 2 STREAMS ${name} >`,
    ]),
  );
  await call(valkey, 'XREADGROUP GROUP workers ann COUNT 1 STREAMS behind >');
  await call(valkey, 'XGROUP DESTROY lost workers');
  await call(valkey, 'XACK acknowledged workers 1-1');
  await call(valkey, 'XCLAIM taken workers bob 0 2-1 JUSTID');
  await onEach([redis, valkey], 'XDEL trimmed 3-1');
  await call(valkey, 'XSETID trimmed 9-1');

  const { code, comparison, changed } = await compare('redis', 'valkey');

  expect(code).toBe(1);
  expect(comparison.notCompared).toEqual([]);
  expect(changed).toEqual({
    behind: ['consumer groups'],
    lost: ['consumer groups'],
    acknowledged: ['consumer groups'],
    taken: ['consumer groups'],
    trimmed: ['last id'],
  });
});

test('a group whose number of entries read is not known on one side is the same', async () => {
  await onEach([redis, valkey], ...[1, 2, 3].map((n) => `XADD stream ${n}-1 n ${n}`));
  await onEach([redis], 'XGROUP CREATE stream workers 2-1 ENTRIESREAD 2');
  await onEach([valkey], 'XGROUP CREATE stream workers 2-1');

  const { code, comparison } = await compare('redis', 'valkey');

  expect(comparison.differences).toEqual([]);
  expect(code).toBe(0);
});
