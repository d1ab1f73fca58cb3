import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PgbouncerWatchSettings } from '../../../src/collectors/pgbouncer/settings.ts';
import { checkPgbouncer } from '../../../src/commands/check/pgbouncer.ts';
import { runCheck } from '../../../src/commands/check.ts';
import { runDoctor } from '../../../src/commands/doctor.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { literalSecret } from '../../../src/core/secret.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { openStore } from '../../../src/storage/index.ts';
import { probeStore } from '../../../src/storage/probe.ts';
import type { PostgresAccess } from '../../../src/targets/libpq/access.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { writeConfig } from '../../support/command-line.ts';
import { freePort } from '../../support/free-port.ts';
import { startTestPgbouncer, type TestPgbouncer, watchedPgbouncer } from '../../support/pgbouncer.ts';
import { createDatabase, execute, startTestCluster } from '../../support/postgres.ts';
import { startSilentServer } from '../../support/silent-server.ts';
import { testContext } from '../../support/test-context.ts';

let cluster: Cluster;
let pgbouncer: TestPgbouncer;

beforeAll(async () => {
  cluster = await startTestCluster();
  await createDatabase(cluster, 'shop', 'CREATE EXTENSION pg_stat_statements');
  await execute(cluster, 'postgres', 'CREATE ROLE app LOGIN IN ROLE pg_monitor, pg_read_all_data');
  const server = `host=127.0.0.1 port=${cluster.access.connection.port}`;
  pgbouncer = await startTestPgbouncer({
    databases: { '*': server, statements: `${server} dbname=shop pool_mode=statement` },
    settings: { pool_mode: 'transaction' },
    users: { app: 'app-secret' },
  });
});

afterAll(async () => {
  await pgbouncer?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

async function check(access: PostgresAccess, watch: Partial<PgbouncerWatchSettings> = {}): Promise<string[]> {
  const target = { ...watchedPgbouncer('pooler', access, watch), backups: [] };
  const findings = await checkPgbouncer(target, { ...testContext(), timeoutMs: 2_000 });
  return findings.map(({ status, message, remedy }) => `${status}: ${message}${remedy ? ` → ${remedy}` : ''}`);
}

test('a user of stats_users is told the version and that all can be asked', async () => {
  const findings = await check(pgbouncer.access());

  expect(findings).toEqual([
    expect.stringMatching(/^ok: connected as "stats" to the console of PgBouncer 1\.\d+\.\d+$/),
    expect.stringMatching(/^ok: \d+ families can be collected/),
  ]);
});

test('a user that may do more than look is told how to have less', async () => {
  const findings = await check(pgbouncer.access('admin'));

  expect(findings).toContain(
    'warning: user "admin" may also pause and shut down PgBouncer, which watching does not need → in pgbouncer.ini: name it in stats_users and not in admin_users, then RELOAD',
  );
});

test('processes that share a port are told to be targets of their own, by what is their own', async () => {
  await using shared = await startTestPgbouncer({ settings: { so_reuseport: 1 } });

  const byPort = await check(shared.access());
  const bySocket = await check(shared.access('stats', 'stats-secret', { host: shared.folder }));

  const warning =
    'warning: several processes may share this port (so_reuseport): each login comes to any of them → make a target of each, by its own Unix socket or port';
  expect(byPort).toContain(warning);
  expect(bySocket).not.toContain(warning);
});

test('a user that may not use the console is told the line to write', async () => {
  const findings = await check(pgbouncer.access('app'));

  expect(findings).toEqual([
    'error: user "app" may not use the console of PgBouncer → in pgbouncer.ini: stats_users = app; then RELOAD',
  ]);
});

test('a wrong password is told with its source, and not shown', async () => {
  const wrong = literalSecret('wrong-secret', 'file:/run/secrets/pooler');

  const findings = await check({ ...pgbouncer.access(), password: wrong });

  expect(findings).toEqual([
    'error: PgBouncer refuses user "stats" with the password from file:/run/secrets/pooler → correct the password there, or the line of "stats" in auth_file; PgBouncer gives the same answer for users that it does not know',
  ]);
});

test('PostgreSQL, nobody and somebody silent in its place are told apart', async () => {
  await using silent = await startSilentServer();
  const { port } = cluster.access.connection;
  const unused = await freePort();
  const at = (there: number) => pgbouncer.access('postgres', '', { port: there });

  const postgres = await check(at(port));
  const nobody = await check(at(unused));
  const nothing = await check(at(silent.port));

  expect(postgres).toEqual([
    `error: what answers on 127.0.0.1:${port} is not the console of PgBouncer → check the port: PgBouncer’s is 6432 unless listen_port says otherwise`,
  ]);
  expect(nobody).toEqual([expect.stringContaining(`127.0.0.1:${unused} refuses the connection`)]);
  expect(nothing).toEqual([expect.stringContaining(`127.0.0.1:${silent.port} does not answer`)]);
});

/** What a command says about a file with these targets. */
async function output(command: typeof runCheck, targets: string): Promise<string> {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-check-' });
  const [, file] = await writeConfig(
    folder.path,
    `stores: { here: { type: filesystem, path: . } }\ntargets:\n${targets}`,
  );
  const context = testContext();
  let text = '';
  await command({
    ...context,
    file,
    json: false,
    searchPath: process.env['PATH'] ?? '',
    load: (path) => loadConfig(path, {}),
    openStore: ({ settings, secretAccessKey }) => openStore(settings, { secretAccessKey, clock: context.clock }),
    probeStore,
    out: (more) => {
      text += more;
    },
  });
  return text;
}

test.each([runCheck, runDoctor])('%o tells about a PgBouncer, and about what goes through it', async (command) => {
  const url = (user: string, database: string) =>
    `"postgres://${user}:\${PASSWORD:-${user}-secret}@127.0.0.1:${pgbouncer.port}/${database}"`;

  const text = await output(
    command,
    `  pooler: { engine: pgbouncer, url: ${url('stats', 'pgbouncer')} }
  through: { engine: postgres, url: ${url('app', 'shop')}, backups: { nightly: { schedule: 0 2 * * * } } }
  bounded: { engine: postgres, url: ${url('app', 'statements')} }
`,
  );

  expect(text).toMatch(/connected as "stats" to the console of PgBouncer/);
  expect(text).toMatch(/connected as "app" to PostgreSQL/);
  expect(text).toContain('a connection pooler stands between here and the server');
  expect(text).toContain(
    'the backup would go through a connection pooler that gives connections away between transactions',
  );
  expect(text).toContain('pools statements (pool_mode = statement)');
});
