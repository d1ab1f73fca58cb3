import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { literalSecret } from '../../core/secret.ts';
import { unprivilegedUser } from '../../core/unprivileged-user.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { makeWorkDirectory, sweepWorkDirectories } from '../../core/work-directory.ts';
import { withDatabase } from '../../targets/libpq/access.ts';
import { type Cluster, startCluster } from '../../targets/postgres/cluster.ts';
import { chooseInstallation, findInstallations } from '../../targets/postgres/programs.ts';
import { backupRole, demoConfiguration, monitorRole } from './configuration.ts';
import { demoDatabases } from './databases.ts';
import { createDatabases, createRoles } from './populate.ts';
import { startStandby } from './standby.ts';
import { startWorkload } from './workload.ts';

/** Real servers at work, and a configuration file for them. Disposing ends the servers and removes every file. */
export interface Stage extends AsyncDisposable {
  readonly configFile: string;
  readonly databases: readonly string[];
  readonly primary: Cluster;
  readonly standby: Cluster;
  /** In the form of libpq's password file, with the superuser's password for both servers. */
  readonly passwordFile: string;
}

export interface StageOptions extends WorkContext {
  readonly searchPath: string;
  /** Address and port for the daemon. */
  readonly listen: string;
  readonly onStep: (text: string) => void;
}

/** Of both folders' names: they tell whose they are. */
const prefix = 'watchkeeper-demo-';

/** Nothing in these servers must outlive the demo, so nothing is written safely; the rest is as servers usually are. */
const serverSettings: Readonly<Record<string, string>> = {
  fsync: 'off',
  full_page_writes: 'off',
  wal_level: 'replica',
  max_connections: '100',
  shared_buffers: "'64MB'",
  shared_preload_libraries: "'pg_stat_statements'",
  track_io_timing: 'on',
};

/** Makes everything. What was made already is removed again when something fails or the signal fires. */
export async function setUpStage(options: StageOptions): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const { signal, clock, onStep } = options;
  await sweepWorkDirectories(prefix, undefined);
  const folder = stack.use(await makeWorkDirectory({ prefix }));
  const passwords = Object.fromEntries(
    ['postgres', monitorRole, backupRole, ...demoDatabases.map(({ owner }) => owner)].map((role) => [
      role,
      newPassword(),
    ]),
  );

  onStep('starting a PostgreSQL server');
  const primary = stack.use(await startPrimary(options, passwords['postgres'] ?? ''));
  onStep('making four databases');
  await createDatabases(primary.access, demoDatabases, signal);
  const [watched] = demoDatabases;
  await createRoles(withDatabase(primary.access, watched.name), passwords, signal);
  onStep('starting a streaming standby');
  const surroundings = { name: prefix, user: await unprivilegedUser(), clock, signal };
  const standby = stack.use(await startStandby(primary, { ...surroundings, slot: 'standby' }));
  stack.use(startWorkload(worksOn(primary, passwords), options));

  const databases = demoDatabases.map(({ name }) => name);
  const files = await writeFiles(folder.path, { listen: options.listen, primary, standby, databases, passwords });
  const made = stack.move();
  return { ...files, databases, primary, standby, [Symbol.asyncDispose]: () => made.disposeAsync() };
}

function newPassword(): string {
  return randomBytes(18).toString('base64url');
}

async function startPrimary(options: StageOptions, password: string): Promise<Cluster> {
  const installations = await findInstallations([], options.searchPath, options.signal);
  return startCluster({
    clock: options.clock,
    signal: options.signal,
    name: prefix,
    user: await unprivilegedUser(),
    installation: chooseInstallation(installations, {
      programs: ['initdb', 'postgres', 'pg_basebackup', 'pg_dump', 'pg_restore'],
      serverMajor: 13,
    }),
    settings: serverSettings,
    password,
  });
}

function worksOn(primary: Cluster, passwords: Readonly<Record<string, string>>) {
  return demoDatabases.map(({ name, owner, work }) => ({
    access: {
      connection: { ...primary.access.connection, user: owner, database: name },
      password: literalSecret(passwords[owner] ?? ''),
    },
    applicationName: owner,
    statements: work,
  }));
}

async function writeFiles(
  folder: string,
  given: {
    readonly listen: string;
    readonly primary: Cluster;
    readonly standby: Cluster;
    readonly databases: readonly string[];
    readonly passwords: Readonly<Record<string, string>>;
  },
): Promise<Pick<Stage, 'configFile' | 'passwordFile'>> {
  const storePath = join(folder, 'backups');
  await mkdir(storePath);
  const write = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const passwordFiles = {
    [monitorRole]: await write('monitor-password', `${given.passwords[monitorRole]}\n`),
    [backupRole]: await write('backup-password', `${given.passwords[backupRole]}\n`),
  };
  const configuration = demoConfiguration({
    listen: given.listen,
    primary: given.primary.access,
    standby: given.standby.access,
    databases: given.databases,
    programDirectory: given.primary.installation.directory,
    passwordFiles,
    storePath,
  });
  return {
    configFile: await write('watchkeeper.yaml', configuration),
    passwordFile: await write('pgpass', `*:*:*:postgres:${given.passwords['postgres']}\n`),
  };
}
