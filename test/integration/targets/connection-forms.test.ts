import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { runProcess } from '../../../src/core/run-process.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import { parseConnection } from '../../../src/targets/libpq/parse-connection.ts';
import { serviceFinder } from '../../../src/targets/libpq/service-file.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { libpqLogin } from '../../../src/targets/postgres/libpq.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { freePort } from '../../support/free-port.ts';
import { execute, startTestCluster, startTestStandby } from '../../support/postgres.ts';
import { startSilentServer } from '../../support/silent-server.ts';

const signal = new AbortController().signal;

let primary: Cluster;
let standby: Cluster;
let folder: string;
let ports: { readonly primary: number; readonly standby: number; readonly nobody: number };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watchkeeper-forms-'));
  primary = await startTestCluster();
  standby = await startTestStandby(primary);
  ports = {
    primary: primary.access.connection.port,
    standby: standby.access.connection.port,
    nobody: await freePort(),
  };
  await execute(primary, 'postgres', 'CREATE ROLE careful LOGIN');
  await execute(primary, 'postgres', 'ALTER ROLE careful SET default_transaction_read_only = on');
  await vi.waitFor(async () => {
    expect(await execute(standby, 'postgres', "SELECT 1 AS one FROM pg_roles WHERE rolname = 'careful'")).toHaveLength(
      1,
    );
  }, 20_000);
});

