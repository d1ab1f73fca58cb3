import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CheckFinding } from '../../../src/commands/check/finding.ts';
import { type CheckContext, checkConfiguration, runCheck } from '../../../src/commands/check.ts';
import { loadConfig, readConfig } from '../../../src/config/load.ts';
import type { LoadedConfig } from '../../../src/config/loaded.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLog } from '../../../src/core/log.ts';
import { runProcess } from '../../../src/core/run-process.ts';
import { unprivilegedUser } from '../../../src/core/unprivileged-user.ts';
import { openStore } from '../../../src/storage/index.ts';
import { probeStore } from '../../../src/storage/probe.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { findInstallations } from '../../../src/targets/postgres/programs.ts';
import { openSession } from '../../../src/targets/postgres/session.ts';
import { freePort } from '../../support/free-port.ts';
import { execute, startTestCluster } from '../../support/postgres.ts';

const searchPath = process.env['PATH'] ?? '';
const signal = new AbortController().signal;
let cluster: Cluster;
let folder: string;
let major: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'watchkeeper-check-'));
  cluster = await startTestCluster({ password: 'superuser-secret' });
  major = cluster.installation.major;
  await executeAll('postgres', [
    "CREATE ROLE monitor LOGIN PASSWORD 'monitor-secret' IN ROLE pg_monitor",
    "CREATE ROLE plain LOGIN PASSWORD 'plain-secret'",
    "CREATE ROLE reader LOGIN PASSWORD 'reader-secret' IN ROLE pg_read_all_data",
    "CREATE ROLE maker LOGIN CREATEDB PASSWORD 'maker-secret'",
    'CREATE DATABASE payments_db',
    'CREATE DATABASE closed_db',
    'REVOKE CONNECT ON DATABASE closed_db FROM PUBLIC',
  ]);
  await executeAll('payments_db', [
    'CREATE EXTENSION pg_stat_statements',
    'CREATE TABLE payments (id bigserial PRIMARY KEY, amount numeric)',
    'CREATE TABLE refunds (id bigint)',
    'CREATE TABLE audit_logs (id bigint)',
    'GRANT SELECT ON audit_logs TO plain',
  ]);
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function executeAll(database: string, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await execute(cluster, database, statement);
}

function url(user: string, database: string): string {
  const { host, port } = cluster.access.connection;
  return `postgres://${user}@${encodeURIComponent(host)}:${port}/${database}`;
}

function configure(text: string): LoadedConfig {
  const knowledge = { collectorNames: () => ['slow_queries'], scheduleProblem: () => undefined };
  const result = readConfig(text, { file: join(folder, 'watchkeeper.yaml'), environment: {}, knowledge });
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  return result.config;
}

function watched(user: string, password: string, rest = ''): LoadedConfig {
  return configure(`targets:
  payments: { engine: postgres, url: "${url(user, 'payments_db')}", password: "${password}"${rest} }`);
}

function backedUp(user: string, settings = ''): LoadedConfig {
  return configure(`targets:
  payments:
    engine: postgres
    url: ${url('monitor', 'payments_db')}
    password: monitor-secret
    backupLogin: { user: ${user}, password: ${user}-secret }
    backups: { nightly: { schedule: 0 2 * * *${settings} } }`);
}

function context(given: Partial<CheckContext> = {}): CheckContext {
  return {
    signal,
    clock: systemClock,
    log: silentLog,
    searchPath,
    openStore: ({ settings, secretAccessKey }) => openStore(settings, { secretAccessKey, clock: systemClock }),
    probeStore,
    ...given,
  };
}

function about(findings: readonly CheckFinding[], subject: string): string[] {
  return findings
    .filter((finding) => finding.subject === subject)
    .map(({ status, message, remedy }) => `${status}: ${message}${remedy === undefined ? '' : ` → ${remedy}`}`);
}

test('a role that may watch is told to be ready, with versions', async () => {
  const findings = await checkConfiguration(watched('monitor', 'monitor-secret'), context());

  expect(about(findings, 'target payments')).toEqual([
    `ok: connected as "monitor" to PostgreSQL ${await serverVersion()}`,
    'ok: the role may read all statistics (pg_monitor)',
    'ok: pg_stat_statements is installed and readable',
  ]);
});

