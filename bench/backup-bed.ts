import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../src/core/clock.ts';
import { runProcess } from '../src/core/run-process.ts';
import { unprivilegedUser } from '../src/core/unprivileged-user.ts';
import type { Proof } from '../src/jobs/manifest.ts';
import type { StoreSettings } from '../src/storage/settings.ts';
import { withDatabase } from '../src/targets/libpq/access.ts';
import { type Cluster, startCluster } from '../src/targets/postgres/cluster.ts';
import { libpqEnvironment } from '../src/targets/postgres/libpq.ts';
import { chooseInstallation, findInstallations } from '../src/targets/postgres/programs.ts';
import { credentials as motoCredentials, startMoto } from '../test/support/moto.ts';
import { isS3ServerInstalled, startS3Server, credentials as versitygwCredentials } from '../test/support/versitygw.ts';

const signal = new AbortController().signal;

/** A server of this machine's newest PostgreSQL, by default as a source is. */
export async function startBenchCluster(
  settings: Readonly<Record<string, string>> = { fsync: 'off', max_wal_size: '4GB', shared_buffers: '256MB' },
): Promise<Cluster> {
  const installations = await findInstallations([], process.env['PATH'] ?? '', signal);
  const installation = chooseInstallation(installations, {
    programs: ['initdb', 'postgres', 'pg_dump', 'pg_restore'],
    serverMajor: 13,
  });
  const user = await unprivilegedUser();
  return startCluster({ installation, user, clock: systemClock, signal, name: 'watchkeeper-bench-', settings });
}

/** Fills database `postgres` with the tables of pgbench; a scale of 50 is a dump of about half a gigabyte. */
export async function fillWithPgbench(cluster: Cluster, scale: number): Promise<void> {
  await runBeside(cluster, 'pgbench', ['-i', '-q', '-s', String(scale)]);
}

/** Runs a program of the cluster's installation, logged in to it. Returns the seconds it took. */
export async function runBeside(cluster: Cluster, program: string, args: readonly string[]): Promise<number> {
  const startMs = performance.now();
  await runProcess(join(cluster.installation.directory, program), args, {
    signal,
    env: libpqEnvironment(cluster.access, undefined),
  });
  return (performance.now() - startMs) / 1_000;
}

/** What the worker is asked to do: take a backup and remove it again, take one and keep it, or prove the one that is kept. */
export interface Task {
  readonly work: 'backup' | 'keep' | 'prove';
  readonly facts: 'rows' | 'content';
  readonly store?: 'folder' | 's3';
  readonly encrypted?: boolean;
}

export interface TaskResult {
  readonly seconds: number;
  /** The most memory that the process ever had. */
  readonly peakBytes: number;
  /** Of the dump, before compression. */
  readonly contentBytes: number;
  /** Seconds of the phases of a proof. */
  readonly phases?: Proof['seconds'];
}

/** A process that lives as long as the benchmark, as the daemon does; the programs it starts are part of its time. */
export interface Worker extends Disposable {
  run(task: Task): Promise<TaskResult>;
}

export function startWorker(
  source: Cluster,
  stores: { readonly folder: StoreSettings; readonly s3?: LoopbackS3 | undefined },
): Worker {
  const { connection } = withDatabase(source.access, 'postgres');
  const job = { connection, stores: { folder: stores.folder, s3: stores.s3?.settings } };
  const child = spawn(process.execPath, [join(import.meta.dirname, 'backup-worker.ts'), JSON.stringify(job)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, BENCH_S3_SECRET: stores.s3?.secretAccessKey ?? '' },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async run(task) {
      child.stdin.write(`${JSON.stringify(task)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the worker ended');
      return JSON.parse(value);
    },
    [Symbol.dispose]: () => void child.stdin.end(),
  };
}

/** An S3 server on this machine with an empty bucket. */
export interface LoopbackS3 extends AsyncDisposable {
  /** Which program it is. */
  readonly name: string;
  readonly settings: StoreSettings;
  readonly secretAccessKey: string;
}

/** Versitygw where it was built, or moto, which is written in Python. Without TLS: on loopback both ends would pay for it. */
export async function startLoopbackS3(): Promise<LoopbackS3> {
  if (isS3ServerInstalled) {
    const server = await startS3Server({ tls: false });
    const settings = server.settings(await server.makeBucket());
    return {
      name: 'versitygw',
      settings,
      ...versitygwCredentials,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }
  const moto = await startMoto();
  const settings = moto.settings(await moto.makeBucket());
  return { name: 'moto', settings, ...motoCredentials, [Symbol.asyncDispose]: () => moto[Symbol.asyncDispose]() };
}
