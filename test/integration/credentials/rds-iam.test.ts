import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { runProcess } from '../../../src/core/run-process.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import { parseConnection } from '../../../src/targets/libpq/parse-connection.ts';
import { rdsIamPassword, regionOfRdsHost } from '../../../src/targets/libpq/rds-iam.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { libpqLogin } from '../../../src/targets/postgres/libpq.ts';
import { openSession, quoteLiteral } from '../../../src/targets/postgres/session.ts';
import { type Authority, makeAuthority } from '../../support/certificates.ts';
import { execute, startTestCluster } from '../../support/postgres.ts';

const signal = new AbortController().signal;
const host = 'shop.c1abcdefghij.eu-central-1.rds.amazonaws.com';
const login = { host, port: 5432, user: 'monitor', database: 'shop' };

let cluster: Cluster;
let authority: Authority;

beforeAll(async () => {
  cluster = await startTestCluster();
  authority = await makeAuthority('rds');
  const server = await authority.issue(host, { names: `DNS:${host}`, forServer: true });
  // RDS asks for the token in clear, inside TLS, and so does this server; a password in place of AWS's own check.
  await writeFile(
    join(cluster.dataDirectory, 'pg_hba.conf'),
    'host all postgres 127.0.0.1/32 trust\nhostssl all monitor 127.0.0.1/32 password\n',
  );
  for (const sql of [
    'CREATE ROLE monitor LOGIN',
    `ALTER SYSTEM SET ssl_cert_file = '${server.certificate}'`,
    `ALTER SYSTEM SET ssl_key_file = '${server.key}'`,
    'ALTER SYSTEM SET ssl = on',
    'SELECT pg_reload_conf()',
  ]) {
    await execute(cluster, 'postgres', sql);
  }
  const isOn = async () => (await execute(cluster, 'postgres', 'SHOW ssl'))[0]?.['ssl'] === 'on';
  while (!(await isOn())) await delay(20);
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await authority?.[Symbol.asyncDispose]();
});

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'aws-secret-key');
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('HOME', '/nonexistent');
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-21T08:00:00Z') });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

const tokenFor = async (one: Partial<typeof login> = {}, region?: string) =>
  (await rdsIamPassword(region).read({ ...login, ...one })).reveal();

test('a token is what AWS describes: host, port, user, action, region and 15 minutes, signed', async () => {
  const token = await tokenFor();

  const url = new URL(`https://${token}`);
  expect(token.startsWith(`${host}:5432/?`)).toBe(true);
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    Action: 'connect',
    DBUser: 'monitor',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': 'AKIAEXAMPLE/20261121/eu-central-1/rds-db/aws4_request',
    'X-Amz-Date': '20261121T080000Z',
    'X-Amz-Expires': '900',
    'X-Amz-SignedHeaders': 'host',
  });
  expect(url.searchParams.get('X-Amz-Signature')).toMatch(/^[0-9a-f]{64}$/);
  expect(token).not.toContain('aws-secret-key');
});

test('every login has its own', async () => {
  const first = await tokenFor();
  const same = await tokenFor();
  vi.setSystemTime(new Date('2026-11-21T08:00:01Z'));

  const others = [tokenFor(), tokenFor({ user: 'backup' }), tokenFor({ port: 5433 }), tokenFor({}, 'us-east-1')];

  expect(same).toBe(first);
  expect(new Set([first, ...(await Promise.all(others))]).size).toBe(5);
});

test('one source signs for every login that asks it', async () => {
  const source = rdsIamPassword(undefined);
  const of = async (one: Partial<typeof login>) => (await source.read({ ...login, ...one })).reveal();

  const tokens = [
    await of({}),
    await of({ user: 'backup' }),
    await of({ port: 5433 }),
    await of({ database: 'other' }),
  ];
  vi.setSystemTime(new Date('2026-11-21T08:00:01Z'));
  const later = await of({});

  expect(new URL(`https://${tokens[1]}`).searchParams.get('DBUser')).toBe('backup');
  expect(tokens[2]?.startsWith(`${host}:5433/?`)).toBe(true);
  // A token is for the server, whichever database it is used for.
  expect(tokens[3]).toBe(tokens[0]);
  expect(later).not.toBe(tokens[0]);
});

test.each([
  ['shop.c1abc.eu-central-1.rds.amazonaws.com', 'eu-central-1'],
  ['shop.cluster-ro-c1abc.us-gov-west-1.rds.amazonaws.com', 'us-gov-west-1'],
  ['shop.proxy-c1abc.ap-southeast-2.rds.amazonaws.com', 'ap-southeast-2'],
  ['shop.c1abc.cn-north-1.rds.amazonaws.com.cn', 'cn-north-1'],
  ['db.example.com', undefined],
  ['eu-central-1.rds.amazonaws.com.example.com', undefined],
])('the region of %s: %s', (name, region) => {
  expect(regionOfRdsHost(name)).toBe(region);
});

test('without credentials the error says so', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', '');

  await expect(tokenFor()).rejects.toThrow(`making an IAM token for monitor@${host}: no AWS credentials were found`);
});

function access(): PostgresAccess {
  const { port } = cluster.access.connection;
  const { connection } = parseConnection(
    `postgres://monitor@${host}:${port}/postgres?sslmode=verify-full&sslrootcert=${authority.certificate}&hostaddr=127.0.0.1`,
  );
  return { connection, password: rdsIamPassword(undefined) };
}

async function sessionUser(): Promise<string> {
  await using session = await openSession(access(), { signal });
  return (await session.query('SELECT current_user AS name', { signal }))[0]?.['name'] ?? '';
}

async function libpqUser(): Promise<string> {
  await using at = await libpqLogin(access());
  const psql = join(cluster.installation.directory, 'psql');
  const args = ['--no-psqlrc', '--no-password', '-At', at.argument, '-c', 'SELECT current_user'];
  return (await runProcess(psql, args, { signal, env: at.env })).trim();
}

test('session and programs log in with the token of the moment, over verified TLS, and with no older one', async () => {
  const { port } = cluster.access.connection;
  const accept = async () => {
    const token = await tokenFor({ port });
    await execute(cluster, 'postgres', `ALTER ROLE monitor PASSWORD ${quoteLiteral(token)}`);
  };
  await accept();
  const first = [await sessionUser(), await libpqUser()];

  vi.setSystemTime(new Date('2026-11-21T08:16:00Z'));
  const stale = await sessionUser().catch(errorMessage);
  await accept();
  const second = [await sessionUser(), await libpqUser()];

  expect([...first, ...second]).toEqual(['monitor', 'monitor', 'monitor', 'monitor']);
  expect(stale).toContain('password authentication failed for user "monitor"');
  expect(stale).not.toContain('X-Amz');
});