test('a wrong password is told with its source and what to do', async () => {
  const findings = await checkConfiguration(watched('monitor', 'wrong-secret'), context());

  expect(about(findings, 'target payments')).toEqual([
    'error: the server refuses role "monitor" with the password from literal → correct the password there, or set it: ALTER ROLE "monitor" PASSWORD …; the server gives the same answer when the role does not exist',
  ]);
});

test('a missing password is told apart from a wrong one', async () => {
  const config = configure(`targets: { payments: { engine: postgres, url: "${url('monitor', 'payments_db')}" } }`);

  const findings = await checkConfiguration(config, context());

  expect(about(findings, 'target payments')).toEqual([
    'error: the server asks for the password of role "monitor", and none is configured → add "password: file:/path" or "password: ${ENV}"',
  ]);
});

test('a secret file that is not there is told by its name', async () => {
  const findings = await checkConfiguration(watched('monitor', 'file:gone'), context());

  expect(about(findings, 'target payments')).toEqual([
    `error: reading the secret in ${folder}/gone: ENOENT: no such file or directory, open '${folder}/gone' → put it there, readable for the user that runs Watchkeeper; relative paths start at the configuration file`,
  ]);
});

test('an unknown host is told by its name', async () => {
  const config = configure('targets: { payments: { engine: postgres, url: "postgres://w@nowhere.invalid/db" } }');

  const findings = await checkConfiguration(config, context());

  expect(about(findings, 'target payments')).toEqual([
    'error: the host name nowhere.invalid is not known → check the name in the URL and the name servers of this machine',
  ]);
});

test('a refused connection is told with host and port', async () => {
  const port = await freePort();
  const config = configure(`targets: { payments: { engine: postgres, url: "postgres://w@127.0.0.1:${port}/db" } }`);

  const findings = await checkConfiguration(config, context());

  expect(about(findings, 'target payments')).toEqual([
    `error: 127.0.0.1:${port} refuses the connection: nothing listens there → check host and port, that the server runs, and its listen_addresses`,
  ]);
});

test('a server that accepts and never answers is given up', async () => {
  const silent = createServer((socket) => socket.resume());
  const port = await listen(silent);
  const config = configure(`targets: { payments: { engine: postgres, url: "postgres://w@127.0.0.1:${port}/db" } }`);

  const findings = await checkConfiguration(config, context({ timeoutMs: 300 }));
  silent.close();

  expect(about(findings, 'target payments')).toEqual([
    `error: 127.0.0.1:${port} does not answer → check host and port, and that no firewall or security group between here and there drops the packets`,
  ]);
});

test('TLS that the server does not offer, an unknown authority, a wrong name and a missing file are told apart', async () => {
  const certificate = await makeCertificate('elsewhere.example');
  const findingsWith = async (parameters: string) => {
    const config = configure(`targets:
  payments: { engine: postgres, url: "${url('monitor', 'payments_db')}?${parameters}", password: monitor-secret }`);
    return about(await checkConfiguration(config, context()), 'target payments')[0];
  };
  const { port } = cluster.access.connection;

  const without = await findingsWith('sslmode=require');
  await executeAll('postgres', [
    `ALTER SYSTEM SET ssl_cert_file = '${certificate}.crt'`,
    `ALTER SYSTEM SET ssl_key_file = '${certificate}.key'`,
    'ALTER SYSTEM SET ssl = on',
    'SELECT pg_reload_conf()',
  ]);
  const unknown = await findingsWith('sslmode=verify-full');
  const otherName = await findingsWith(`sslmode=verify-full&sslrootcert=${certificate}.crt`);
  const noFile = await findingsWith('sslmode=verify-full&sslrootcert=gone.pem');
  const right = await findingsWith(`sslmode=verify-ca&sslrootcert=${certificate}.crt`);

  expect([without, unknown, otherName, noFile, right]).toEqual([
    `error: 127.0.0.1:${port} does not offer TLS, which the URL demands → switch it on there (ssl = on), or use sslmode=prefer within a network you trust`,
    `error: the certificate of 127.0.0.1:${port} cannot be verified: its authority is not known here → name the authority’s certificate in the URL: ?sslmode=verify-full&sslrootcert=/path/ca.pem`,
    `error: the certificate of 127.0.0.1:${port} is for another host name → connect by the name in the certificate, or use sslmode=verify-ca`,
    `error: reading the certificate file ${folder}/gone.pem: ENOENT: no such file or directory, open '${folder}/gone.pem' → put it there, readable for the user that runs Watchkeeper; relative paths start at the configuration file`,
    `ok: connected as "monitor" to PostgreSQL ${await serverVersion()}`,
  ]);
});