afterAll(async () => {
  await standby?.[Symbol.asyncDispose]();
  await primary?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

afterEach(() => {
  vi.unstubAllEnvs();
});

function accessFor(text: string, environment: Record<string, string> = {}): PostgresAccess {
  return { connection: parseConnection(text, serviceFinder(environment, folder)).connection };
}

const whereSql = "SELECT current_setting('port') AS port";

async function sessionPort(access: PostgresAccess): Promise<string> {
  await using session = await openSession(access, { signal, connectTimeoutMs: 2_000 });
  expect(session.access.connection.port).toBe(Number((await session.query(whereSql, { signal }))[0]?.['port']));
  return String(session.access.connection.port);
}

async function ask(access: PostgresAccess, sql: string): Promise<string> {
  await using login = await libpqLogin(access);
  const psql = join(primary.installation.directory, 'psql');
  const args = ['--no-psqlrc', '--no-password', '-At', login.argument, '-c', sql];
  return (await runProcess(psql, args, { signal, env: login.env })).trim();
}

/** Where our own session and a program of libpq come out: `primary`, `standby`, or the reason that they do not. */
async function arrival(text: string): Promise<string> {
  const access = accessFor(text);
  const bySession = await sessionPort(access).catch(() => 'nowhere');
  const byLibpq = await ask(access, whereSql).catch(() => 'nowhere');
  const nameOf = (port: string) => ({ [ports.primary]: 'primary', [ports.standby]: 'standby' })[port] ?? port;
  return bySession === byLibpq ? nameOf(bySession) : `session ${nameOf(bySession)}, libpq ${nameOf(byLibpq)}`;
}

describe('several hosts', () => {
  const hosts = (names: readonly (keyof typeof ports)[], rest: string, user = 'postgres') =>
    `postgres://${user}@${names.map((name) => `127.0.0.1:${ports[name]}`).join(',')}/postgres?sslmode=disable&${rest}`;

  test.each([
    [['primary', 'standby'], 'any', 'primary'],
    [['standby', 'primary'], 'any', 'standby'],
    [['nobody', 'standby', 'primary'], 'any', 'standby'],
    [['standby', 'primary'], 'read-write', 'primary'],
    [['standby', 'primary'], 'primary', 'primary'],
    [['nobody', 'primary', 'standby'], 'standby', 'standby'],
    [['primary', 'standby'], 'read-only', 'standby'],
    [['primary', 'standby'], 'prefer-standby', 'standby'],
    [['primary', 'nobody'], 'prefer-standby', 'primary'],
    [['standby', 'nobody'], 'primary', 'nowhere'],
    [['primary'], 'standby', 'nowhere'],
  ] as const)('%s, target_session_attrs=%s: %s', async (names, wanted, expected) => {
    expect(await arrival(hosts(names, `target_session_attrs=${wanted}`))).toBe(expected);
  });

  test('a role that is read-only by default finds its primary by "primary", not by "read-write"', async () => {
    const readWrite = hosts(['standby', 'primary'], 'target_session_attrs=read-write', 'careful');
    const byPrimary = hosts(['standby', 'primary'], 'target_session_attrs=primary', 'careful');

    expect([await arrival(readWrite), await arrival(byPrimary)]).toEqual(['nowhere', 'primary']);
    await expect(sessionPort(accessFor(readWrite))).rejects.toMatchObject({
      message: expect.stringContaining('connecting to postgres://careful@'),
    });
    expect(await sessionPort(accessFor(readWrite)).catch(errorMessage)).toContain('use target_session_attrs=primary');
  });

  test('a server that never answers costs its share of the time only', async () => {
    await using silent = await startSilentServer();
    const startedAt = performance.now();

    const port = await sessionPort(
      accessFor(`postgres://postgres@127.0.0.1:${silent.port},127.0.0.1:${ports.primary}/?sslmode=disable`),
    );

    expect(port).toBe(String(ports.primary));
    expect(performance.now() - startedAt).toBeLessThan(1_500);
  });

  test('a login that is refused is not tried elsewhere', async () => {
    const text = hosts(['standby', 'primary'], 'x=1', 'nobody_of_this_name').replace('&x=1', '');

    const failure = await sessionPort(accessFor(text)).catch(errorMessage);

    expect(failure).toContain(`127.0.0.1:${ports.standby}: role "nobody_of_this_name" does not exist`);
    expect(failure).not.toContain(`127.0.0.1:${ports.primary}:`);
  });

  test('every host is named with its reason', async () => {
    const failure = await sessionPort(accessFor(hosts(['nobody', 'standby'], 'target_session_attrs=primary'))).catch(
      errorMessage,
    );

    expect(failure).toContain(`127.0.0.1:${ports.nobody}: connect ECONNREFUSED`);
    expect(failure).toContain(`127.0.0.1:${ports.standby}: it is a standby, the primary is wanted`);
  });

  test('after a promotion the next login comes out at the new primary', async () => {
    const spare = await startTestStandby(primary, 'spare');
    try {
      const text = `postgres://postgres@127.0.0.1:${spare.access.connection.port},127.0.0.1:${ports.primary}/postgres?sslmode=disable&target_session_attrs=primary`;
      const before = await sessionPort(accessFor(text));
      await execute(spare, 'postgres', 'SELECT pg_promote()');

      expect([before, await sessionPort(accessFor(text))]).toEqual([
        String(ports.primary),
        String(spare.access.connection.port),
      ]);
    } finally {
      await spare[Symbol.asyncDispose]();
    }
  });

  test('hosts in random order are all found', async () => {
    const access = accessFor(hosts(['primary', 'standby'], 'load_balance_hosts=random'));

    const found = new Set<string>();
    for (let at = 0; at < 40 && found.size < 2; at++) found.add(await sessionPort(access));

    expect(found.size).toBe(2);
  });
});

describe('sockets, addresses and names', () => {
  const socketFolder = async () =>
    (await execute(primary, 'postgres', 'SHOW unix_socket_directories'))[0]?.['unix_socket_directories'] ?? '';

  test('a Unix socket, as a parameter and as the host', async () => {
    const path = await socketFolder();
    const forms = [
      `postgres:///postgres?host=${path}&port=${ports.primary}&user=postgres`,
      `postgres://postgres@${encodeURIComponent(path)}:${ports.primary}/postgres`,
      `host=${path} port=${ports.primary} user=postgres dbname=postgres sslmode=verify-full`,
    ];

    for (const form of forms) expect(await arrival(form)).toBe('primary');
  });

  test('an IPv6 address', async () => {
    const server = createTcpServer((socket) => {
      const onward = connect(ports.primary, '127.0.0.1');
      socket.pipe(onward).pipe(socket);
      for (const one of [socket, onward]) one.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '::1', resolve));
    const { port } = server.address() as AddressInfo;
    const access = accessFor(`postgres://postgres@[::1]:${port}/postgres?sslmode=disable`);

    const bySession = await openSession(access, { signal });
    const found = (await bySession.query(whereSql, { signal }))[0]?.['port'];
    await bySession[Symbol.asyncDispose]();
    const byLibpq = await ask(access, whereSql);
    server.close();

    expect([found, byLibpq]).toEqual([String(ports.primary), String(ports.primary)]);
  });
});

describe('services', () => {
  const service = (name: string, rest = '') =>
    `# ours\n[${name}]\nhost=127.0.0.1\nport=${ports.primary}\ndbname=postgres\nuser=postgres\n${rest}`;

  test('come from the file that is named, and give way to what is written', async () => {
    await writeFile(join(folder, 'own.conf'), `${service('shop')}\n[other]\nhost=nowhere.invalid\n`);

    expect(await arrival('service=shop servicefile=own.conf')).toBe('primary');
    expect(
      await arrival(`postgres://postgres@127.0.0.1:${ports.standby}/postgres?service=shop&servicefile=own.conf`),
    ).toBe('standby');
  });

  test('come from PGSERVICEFILE, the home folder, or the system’s folder, in this order', async () => {
    await writeFile(join(folder, 'pg_service.conf'), service('shop', 'application_name=system'));
    await writeFile(join(folder, '.pg_service.conf'), service('shop', 'application_name=home'));
    await writeFile(join(folder, 'named.conf'), service('shop', 'application_name=named'));
    const system = { PGSYSCONFDIR: folder };
    const home = { ...system, HOME: folder };
    const named = { ...home, PGSERVICEFILE: join(folder, 'named.conf') };

    const names = [system, home, named].map(
      (environment) => accessFor('service=shop', environment).connection.applicationName,
    );

    expect(names).toEqual(['system', 'home', 'named']);
  });

  test.each([
    ['[shop]\nhunter2\n', 'line 2: neither [name] nor name=value'],
    ['[shop]\nhunter2=x\n', 'line 2 has a parameter that libpq does not know'],
    ['[shop]\nservice=hunter2\n', 'line 2: a service cannot name another one'],
    ['[shop]\nldap://hunter2\n', 'line 2: services in LDAP are not supported'],
    ['[other]\nhost=x\n', 'the service "shop" is not defined: not in '],
  ])('mistakes are told with their line, never with it', async (text, message) => {
    await writeFile(join(folder, 'wrong.conf'), text);

    const failure = await Promise.resolve()
      .then(() => accessFor('service=shop servicefile=wrong.conf', { PGSYSCONFDIR: '/nonexistent' }))
      .catch(errorMessage);

    expect(failure).toContain(message);
    expect(failure).not.toContain('hunter2');
  });
});

describe('what a session is told at its start', () => {
  const told = "SELECT current_setting('work_mem') || ' ' || current_setting('application_name') AS told";
  const url = (rest: string) => `postgres://postgres@127.0.0.1:${ports.primary}/postgres?sslmode=disable${rest}`;

  async function bothTold(rest: string): Promise<string[]> {
    const access = accessFor(url(rest));
    await using session = await openSession(access, { signal });
    return [(await session.query(told, { signal }))[0]?.['told'] ?? '', await ask(access, told)];
  }

  test('options and application_name are passed on', async () => {
    const rest = '&options=-c%20work_mem%3D7MB&application_name=our%20watch';

    expect(await bothTold(rest)).toEqual(['7MB our watch', '7MB our watch']);
  });

  test('nothing of the daemon’s own environment counts', async () => {
    vi.stubEnv('PGOPTIONS', '-c work_mem=9MB');
    vi.stubEnv('PGAPPNAME', 'someone');
    vi.stubEnv('PGSSLMODE', 'verify-full');
    vi.stubEnv('PGSSLNEGOTIATION', 'direct');
    vi.stubEnv('PGREPLICATION', 'database');
    vi.stubEnv('PGHOST', 'nowhere.invalid');

    expect(await bothTold('')).toEqual(['4MB watchkeeper', '4MB watchkeeper']);
  });
});

test('sslnegotiation=direct speaks TLS from the first byte, and verifies', async () => {
  await using authority = await makeAuthority('direct');
  const files = await authority.issue('db', { names: 'DNS:localhost' });
  const [cert, key] = await Promise.all([readFile(files.certificate), readFile(files.key)]);
  const protocols: unknown[] = [];
  // A server of PostgreSQL 17 as far as TLS goes, a server of any version behind it.
  const server = createTlsServer({ cert, key, ALPNProtocols: ['postgresql'] }, (socket) => {
    protocols.push(socket.alpnProtocol);
    const onward = connect(ports.primary, '127.0.0.1');
    socket.pipe(onward).pipe(socket);
    for (const one of [socket, onward]) one.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = (host: string) =>
    `postgres://postgres@${host}:${port}/postgres?sslmode=verify-full&sslrootcert=${authority.certificate}&sslnegotiation=direct&channel_binding=disable`;

  const session = await openSession(accessFor(url('localhost')), { signal });
  const found = (await session.query(whereSql, { signal }))[0]?.['port'];
  await session[Symbol.asyncDispose]();
  const otherName = await openSession(accessFor(url('127.0.0.1')), { signal }).catch(errorMessage);
  const program = await ask(accessFor(url('localhost')), whereSql).catch(errorMessage);
  server.close();

  expect([found, protocols[0]]).toEqual([String(ports.primary), 'postgresql']);
  expect(otherName).toContain("does not match certificate's altnames");
  if (primary.installation.major < 17) expect(program).toContain('invalid connection option "sslnegotiation"');
  else expect(program).toBe(String(ports.primary));
});
