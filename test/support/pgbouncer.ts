import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pgbouncerCollectors } from '../../src/collectors/pgbouncer/index.ts';
import { type PgbouncerWatchSettings, pgbouncerWatchSettings } from '../../src/collectors/pgbouncer/settings.ts';
import type { WatchedPgbouncer } from '../../src/collectors/pgbouncer/watch.ts';
import { findProgram } from '../../src/core/find-program.ts';
import { startProcess } from '../../src/core/run-process.ts';
import { literalSecret } from '../../src/core/secret.ts';
import { unprivilegedUser } from '../../src/core/unprivileged-user.ts';
import { makeWorkDirectory } from '../../src/core/work-directory.ts';
import type { PostgresAccess } from '../../src/targets/libpq/access.ts';
import { connectClient } from '../../src/targets/libpq/client.ts';
import { ClientSession, type Row } from '../../src/targets/libpq/client-session.ts';
import type { Connection } from '../../src/targets/libpq/connection.ts';
import { freePort } from './free-port.ts';

const never = new AbortController().signal;

export interface TestPgbouncerOptions {
  /** The lines of [databases], e.g. `{ shop: 'host=127.0.0.1 port=5432' }`. */
  readonly databases?: Readonly<Record<string, string>>;
  /** Lines of [pgbouncer], beside those that tests always use. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Passwords by user, beside `admin` and `stats`, whose passwords are `admin-secret` and `stats-secret`. */
  readonly users?: Readonly<Record<string, string>>;
  /** Files beside pgbouncer.ini, for settings that name some: `{ 'server.pem': … }`. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A PgBouncer of a test. Disposing stops it and removes its folder. */
export interface TestPgbouncer extends AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  /** To the console, as `stats` by default. */
  access(user?: string, password?: string, changes?: Partial<Connection>): PostgresAccess;
  /** A command of the console, as its administrator. */
  command(sql: string): Promise<Row[]>;
  /** What it wrote to its log. */
  log(): readonly string[];
  /** Stops the process where it is, so that it neither answers nor closes anything. */
  freeze(): void;
  thaw(): void;
}

export async function startTestPgbouncer(options: TestPgbouncerOptions = {}): Promise<TestPgbouncer> {
  const port = await freePort();
  const user = await unprivilegedUser();
  const directory = await makeWorkDirectory({ prefix: 'watchkeeper-test-pgbouncer-', owner: user });
  const file = await writeFiles(directory.path, port, user?.name, options);
  const log: string[] = [];
  const running = startProcess(await pgbouncerProgram(), [file], {
    signal: never,
    cwd: directory.path,
    onStderrLine: (line) => log.push(line),
  });
  running.stdout.resume();
  let isOver = false;
  const noteEnd = () => {
    isOver = true;
  };
  running.exited.then(noteEnd, noteEnd);
  const signalProcess = (name: NodeJS.Signals) => {
    if (running.pid !== undefined && !isOver) process.kill(running.pid, name);
  };
  const pgbouncer: TestPgbouncer = {
    port,
    folder: directory.path,
    access: (name = 'stats', password = `${name}-secret`, changes = {}) => ({
      connection: { host: '127.0.0.1', port, user: name, database: 'pgbouncer', sslMode: 'prefer', ...changes },
      password: literalSecret(password),
    }),
    command: (sql) => askOnce(pgbouncer.access('admin'), sql),
    log: () => log,
    freeze: () => signalProcess('SIGSTOP'),
    thaw: () => signalProcess('SIGCONT'),
    async [Symbol.asyncDispose]() {
      signalProcess('SIGKILL');
      await running.exited.catch(() => undefined);
      await directory[Symbol.asyncDispose]();
    },
  };
  try {
    for (let tries = 0; ; tries++) {
      const failure = await pgbouncer.command('SHOW VERSION').then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) return pgbouncer;
      if (isOver || tries > 200) throw new Error(`starting PgBouncer: ${log.join(' | ')}`, { cause: failure });
      await delay(50);
    }
  } catch (error) {
    await pgbouncer[Symbol.asyncDispose]();
    throw error;
  }
}

async function writeFiles(
  folder: string,
  port: number,
  user: string | undefined,
  { databases = {}, settings = {}, users = {}, files = {} }: TestPgbouncerOptions,
): Promise<string> {
  const passwords = { admin: 'admin-secret', stats: 'stats-secret', ...users };
  const lines = Object.entries(passwords).map(([name, password]) => `"${name}" "${password}"`);
  await writeFile(join(folder, 'users.txt'), lines.join('\n'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const ini = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: folder,
    auth_type: 'scram-sha-256',
    auth_file: join(folder, 'users.txt'),
    admin_users: 'admin',
    stats_users: 'stats',
    // It refuses to go on as root.
    ...(user === undefined ? {} : { user }),
    ...settings,
  };
  const section = (values: Readonly<Record<string, string | number>>) =>
    Object.entries(values).map(([name, value]) => `${name} = ${value}`);
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(file, ['[databases]', ...section(databases), '[pgbouncer]', ...section(ini), ''].join('\n'));
  return file;
}

async function pgbouncerProgram(): Promise<string> {
  const folders = [process.env['PATH'], '/usr/sbin', join(import.meta.dirname, '../../.cache/bin')];
  const path = await findProgram('pgbouncer', folders.join(delimiter));
  if (path === undefined) throw new Error('pgbouncer is not installed: run "sh scripts/setup test"');
  return path;
}

/** One statement by the simple query protocol, in a connection of its own. */
async function askOnce(access: PostgresAccess, sql: string): Promise<Row[]> {
  const options = { signal: never, applicationName: 'test', connectTimeoutMs: 2_000 };
  await using session = new ClientSession(await connectClient(access, access.connection, options));
  return await session.query(sql, { signal: AbortSignal.timeout(10_000) });
}

/** A PgBouncer to be watched with the default settings, as far as they are not given. */
export function watchedPgbouncer(
  name: string,
  access: PostgresAccess,
  watch: Partial<PgbouncerWatchSettings> = {},
): WatchedPgbouncer {
  return { name, engine: 'pgbouncer', access, watch: { ...pgbouncerWatchSettings.parse({}), ...watch } };
}

/** Only this family: what a test about it needs. */
export function onlyPgbouncerFamily(name: string): Pick<PgbouncerWatchSettings, 'collectors'> {
  return { collectors: Object.fromEntries(pgbouncerCollectors.map((one) => [one.name, one.name === name])) };
}