test('a database that does not exist is told', async () => {
  const config = configure(
    `targets: { payments: { engine: postgres, url: "${url('monitor', 'nothing_db')}", password: monitor-secret } }`,
  );

  const findings = await checkConfiguration(config, context());

  expect(about(findings, 'target payments')).toEqual([
    'error: there is no database "nothing_db" → correct its name in the configuration',
  ]);
});

test('a role that may not log in, and one that is kept out by pg_hba.conf, are told apart', async () => {
  await executeAll('postgres', [
    "CREATE ROLE sleeper NOLOGIN PASSWORD 'sleeper-secret'",
    "CREATE ROLE stranger LOGIN PASSWORD 'stranger-secret'",
  ]);
  await keepOut('stranger');

  const asleep = await checkConfiguration(watched('sleeper', 'sleeper-secret'), context());
  const keptOut = await checkConfiguration(watched('stranger', 'stranger-secret'), context());

  expect(about(asleep, 'target payments')).toEqual([
    'error: role "sleeper" may not log in → ALTER ROLE "sleeper" LOGIN;',
  ]);
  expect(about(keptOut, 'target payments')).toEqual([
    'error: no line of pg_hba.conf lets role "stranger" log in to "payments_db" from here → add one and reload the server: hostssl payments_db stranger <this machine’s address>/32 scram-sha-256',
  ]);
});

test('a role without pg_monitor is told with the statement that helps', async () => {
  const findings = await checkConfiguration(watched('plain', 'plain-secret'), context());

  expect(about(findings, 'target payments')).toContain(
    'error: the role is no member of pg_monitor: it sees its own sessions only, and figures about others are missing → GRANT pg_monitor TO "plain";',
  );
});

test('a superuser is warned about', async () => {
  const findings = await checkConfiguration(watched('postgres', 'superuser-secret'), context());

  expect(about(findings, 'target payments')).toContain(
    'warning: the role is a superuser, which watching does not need → use a role made by deploy/sql/roles.sql',
  );
});

test('a role with too few connections is warned about', async () => {
  await executeAll('postgres', [
    "CREATE ROLE narrow LOGIN PASSWORD 'narrow-secret' CONNECTION LIMIT 2 IN ROLE pg_monitor",
  ]);

  const findings = await checkConfiguration(watched('narrow', 'narrow-secret'), context());

  expect(about(findings, 'target payments')).toContain(
    'warning: the role may hold 2 connections; watching uses up to 5: 2 that stay, 2 for other databases, one for new logins → ALTER ROLE "narrow" CONNECTION LIMIT 5; or lower "watch.connections" or "watch.databaseConnections"',
  );
});

test('a missing extension is a warning that says how to get it, and none where the family is switched off', async () => {
  const config = (rest: string) =>
    configure(`targets:
  payments: { engine: postgres, url: "${url('monitor', 'postgres')}", password: monitor-secret${rest} }`);

  const wanted = await checkConfiguration(config(''), context());
  const switchedOff = await checkConfiguration(config(', watch: { collectors: { slow_queries: false } }'), context());

  expect(about(wanted, 'target payments')).toContain(
    'warning: the extension pg_stat_statements is not installed in database "postgres": statements are not measured → add pg_stat_statements to shared_preload_libraries and restart the server (on RDS: in the parameter group); then CREATE EXTENSION pg_stat_statements; in that database',
  );
  expect(switchedOff.filter(({ status }) => status === 'warning')).toEqual([]);
});

test('a backup role that may read everything is ready', async () => {
  const findings = await checkConfiguration(backedUp('reader'), context());

  expect(about(findings, 'target payments, database payments_db')).toEqual([
    'ok: role "reader" may read everything that is dumped',
  ]);
});

