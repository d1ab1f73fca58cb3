import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RedisWatchSettings } from '../../../src/collectors/redis/settings.ts';
import { checkRedis } from '../../../src/commands/check/redis.ts';
import { literalSecret } from '../../../src/core/secret.ts';
import type { RedisAccess } from '../../../src/targets/redis/settings.ts';
import { freePort } from '../../support/free-port.ts';
import { redisAccess, startTestRedis, type TestRedis, watchedRedis } from '../../support/redis.ts';
import { testContext } from '../../support/test-context.ts';

const admin = { password: literalSecret('admin') };
let server: TestRedis;

beforeAll(async () => {
  const acl = await readFile(join(import.meta.dirname, '../../../deploy/redis/acl.txt'), 'utf8');
  const users = acl.split('\n').filter((line) => line.startsWith('user '));
  const poor = 'user poor on >poor -@all +ping +info +client|setname +config|get';
  server = await startTestRedis({ settings: ['user default on >admin ~* &* +@all', ...users, poor], login: admin });
});
afterAll(() => server?.[Symbol.asyncDispose]());

async function check(changes: Partial<RedisAccess>, watch: Partial<RedisWatchSettings> = {}) {
  const target = { ...watchedRedis('cache', redisAccess([server], changes), watch), backups: [] };
  const findings = await checkRedis(target, { ...testContext(), timeoutMs: 5_000 });
  return findings.map(({ status, message }) => `${status}: ${message.replaceAll(server.name, 'SERVER')}`);
}

const as = (username: string, password: string): Partial<RedisAccess> => ({
  login: { username, password: literalSecret(password, 'file:/run/secrets/cache') },
});

test('the documented user has nothing to be told', async () => {
  const findings = await check(as('watchkeeper_monitor', 'change-me'));

  expect(findings).toEqual([
    expect.stringMatching(/^ok: connected to the server SERVER: (Redis|Valkey) \d+\.\d+\.\d+$/),
    expect.stringMatching(/^ok: \d+ families can be collected; there is nothing to measure for .*sentinel/),
  ]);
});

test('rights that are missing are told one by one, with what to grant', async () => {
  const findings = await check(as('poor', 'poor'));

  expect(findings.filter((line) => line.startsWith('error'))).toEqual([
    expect.stringContaining(
      'latency_histogram cannot be collected: the user may not run LATENCY HISTOGRAM: ACL SETUSER … +latency|histogram',
    ),
    expect.stringContaining('latency_spikes cannot be collected'),
    expect.stringContaining('slowlog cannot be collected: the user may not run SLOWLOG'),
  ]);
});

test('a login that is refused tells where the password is from', async () => {
  expect(await check(as('watchkeeper_monitor', 'wrong'))).toEqual([
    'error: SERVER refuses user "watchkeeper_monitor" with the password from file:/run/secrets/cache',
  ]);
  expect(await check({})).toEqual(['error: SERVER refuses user "default" without a password']);
});

test('a server that is full, and one that speaks another protocol, are told as such', async () => {
  await using full = await startTestRedis({ settings: ['maxclients 1'] });
  const holder = connect(full.port, '127.0.0.1');
  await once(holder, 'connect');
  await using web = createServer((_request, response) => void response.end('hello')).listen(0, '127.0.0.1');
  await once(web, 'listening');
  const { port } = web.address() as AddressInfo;

  const aboutWeb = await check({ addresses: [{ host: '127.0.0.1', port }] });
  // The server says why and hangs up at once: when our greeting comes after that, the reason is lost on the way.
  await vi.waitFor(async () => {
    const aboutFull = await check({ addresses: [{ host: '127.0.0.1', port: full.port }] });
    expect(aboutFull).toEqual([`error: ${full.name} has no connection left for us`]);
  });
  holder.destroy();

  expect(aboutWeb).toEqual([`error: who answers at 127.0.0.1:${port} does not speak Redis’s protocol`]);
});

test('a port where nobody listens, a wrong mode and a missing certificate are told as such', async () => {
  const port = await freePort();

  expect(await check({ addresses: [{ host: '127.0.0.1', port }] })).toEqual([
    `error: 127.0.0.1:${port} refuses the connection: nothing listens there`,
  ]);
  expect(await check({ ...as('default', 'admin'), mode: 'cluster' })).toEqual([
    expect.stringContaining(
      'error: asking for the nodes of the cluster: ERR This instance has cluster support disabled',
    ),
  ]);
  expect(await check({ tls: { ca: '/nonexistent/ca.pem', verify: true } })).toEqual([
    expect.stringContaining('error: connecting to SERVER: reading the certificate or key in /nonexistent/ca.pem'),
  ]);
});
