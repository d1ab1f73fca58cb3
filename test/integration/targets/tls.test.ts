import { chmod, copyFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { runProcess } from '../../../src/core/run-process.ts';
import { literalSecret } from '../../../src/core/secret.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import { parseConnection } from '../../../src/targets/libpq/parse-connection.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { libpqLogin } from '../../../src/targets/postgres/libpq.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { type Authority, type CertificateFiles, makeAuthority } from '../../support/certificates.ts';
import { execute, startTestCluster } from '../../support/postgres.ts';

const signal = new AbortController().signal;

let cluster: Cluster;
let ours: Authority;
let stranger: Authority;
let server: Record<'right' | 'otherName' | 'expired', CertificateFiles>;
let client: Record<'monitor' | 'encrypted' | 'other' | 'foreign', CertificateFiles>;

beforeAll(async () => {
  cluster = await startTestCluster({ password: 'superuser-secret' });
  [ours, stranger] = await Promise.all([makeAuthority('ours'), makeAuthority('stranger')]);
  const names = 'DNS:localhost,IP:127.0.0.1';
  server = {
    right: await ours.issue('db', { names, forServer: true }),
    otherName: await ours.issue('db', { names: 'DNS:elsewhere.example', forServer: true }),
    expired: await ours.issue('db', { names, expired: true, forServer: true }),
  };
  client = {
    monitor: await ours.issue('monitor'),
    encrypted: await ours.issue('monitor', { password: "pass 'w\\ord" }),
    other: await ours.issue('somebody'),
    foreign: await stranger.issue('monitor'),
  };
  await execute(cluster, 'postgres', "CREATE ROLE monitor LOGIN PASSWORD 'monitor-secret'");
  await setUp({ certificate: server.right });
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await ours?.[Symbol.asyncDispose]();
  await stranger?.[Symbol.asyncDispose]();
});

interface ServerSetUp {
  readonly certificate?: CertificateFiles | undefined;
  readonly hba?: readonly string[];
}

const anybody = ['host all all 127.0.0.1/32 scram-sha-256'];

/** The superuser comes by the socket's TCP port unencrypted, whatever is set up for the others. */
async function setUp({ certificate, hba = anybody }: ServerSetUp): Promise<void> {
  const lines = ['host all postgres 127.0.0.1/32 scram-sha-256', ...hba];
  await writeFile(join(cluster.dataDirectory, 'pg_hba.conf'), `${lines.join('\n')}\n`);
  const tls =
    certificate === undefined
      ? ['ALTER SYSTEM SET ssl = off']
      : [
          `ALTER SYSTEM SET ssl_cert_file = '${certificate.certificate}'`,
          `ALTER SYSTEM SET ssl_key_file = '${certificate.key}'`,
          `ALTER SYSTEM SET ssl_ca_file = '${ours.certificate}'`,
          'ALTER SYSTEM SET ssl = on',
        ];
  const before = await loadTime();
  for (const sql of [...tls, 'SELECT pg_reload_conf()']) await execute(cluster, 'postgres', sql);
  // A new session tells what the server knew when it began.
  while ((await loadTime()) === before) await delay(20);
}

async function loadTime(): Promise<string | null | undefined> {
  return (await execute(cluster, 'postgres', 'SELECT pg_conf_load_time() AS at'))[0]?.['at'];
}

interface Try {
  readonly parameters: string;
  readonly host?: string;
  readonly password?: string | undefined;
  readonly sslPassword?: string;
}

function accessFor({ parameters, host = 'localhost', password = 'monitor-secret', sslPassword }: Try): PostgresAccess {
  const { port } = cluster.access.connection;
  const { connection } = parseConnection(`postgres://monitor@${host}:${port}/postgres?${parameters}`);
  return {
    connection,
    password: password === '' ? undefined : literalSecret(password),
    ...(sslPassword === undefined ? {} : { sslPassword: literalSecret(sslPassword) }),
  };
}

const encryptionSql =
  "SELECT CASE WHEN ssl THEN 'tls' ELSE 'plain' END AS how FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()";

/** How our own session and a program of libpq (as pg_dump is one) reach the server, each by itself: `tls`, `plain` or `refused`. */
async function reach(one: Try): Promise<{ session: string; libpq: string; errors: readonly string[] }> {
  const access = accessFor(one);
  const errors: string[] = [];
  const refused = (error: unknown) => {
    errors.push(errorMessage(error));
    return 'refused';
  };
  const session = await bySession(access).catch(refused);
  const libpq = await byLibpq(access).catch(refused);
  return { session, libpq, errors };
}

async function bySession(access: PostgresAccess): Promise<string> {
  await using session = await openSession(access, { signal });
  const [row] = await session.query(encryptionSql, { signal });
  return row?.['how'] ?? 'nothing';
}

async function byLibpq(access: PostgresAccess): Promise<string> {
  await using login = await libpqLogin(access);
  const psql = join(cluster.installation.directory, 'psql');
  const args = ['--no-psqlrc', '--no-password', '-At', login.argument, '-c', encryptionSql];
  return (await runProcess(psql, args, { signal, env: login.env })).trim();
}

async function bothReach(one: Try): Promise<string> {
  const { session, libpq } = await reach(one);
  return session === libpq ? session : `session ${session}, libpq ${libpq}`;
}

const modes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
const rows = (expected: string) => expected.split(' ').map((how, at) => [modes[at] ?? '', how] as const);

describe.each([
  //                                          disable allow prefer require verify-ca verify-full
  ['the right authority', 'ours', 'right', 'plain plain tls tls tls tls'],
  ['another authority', 'stranger', 'right', 'plain plain plain refused refused refused'],
  ['no authority', undefined, 'right', 'plain plain tls tls refused refused'],
  ['the certificate of another host', 'ours', 'otherName', 'plain plain tls tls tls refused'],
  ['an expired certificate', 'ours', 'expired', 'plain plain plain refused refused refused'],
  ['an expired certificate and no authority', undefined, 'expired', 'plain plain tls tls refused refused'],
  ['a server without TLS', 'ours', undefined, 'plain plain plain refused refused refused'],
] as const)('%s', (_name, authority, certificate, expected) => {
  beforeAll(() => setUp({ certificate: certificate === undefined ? undefined : server[certificate] }));

  test.each(rows(expected))('sslmode=%s: %s', async (mode, how) => {
    const root = { ours: ours.certificate, stranger: stranger.certificate }[authority ?? ('none' as 'ours')];

    const reached = await bothReach({
      parameters: `sslmode=${mode}${root === undefined ? '' : `&sslrootcert=${root}`}`,
    });

    expect(reached).toBe(how);
  });
});

describe('a server that wants it encrypted', () => {
  beforeAll(() => setUp({ certificate: server.right, hba: ['hostssl all all 127.0.0.1/32 scram-sha-256'] }));

  test.each([
    ['disable', 'refused'],
    ['allow', 'tls'],
    ['prefer', 'tls'],
  ])('sslmode=%s: %s', async (mode, how) => {
    expect(await bothReach({ parameters: `sslmode=${mode}` })).toBe(how);
  });
});

describe('a server that wants it plain', () => {
  beforeAll(() => setUp({ certificate: server.right, hba: ['hostnossl all all 127.0.0.1/32 scram-sha-256'] }));

  test.each([
    ['allow', 'plain'],
    ['prefer', 'plain'],
    ['require', 'refused'],
  ])('sslmode=%s: %s', async (mode, how) => {
    expect(await bothReach({ parameters: `sslmode=${mode}` })).toBe(how);
  });
});

describe('a server that wants our certificate', () => {
  beforeAll(() => setUp({ certificate: server.right, hba: ['hostssl all all 127.0.0.1/32 cert'] }));

  const withCertificate = ({ certificate, key }: CertificateFiles, rest = '') => ({
    parameters: `sslmode=verify-full&sslrootcert=${ours.certificate}&sslcert=${certificate}&sslkey=${key}${rest}`,
    password: '',
  });

  test('the right one is enough, without a password', async () => {
    expect(await bothReach(withCertificate(client.monitor))).toBe('tls');
  });

  test('one with an encrypted key is, with the password of the key', async () => {
    const one = withCertificate(client.encrypted);

    expect(await bothReach({ ...one, sslPassword: "pass 'w\\ord" })).toBe('tls');
  });

  test('none is refused', async () => {
    expect(await bothReach({ parameters: `sslmode=verify-full&sslrootcert=${ours.certificate}` })).toBe('refused');
  });

  test('one that is not to be sent is not', async () => {
    expect(await bothReach(withCertificate(client.monitor, '&sslcertmode=disable'))).toBe('refused');
  });

  test.each(['other', 'foreign'] as const)('that of somebody else is refused (%s)', async (name) => {
    expect(await bothReach(withCertificate(client[name]))).toBe('refused');
  });

  test.each([
    ['wrong', 'the password from literal does not open the private key '],
    [undefined, 'is encrypted, and no "sslPassword" is configured'],
  ])('an encrypted key with the password %s is told as such', async (sslPassword, words) => {
    const reached = await reach({ ...withCertificate(client.encrypted), ...(sslPassword && { sslPassword }) });

    expect([reached.session, reached.libpq]).toEqual(['refused', 'refused']);
    expect(reached.errors[0]).toContain(words);
  });

  test('a key that others can read is refused', async () => {
    const open = await ours.issue('monitor');
    await chmod(open.key, 0o644);

    const { session, libpq, errors } = await reach(withCertificate(open));

    expect([session, libpq]).toEqual(['refused', 'refused']);
    expect(errors[0]).toContain(`the private key ${open.key} can be read or changed by others`);
    expect(errors[1]).toContain('has group or world access');
  });

  test('a certificate that is renewed in its files is used without a restart', async () => {
    const files = await ours.issue('somebody');
    const renewed = await ours.issue('monitor');
    const access = accessFor(withCertificate(files));
    const before = await bySession(access).catch(() => 'refused');

    await copyFile(renewed.certificate, files.certificate);
    await copyFile(renewed.key, files.key);

    expect([before, await bySession(access), await byLibpq(access)]).toEqual(['refused', 'tls', 'tls']);
  });

  test('nothing of the key’s password is left behind for the programs', async () => {
    await using login = await libpqLogin(accessFor({ ...withCertificate(client.encrypted), sslPassword: 'hunter2' }));
    const file = login.env['PGSERVICEFILE'] ?? '';
    const { mode } = await stat(file);
    await login[Symbol.asyncDispose]();

    expect(mode & 0o777).toBe(0o600);
    expect(JSON.stringify(login)).not.toContain('hunter2');
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });
});

describe('further conditions', () => {
  beforeAll(() => setUp({ certificate: server.right }));

  const verified = (rest: string) => ({ parameters: `sslmode=verify-full&sslrootcert=${ours.certificate}&${rest}` });

  test('a certificate that was revoked is refused, another one is not', async () => {
    const nothing = await ours.revocationList();
    const accepted = await bothReach(verified(`sslcrl=${nothing}`));
    const all = await ours.revocationList(server.right);

    const refused = await bothReach(verified(`sslcrl=${all}`));

    expect([accepted, refused]).toEqual(['tls', 'refused']);
  });

  test('a list of revoked certificates that is not there is an error, not nothing', async () => {
    await expect(bySession(accessFor(verified('sslcrl=/gone.crl')))).rejects.toThrow('connecting to postgres://');
  });

  test('the address of the host is dialled, its name is verified', async () => {
    const byAddress = await bothReach({ ...verified('hostaddr=127.0.0.1'), host: 'localhost' });
    const otherName = await bothReach({ ...verified('hostaddr=127.0.0.1'), host: 'elsewhere.example' });
    const onlyAddress = await bothReach({ ...verified(''), host: '127.0.0.1' });

    expect([byAddress, otherName, onlyAddress]).toEqual(['tls', 'refused', 'tls']);
  });

  test('versions of TLS are limited', async () => {
    await execute(cluster, 'postgres', "ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1.2'");
    await setUp({ certificate: server.right });

    const old = await bothReach(verified('ssl_max_protocol_version=TLSv1.2'));
    const newOnly = await bothReach(verified('ssl_min_protocol_version=TLSv1.3'));
    await execute(cluster, 'postgres', 'ALTER SYSTEM RESET ssl_max_protocol_version');

    expect([old, newOnly]).toEqual(['tls', 'refused']);
  });
});

describe('ways to log in', () => {
  const setUpMethod = (method: string) =>
    setUp({ certificate: server.right, hba: [`host all all 127.0.0.1/32 ${method}`] });
  const secured = 'sslmode=require&channel_binding=require';

  test('channel binding is used where it can be, and may be demanded', async () => {
    await setUpMethod('scram-sha-256');

    const bound = await bothReach({ parameters: secured });
    const plain = await bothReach({ parameters: 'sslmode=disable&channel_binding=require' });
    const without = await bothReach({ parameters: 'sslmode=require&channel_binding=disable' });

    expect([bound, plain, without]).toEqual(['tls', 'refused', 'tls']);
  });

  test.each(['password', 'trust'])(
    'a server that asks for %s does not get past channel_binding=require',
    async (method) => {
      await setUpMethod(method);

      expect(await bothReach({ parameters: secured })).toBe('refused');
      expect(await bothReach({ parameters: 'sslmode=require' })).toBe('tls');
    },
  );

  test.each([
    ['password', 'scram-sha-256', false],
    ['password', '!md5,!none', true],
    ['trust', 'scram-sha-256,md5', false],
    ['trust', 'none', true],
    ['scram-sha-256', 'scram-sha-256', true],
    ['scram-sha-256', '!scram-sha-256', false],
  ])('a server that asks for %s, and require_auth=%s: %s', async (method, allowed, accepted) => {
    await setUpMethod(method);

    const reached = await bySession(accessFor({ parameters: `sslmode=require&require_auth=${allowed}` })).catch(
      (error) => errorMessage(error),
    );

    if (accepted) expect(reached).toBe('tls');
    else expect(reached).toMatch(/the server asks for "[a-z0-9-]+", which require_auth forbids/);
  });

  test('programs that do not know require_auth refuse rather than pass it over', async () => {
    await setUpMethod('scram-sha-256');

    const access = accessFor({ parameters: 'sslmode=require&require_auth=scram-sha-256' });
    const reached = await byLibpq(access).catch((error) => errorMessage(error));

    if (cluster.installation.major < 16) expect(reached).toContain('invalid connection option "require_auth"');
    else expect(reached).toBe('tls');
  });
});