test('what a backup role may not read is named, with the grant', async () => {
  const findings = await checkConfiguration(backedUp('plain'), context());

  expect(about(findings, 'target payments, database payments_db')).toEqual([
    'error: role "plain" may not read public.payments, public.payments_id_seq, public.refunds: the backup would fail → GRANT pg_read_all_data TO "plain";',
  ]);
});

test('what a schedule leaves out need not be readable, unless another one has it', async () => {
  const subject = 'target payments, database payments_db';
  const part = await checkConfiguration(backedUp('plain', ', select: { tables: [public.audit_*] }'), context());
  const another = '}, weekly: { schedule: 0 3 * * 0, select: { excludeTables: [public.payments] }';
  const both = await checkConfiguration(
    backedUp('plain', `, select: { tables: [public.audit_*] } ${another}`),
    context(),
  );

  expect(about(part, subject)).toEqual(['ok: role "plain" may read everything that is dumped']);
  expect(about(both, subject)).toEqual([
    'error: role "plain" may not read public.refunds: the backup would fail → GRANT pg_read_all_data TO "plain";',
  ]);
});

test('a part that does not restore by itself, or is none, is told before it is needed', async () => {
  await executeAll('postgres', ['CREATE DATABASE parts_db']);
  await executeAll('parts_db', [
    'CREATE SCHEMA shared',
    "CREATE TYPE shared.state AS ENUM ('new')",
    'CREATE TABLE customers (id int PRIMARY KEY)',
    'CREATE TABLE orders (customer int REFERENCES customers, state shared.state)',
  ]);
  const selected = async (select: string) =>
    about(
      await checkConfiguration(backedUp('reader', `, databases: [parts_db], select: ${select}`), context()),
      'target payments, database parts_db',
    );
  const readable = 'ok: role "reader" may read everything that is dumped';

  expect(await selected('{ tables: [public.orders] }')).toEqual([
    'warning: nightly: foreign keys to what is not backed up are not restored: orders_customer_fkey of public.orders → choose the tables that they refer to as well, if you want them',
    'error: nightly: what is backed up cannot be restored by itself: table public.orders needs type shared.state → choose that as well, or whole schemas; restore it only where it is already, and switch proofs off',
    readable,
  ]);
  expect(await selected('{ schemas: [public, shared] }')).toEqual([readable]);
  expect(await selected('{ tables: [public.ordres] }')).toEqual([
    'error: nightly: the database has no table public.ordres to back up → look at `select` of the schedule',
  ]);
});

test('names of what is to be backed up that fit nothing beside others that do are told', async () => {
  const subject = 'target payments, database payments_db';
  const select =
    ', select: { tables: [public.refunds, public.refund, "old.*"], excludeTables: [public.gone], excludeTableData: [public.log] }';
  const one = await checkConfiguration(backedUp('reader', select), context());
  const two = await checkConfiguration(backedUp('reader', `${select}, databases: [payments_db, postgres]`), context());
  const byPattern = backedUp('reader', `${select}, databases: { include: ["pay*"] }`);
  const targets = byPattern.targets.map((target) => ({
    ...target,
    backups: target.backups.map((backup) => ({ ...backup, databases: ['payments_db'] })),
  }));
  const all = await checkConfiguration({ ...byPattern, targets } as LoadedConfig, context());
  const found = (findings: readonly CheckFinding[]) => about(findings, subject).map((text) => text.split(' → ')[0]);

  const missing = 'nightly: nothing in the database fits "public.refund" of select.tables';
  const others = [
    'warning: nightly: nothing in the database fits "old.*" of select.tables',
    'warning: nightly: nothing in the database fits "public.gone" of select.excludeTables',
    'warning: nightly: nothing in the database fits "public.log" of select.excludeTableData',
    'ok: role "reader" may read everything that is dumped',
  ];
  expect(found(one)).toEqual([`error: ${missing}: it is not backed up`, ...others]);
  expect(found(two)).toEqual([`warning: ${missing}`, ...others]);
  expect(found(all)).toEqual(others.slice(-1));
});

