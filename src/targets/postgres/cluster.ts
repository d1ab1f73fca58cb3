import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { errorMessage } from '../../core/errors.ts';
import { type RunningProcess, runProcess, startProcess } from '../../core/run-process.ts';
import { literalSecret } from '../../core/secret.ts';
import type { UnixUser } from '../../core/unprivileged-user.ts';
import { withMemoryLimit, withParentDeathSignal } from '../../core/util-linux.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../core/work-directory.ts';
import type { PostgresAccess } from '../libpq/access.ts';
import type { ProgramInstallation } from './programs.ts';
import { openSession } from './session.ts';

/** A PostgreSQL server of our own: for proofs, the demo and the tests. Disposing stops it and removes its folder. */
export interface Cluster extends AsyncDisposable {
  /** As its superuser `postgres`, database `postgres`. */
  readonly access: PostgresAccess;
  readonly dataDirectory: string;
  readonly installation: ProgramInstallation;
  /** Fast shutdown (sessions are ended, data is written); `immediate` is what a power cut looks like. */
  stop(mode: 'fast' | 'immediate'): Promise<void>;
  /** Starts it again after a stop, with the same port and settings. */
  start(signal: AbortSignal): Promise<void>;
  /** What the server wrote to its log lately, for error messages. */
  recentLog(): string;
}

export interface ClusterOptions {
  readonly installation: ProgramInstallation;
  readonly user: UnixUser | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Begins the folder's name. */
  readonly name: string;
  /** Where the folder is made; the system's temporary folder by default. Must be reachable by `user`. */
  readonly parent?: string | undefined;
  /** TCP port on 127.0.0.1; absent: a Unix socket only, in the cluster's own folder. */
  readonly port?: number;
  /** Lines for postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** How the data folder comes to be; initdb by default. A standby is made by pg_basebackup instead. */
  readonly populate?: (dataDirectory: string) => Promise<void>;
  readonly initdbArguments?: readonly string[];
  /** Most memory of its own that each process may have, where `prlimit` is there to bound it; unlimited when absent. */
  readonly processBytes?: number | undefined;
  /** Superuser's password; absent: everybody who reaches the socket or port is trusted. */
  readonly password?: string;
}

const startTimeoutMs = 60_000;
/** A look costs a refused connection; proofs wait for it. */
const readyPollMs = 10;

/** Makes and starts a cluster. Throws with the end of the server's log when it does not come up. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const directory = await makeWorkDirectory({ prefix: options.name, parent: options.parent, owner: options.user });
  try {
    const cluster = new OwnCluster(options, directory);
    await cluster.create();
    await cluster.start(options.signal);
    return cluster;
  } catch (error) {
    await directory[Symbol.asyncDispose]();
    throw error;
  }
}

class OwnCluster implements Cluster {
  readonly access: PostgresAccess;
  readonly dataDirectory: string;
  readonly installation: ProgramInstallation;
  readonly #options: ClusterOptions;
  readonly #directory: WorkDirectory;
  #server: { readonly process: RunningProcess; readonly kill: AbortController } | undefined;
  #log: string[] = [];

  constructor(options: ClusterOptions, directory: WorkDirectory) {
    this.#options = options;
    this.#directory = directory;
    this.installation = options.installation;
    this.dataDirectory = join(directory.path, 'data');
    const tcp = options.port !== undefined;
    this.access = {
      connection: {
        host: tcp ? '127.0.0.1' : directory.path,
        port: options.port ?? 5432,
        user: 'postgres',
        database: 'postgres',
        sslMode: 'disable',
      },
      password: options.password === undefined ? undefined : literalSecret(options.password),
    };
  }

  async create(): Promise<void> {
    if (this.#options.populate === undefined) await this.#initdb();
    else await this.#options.populate(this.dataDirectory);
    const settings = {
      port: String(this.access.connection.port),
      listen_addresses: this.#options.port === undefined ? "''" : "'127.0.0.1'",
      unix_socket_directories: `'${this.#directory.path}'`,
      ...this.#options.settings,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
    await appendFile(join(this.dataDirectory, 'postgresql.auto.conf'), lines.join(''));
  }

  async #initdb(): Promise<void> {
    const { installation, password, user, signal } = this.#options;
    const passwordFile = join(this.#directory.path, 'password');
    if (password !== undefined) await writeFile(passwordFile, `${password}\n`, { mode: 0o644 });
    await runProcess(
      join(installation.directory, 'initdb'),
      [
        ...['-D', this.dataDirectory, '-U', 'postgres', '--no-sync', '--encoding=UTF8'],
        ...(this.#options.initdbArguments ?? ['--locale=C']),
        ...(password === undefined ? ['--auth=trust'] : ['--auth=scram-sha-256', `--pwfile=${passwordFile}`]),
      ],
      { signal, user, cwd: this.#directory.path },
    );
  }

  async start(signal: AbortSignal): Promise<void> {
    if (this.#server !== undefined) throw new Error('the cluster is running already');
    this.#log = [];
    const kill = new AbortController();
    const command = await withMemoryLimit(
      await withParentDeathSignal('QUIT', {
        program: join(this.installation.directory, 'postgres'),
        args: ['-D', this.dataDirectory],
      }),
      this.#options.processBytes,
    );
    const server = startProcess(command.program, command.args, {
      signal: kill.signal,
      user: this.#options.user,
      cwd: this.#directory.path,
      onStderrLine: (line) => {
        this.#log.push(line);
        if (this.#log.length > 50) this.#log.shift();
      },
    });
    server.stdout.resume();
    this.#server = { process: server, kill };
    try {
      await this.#untilReady(server, signal);
    } catch (error) {
      await this.stop('immediate');
      throw new Error(`starting PostgreSQL ${this.installation.version}: ${this.recentLog()}`, { cause: error });
    }
  }

  async #untilReady(server: RunningProcess, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const ended = { message: undefined as string | undefined };
    server.exited.then(
      () => Object.assign(ended, { message: 'the server ended' }),
      (error) => Object.assign(ended, { message: errorMessage(error) }),
    );
    const deadlineMs = clock.monotonicMs() + startTimeoutMs;
    for (;;) {
      if (ended.message !== undefined) throw new Error(ended.message);
      try {
        await using session = await openSession(this.access, { signal, connectTimeoutMs: 2_000 });
        const [row] = await session.query("SELECT pg_catalog.current_setting('data_directory') AS path", { signal });
        // Somebody else's server may have had the port first.
        if (row?.['path'] === this.dataDirectory) return;
      } catch (error) {
        signal.throwIfAborted();
        if (clock.monotonicMs() > deadlineMs) throw error;
      }
      await clock.sleep(readyPollMs, signal);
    }
  }

  async stop(mode: 'fast' | 'immediate'): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    // PostgreSQL: SIGINT is the fast shutdown, SIGQUIT the immediate one.
    if (server.process.pid !== undefined) trySignal(server.process.pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    const patience = setTimeout(() => server.kill.abort(new Error('the server did not stop in time')), 30_000);
    await server.process.exited.catch(() => undefined);
    clearTimeout(patience);
  }

  recentLog(): string {
    return this.#log.join(' | ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('immediate');
    await this.#directory[Symbol.asyncDispose]();
  }
}

function trySignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself in between.
  }
}
