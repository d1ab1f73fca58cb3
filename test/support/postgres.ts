import { startStandby as startStandbyOf } from '../../src/commands/demo/standby.ts';
import { systemClock } from '../../src/core/clock.ts';
import { unprivilegedUser } from '../../src/core/unprivileged-user.ts';
import { type PostgresAccess, withDatabase } from '../../src/targets/libpq/access.ts';
import { type Cluster, startCluster } from '../../src/targets/postgres/cluster.ts';
import {
  chooseInstallation,
  findInstallations,
  type ProgramInstallation,
} from '../../src/targets/postgres/programs.ts';
import { openSession, quoteIdentifier, type Row } from '../../src/targets/postgres/session.ts';
import { freePort } from './free-port.ts';
import { installationOfMajor, type PostgresMajor } from './postgres-majors.ts';

/** Begins the folders' names of servers that tests start. */
export const testClusterPrefix = 'watchkeeper-test-postgres-';

const never = new AbortController().signal;

/** Safe to lose and quick to start; with what the families about statements and replication need. */
const testSettings: Readonly<Record<string, string>> = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: "'32MB'",
  max_connections: '50',
  wal_level: 'replica',
  max_wal_senders: '5',
  shared_preload_libraries: "'pg_stat_statements'",
  track_io_timing: 'on',
};

export interface TestClusterOptions {
  /** Of this major, with the server's programs alone; default: the machine's newest, with all programs. */
  readonly major?: PostgresMajor;
  /** `socket`: in the cluster's own folder, as `access.connection.host` tells. Default: a free port of 127.0.0.1. */
  readonly listen?: 'tcp' | 'socket';
  /** The superuser's password; absent: everybody is trusted. */
  readonly password?: string;
  /** Lines for postgresql.conf, on top of those that tests always use. Text must be quoted as it is there. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly initdbArguments?: readonly string[];
}

/** A PostgreSQL server for one test file or one test: bind it with `await using`, or dispose of it in `afterAll`. */
export async function startTestCluster(options: TestClusterOptions = {}): Promise<Cluster> {
  const { major, listen = 'tcp', settings, ...rest } = options;
  return startCluster({
    ...(await surroundings(listen)),
    installation: major === undefined ? await testInstallation() : await installationOfMajor(major),
    settings: { ...testSettings, ...settings },
    ...rest,
  });
}

/** A standby that streams from `primary` and is called `name` there (its slot and its application name). */
export async function startTestStandby(
  primary: Cluster,
  name = 'standby',
  options: Pick<TestClusterOptions, 'listen' | 'settings'> = {},
): Promise<Cluster> {
  const { listen = 'tcp', settings = {} } = options;
  return startStandbyOf(primary, { ...(await surroundings(listen)), slot: name, settings });
}

async function surroundings(listen: 'tcp' | 'socket') {
  return {
    name: testClusterPrefix,
    user: await unprivilegedUser(),
    clock: systemClock,
    signal: never,
    ...(listen === 'tcp' ? { port: await freePort() } : {}),
  };
}

/** The programs with which tests run servers: all of them, of the newest version on this machine. */
export async function testInstallation(): Promise<ProgramInstallation> {
  const [newest] = await testInstallations();
  return chooseInstallation(newest === undefined ? [] : [newest], {
    programs: ['initdb', 'postgres', 'pg_dump', 'pg_restore', 'pg_basebackup'],
    serverMajor: 12,
  });
}

export function testInstallations(): Promise<ProgramInstallation[]> {
  return findInstallations([], process.env['PATH'] ?? '', never);
}

/** Runs SQL, also several statements, as the superuser, in a connection of its own; gives the last statement's rows as text. */
export async function execute(server: Cluster | PostgresAccess, database: string, sql: string): Promise<Row[]> {
  const access = 'access' in server ? server.access : server;
  await using session = await openSession(withDatabase(access, database), { signal: never, applicationName: 'test' });
  const result = (await session.query(sql, { signal: never })) as Row[] | undefined;
  return result ?? [];
}

/** Makes a database, fills it by `sql`, and gives the access to it. */
export async function createDatabase(cluster: Cluster, name: string, sql?: string): Promise<PostgresAccess> {
  await execute(cluster, 'postgres', `CREATE DATABASE ${quoteIdentifier(name)}`);
  if (sql !== undefined) await execute(cluster, name, sql);
  return withDatabase(cluster.access, name);
}