test('of many unreadable tables the first ones are named and the others counted', async () => {
  await executeAll('postgres', ['CREATE DATABASE many_db']);
  const tables = Array.from({ length: 8 }, (_, index) => `CREATE TABLE t${index} (id int)`);
  await executeAll('many_db', tables);

  const findings = await checkConfiguration(backedUp('plain', ', databases: [many_db]'), context());

  expect(about(findings, 'target payments, database many_db')).toEqual([
    'error: role "plain" may not read public.t0, public.t1, public.t2, public.t3, public.t4, 3 more: the backup would fail → GRANT pg_read_all_data TO "plain";',
  ]);
});

test('a database that the backup role may not enter is told with the grant', async () => {
  const findings = await checkConfiguration(backedUp('reader', ', databases: [payments_db, closed_db]'), context());

  expect(about(findings, 'target payments, database closed_db')).toEqual([
    'error: role "reader" may not connect to database "closed_db" → GRANT CONNECT ON DATABASE "closed_db" TO "reader";',
  ]);
});

test('row security and large objects that would break a dump are told', async () => {
  await executeAll('postgres', ['CREATE DATABASE guarded_db']);
  await executeAll('guarded_db', [
    'CREATE TABLE tenants (id int)',
    'ALTER TABLE tenants ENABLE ROW LEVEL SECURITY',
    'SELECT lo_create(0)',
  ]);

  const findings = await checkConfiguration(backedUp('reader', ', databases: [guarded_db]'), context());

  expect(about(findings, 'target payments, database guarded_db')).toEqual([
    'ok: role "reader" may read everything that is dumped',
    'error: row security hides rows of public.tenants from role "reader": the backup would fail → ALTER ROLE "reader" BYPASSRLS;',
    'error: role "reader" may not read 1 large objects: the backup would fail → GRANT SELECT ON LARGE OBJECT … TO "reader"; for each, or back up as their owner; pg_read_all_data does not cover them',
  ]);
});

test('programs and sandbox are told with their versions', async () => {
  const findings = await checkConfiguration(backedUp('reader'), context());

  const { directory, version } = cluster.installation;
  expect(about(findings, 'programs')[0]).toBe(
    `ok: pg_dump, pg_restore ${version} in ${directory} fit PostgreSQL ${major} (payments)`,
  );
  expect(about(findings, 'sandbox local')).toEqual([
    `ok: initdb, postgres ${version} in ${directory} fit backups of PostgreSQL ${major}`,
  ]);
});

test('an extension that the sandbox does not have is told with the databases that use it', async () => {
  // As if a server with that extension had been connected to: its catalog is all that is looked at.
  await executeAll('postgres', ['CREATE DATABASE odd_db']);
  await executeAll('odd_db', [
    'SET allow_system_table_mods = on',
    "INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) VALUES (99999, 'timescaledb', 10, 2200, false, '2.1')",
  ]);

  const findings = await checkConfiguration(backedUp('reader', ', databases: [odd_db]'), context());

  expect(about(findings, 'sandbox local')).toContain(
    `error: the extension timescaledb of payments/odd_db is not available there: a restore could not be proven → install timescaledb for PostgreSQL ${major} where the sandbox runs`,
  );
});

test('a sandbox on another server needs a role that may make databases', async () => {
  const config = (user: string) =>
    configure(`sandboxes: { scratch: { type: server, url: "${url(user, 'postgres')}", password: ${user}-secret } }
targets:
  payments:
    engine: postgres
    url: ${url('monitor', 'payments_db')}
    password: monitor-secret
    backups: { nightly: { schedule: 0 2 * * *, verify: { sandbox: scratch } } }`);

  const able = await checkConfiguration(config('maker'), context());
  const unable = await checkConfiguration(config('plain'), context());

  expect(about(able, 'sandbox scratch')).toEqual([
    `ok: role "maker" may make scratch databases on PostgreSQL ${await serverVersion()}`,
  ]);
  expect(about(unable, 'sandbox scratch')).toEqual([
    'error: role "plain" may not make a scratch database → ALTER ROLE "plain" CREATEDB;',
  ]);
});

test('a store that works was really tried, and nothing is left in it', async () => {
  const findings = await checkConfiguration(backedUp('reader'), context());

  expect(about(findings, 'store local')).toEqual([
    `ok: an object was written to ${folder}/watchkeeper-backups, read back, listed and deleted`,
  ]);
  expect(await readdir(join(folder, 'watchkeeper-backups'))).not.toContain('.probe');
});

test('a store that cannot be a folder is told, with what to look at', async () => {
  await writeFile(join(folder, 'file'), '');
  const config = configure('stores: { disk: { type: filesystem, path: file/backups } }');

  const findings = await checkConfiguration(config, context());

  expect(about(findings, 'store disk')[0]).toMatch(/^error: .* → check the path .*\/file\/backups$/);
});

test('a store that refuses connections is told within the time it is given', async () => {
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const config = configure(`stores:
  bucket: { type: s3, bucket: b, endpoint: "${endpoint}", accessKeyId: key, secretAccessKey: bucket-secret }`);

  const findings = await checkConfiguration(config, context({ timeoutMs: 2_000 }));

  expect(about(findings, 'store bucket')[0]).toMatch(
    /^error: .* → check endpoint and region, and the way through firewalls and proxies$/,
  );
  expect(JSON.stringify(findings)).not.toContain('bucket-secret');
});

test('pg_dump that is older than the server is told with both versions', async () => {
  const programs = await fakePrograms('old', `${major - 1}.9`, ['pg_dump', 'pg_restore', 'initdb', 'postgres']);

  const findings = await checkWithPrograms(programs);

  expect(about(findings, 'programs')[0]).toBe(
    `error: pg_dump, pg_restore of PostgreSQL ${major} or newer is needed for this server, the newest found is ${major - 1}.9 in ${programs} → install postgresql-client-${major} or name its folder in "programs.postgres"`,
  );
  expect(about(findings, 'sandbox local')[0]).toBe(
    `error: initdb, postgres of PostgreSQL ${major} or newer is needed for this server, the newest found is ${major - 1}.9 in ${programs} → install postgresql-${major} or name its folder in "programs.postgres"`,
  );
});

test('programs that back up roles and prove them are told where a schedule needs them', async () => {
  const programs = await fakePrograms('dump-only', `${major}.1`, ['pg_dump', 'pg_restore']);

  const findings = await checkWithPrograms(
    programs,
    backedUp('reader', ' }, roles: { schedule: 0 3 * * *, method: globals'),
  );

  expect(about(findings, 'programs').slice(0, 2)).toEqual([
    `ok: pg_dump, pg_restore ${major}.1 in ${programs} fit PostgreSQL ${major} (payments)`,
    `error: pg_dumpall, psql of PostgreSQL ${major} or newer is needed for this server, no pg_dumpall, psql was found → install postgresql-client-${major} or name its folder in "programs.postgres"`,
  ]);
});

test('a missing pg_dump is told with the package that has it', async () => {
  const findings = await checkWithPrograms(await fakePrograms('none', `${major}.1`, []));

  expect(about(findings, 'programs')).toEqual([
    `error: pg_dump, pg_restore of PostgreSQL ${major} or newer is needed for this server, no pg_dump, pg_restore was found → install postgresql-client-${major} or name its folder in "programs.postgres"`,
    'warning: zstd is not installed: backups are compressed on one core → install the package zstd',
  ]);
});

test('the command prints marks and remedies, and exits with 1 when something is wrong', async () => {
  const file = await configFile(`targets:
  payments: { engine: postgres, url: "${url('plain', 'payments_db')}", password: "\${PLAIN_PASSWORD}" }`);

  const { code, printed } = await run(file, { PLAIN_PASSWORD: 'plain-secret' });

  expect(code).toBe(1);
  expect(printed).toBe(`target payments
  ✓ connected as "plain" to PostgreSQL ${await serverVersion()}
  ✗ the role is no member of pg_monitor: it sees its own sessions only, and figures about others are missing
      → GRANT pg_monitor TO "plain";
  ✓ pg_stat_statements is installed and readable

1 error, 0 warnings, 2 checks passed
`);
});

test('the command exits with 0 when all is well, and says all of it as JSON', async () => {
  const file = await configFile(`targets:
  payments: { engine: postgres, url: "${url('monitor', 'payments_db')}", password: "\${MONITOR_PASSWORD}" }`);

  const { code, printed } = await run(file, { MONITOR_PASSWORD: 'monitor-secret' }, true);

  expect(code).toBe(0);
  expect(JSON.parse(printed)).toMatchObject({
    ok: true,
    findings: [{ subject: 'target payments', status: 'ok' }, {}, {}],
  });
});

test('the command tells problems of the file with their lines and connects to nothing', async () => {
  const file = await configFile(
    'targets:\n  payments: { engine: postgres, url: "postgres://w@nowhere.invalid/x", uri: x }',
  );

  const { code, printed } = await run(file, {});

  expect(code).toBe(1);
  expect(printed).toBe(`configuration
  ✗ ${file}:2:72: targets.payments.uri: unknown setting "uri"; did you mean "url"?

1 error, 0 warnings, 0 checks passed
`);
});

test('no output of the command shows a password', async () => {
  const file = await configFile(`targets:
  right: { engine: postgres, url: "${url('plain', 'payments_db')}", password: plain-secret }
  wrong: { engine: postgres, url: "${url('plain:wrong-secret', 'payments_db')}" }
  closed: { engine: postgres, url: "${url('plain:plain-secret', 'closed_db')}" }`);

  const text = await run(file, {});
  const json = await run(file, {}, true);

  expect(text.printed).toContain('target closed');
  expect(text.printed + json.printed).not.toMatch(/(plain|wrong)-secret/);
});

/** The first line that fits decides; the server reads the file again when it is told to. */
async function keepOut(role: string): Promise<void> {
  const file = join(cluster.dataDirectory, 'pg_hba.conf');
  await writeFile(file, `host all ${role} 127.0.0.1/32 reject\n${await readFile(file, 'utf8')}`);
  await executeAll('postgres', ['SELECT pg_reload_conf()']);
}

/** A certificate that nobody signed but itself, readable for the server; the path without its ending. */
async function makeCertificate(name: string): Promise<string> {
  const path = join(cluster.dataDirectory, 'test');
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`];
  await runProcess('openssl', [...args, '-keyout', `${path}.key`, '-out', `${path}.crt`], { signal });
  const user = await unprivilegedUser();
  if (user !== undefined) await chown(`${path}.key`, user.uid, user.gid);
  await chmod(`${path}.key`, 0o600);
  return path;
}

async function serverVersion(): Promise<string> {
  await using session = await openSession(cluster.access, { signal });
  return session.versionText;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port was given');
  return address.port;
}

/** A folder of programs that do nothing but say their version. */
async function fakePrograms(name: string, version: string, programs: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  for (const program of programs) {
    await writeFile(join(path, program), `#!/bin/sh\necho "${program} (PostgreSQL) ${version}"\n`);
    await chmod(join(path, program), 0o755);
  }
  return path;
}

async function checkWithPrograms(path: string, config = backedUp('reader')): Promise<CheckFinding[]> {
  const found = await findInstallations([path], '', signal);
  const installations = found.filter(({ directory }) => directory === path);
  return checkConfiguration(config, context({ searchPath: path, installations }));
}

async function configFile(text: string): Promise<string> {
  const file = join(await mkdtemp(join(folder, 'config-')), 'watchkeeper.yaml');
  await writeFile(file, text);
  return file;
}

async function run(
  file: string,
  environment: Record<string, string>,
  json = false,
): Promise<{ code: number; printed: string }> {
  let printed = '';
  const code = await runCheck({
    ...context(),
    file,
    json,
    load: (path) => loadConfig(path, environment),
    out: (text) => {
      printed += text;
    },
  });
  return { code, printed };
}

test('families of the user are run once, and what is wrong with one is told', async () => {
  await writeFile(
    join(folder, 'queries.yaml'),
    `families:
  right: { sql: SELECT 1 AS a, columns: { a: gauge } }
  wrong: { sql: SELECT a FROM nowhere, columns: { a: gauge } }
  new: { versions: '>=99', sql: SELECT 1 AS a, columns: { a: gauge } }
`,
  );

  const findings = await checkConfiguration(
    watched('monitor', 'monitor-secret', ', watch: { customQueries: [queries.yaml] }'),
    context(),
  );

  const told = about(findings, 'target payments');
  expect(told).toContain('ok: the family "right" gives 1 sample');
  expect(told).toContain('warning: the family "new" measures nothing here: not for this version of the server');
  expect(told.join()).toMatch(
    /error: the family "wrong": \S*queries\.yaml:3: the statement of "wrong" fails .*relation "nowhere" does not exist/,
  );
});
