import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { formatBytes } from '../src/core/bytes.ts';
import { systemClock } from '../src/core/clock.ts';
import { runProcess } from '../src/core/run-process.ts';
import { unprivilegedUser } from '../src/core/unprivileged-user.ts';
import { withDatabase } from '../src/targets/libpq/access.ts';
import { type Cluster, startCluster } from '../src/targets/postgres/cluster.ts';
import { libpqEnvironment } from '../src/targets/postgres/libpq.ts';
import { chooseInstallation, findInstallations } from '../src/targets/postgres/programs.ts';
import { median, type Row } from './statistics.ts';

const rounds = 7;
const warmUps = 2;
const signal = new AbortController().signal;

/**
 * A backup of a pgbench database against `pg_dump -Fc -Z0 | zstd -3 -T2 > file`, in turn in the same run: throughput
 * with facts by row count, with encryption as well, and with fingerprints, and our own peak memory at two sizes. Ours is a process that lives on
 * between its backups, as the daemon does (bench/backup-worker.ts); the programs it starts are part of its time.
 */
export async function benchBackup(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const scale of [5, 50]) rows.push(...(await benchScale(scale)));
  return rows;
}

async function benchScale(scale: number): Promise<Row[]> {
  await using cluster = await startPgbenchCluster(scale);
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-bench-'));
  const seconds = { peer: [] as number[], rows: [] as number[], encrypted: [] as number[], content: [] as number[] };
  let last: OwnRun = { seconds: 0, peakBytes: 0, contentBytes: 0 };
  const worker = startWorker(cluster, join(folder, 'ours'));
  try {
    for (let round = 0; round < rounds + warmUps; round++) {
      const peer = await peerBackup(cluster, join(folder, 'peer.dump.zst'));
      const rows = await worker.take('rows');
      const encrypted = await worker.take('encrypted');
      last = await worker.take('content');
      // Caches and compiled code are as they are in the long run only after the first rounds.
      if (round < warmUps) continue;
      seconds.peer.push(peer);
      seconds.rows.push(rows.seconds);
      seconds.encrypted.push(encrypted.seconds);
      seconds.content.push(last.seconds);
    }
  } finally {
    worker.end();
    await rm(folder, { recursive: true, force: true });
  }
  const peer = median(seconds.peer);
  const what = `backup, scale ${scale} (${formatBytes(last.contentBytes)})`;
  return [
    { what: `${what}: pg_dump -Fc -Z0 | zstd -3 -T2 > file`, value: peer, unit: 's' },
    { what: `${what}: ours, facts by row count`, value: median(seconds.rows), unit: 's' },
    {
      what: `${what}: throughput against the peer, row counts`,
      value: peer / median(seconds.rows),
      unit: 'x',
      goal: scale === 50 ? { atLeast: 0.9 } : undefined,
    },
    { what: `${what}: ours, encrypted, facts by row count`, value: median(seconds.encrypted), unit: 's' },
    {
      what: `${what}: throughput against the peer, encrypted`,
      value: peer / median(seconds.encrypted),
      unit: 'x',
      goal: scale === 50 ? { atLeast: 0.8 } : undefined,
    },
    { what: `${what}: ours, content fingerprints`, value: median(seconds.content), unit: 's' },
    {
      what: `${what}: throughput against the peer, fingerprints`,
      value: peer / median(seconds.content),
      unit: 'x',
      goal: scale === 50 ? { atLeast: 0.6 } : undefined,
    },
    {
      what: `${what}: own peak memory`,
      value: last.peakBytes / 2 ** 20,
      unit: 'MiB',
      goal: { atMost: 250 },
    },
  ];
}

async function startPgbenchCluster(scale: number): Promise<Cluster> {
  const installations = await findInstallations([], process.env['PATH'] ?? '', signal);
  const installation = chooseInstallation(installations, {
    programs: ['initdb', 'postgres', 'pg_dump'],
    serverMajor: 13,
  });
  const cluster = await startCluster({
    installation,
    user: await unprivilegedUser(),
    clock: systemClock,
    signal,
    name: 'watchkeeper-bench-',
    settings: { fsync: 'off', max_wal_size: '4GB', shared_buffers: '256MB' },
  });
  await runProcess(join(installation.directory, 'pgbench'), ['-i', '-q', '-s', String(scale)], {
    signal,
    env: libpqEnvironment(cluster.access, undefined),
  });
  return cluster;
}

async function peerBackup(cluster: Cluster, path: string): Promise<number> {
  const startMs = performance.now();
  const env = { PATH: process.env['PATH'], ...libpqEnvironment(cluster.access, undefined) };
  const dump = spawn(join(cluster.installation.directory, 'pg_dump'), ['-Fc', '-Z0'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // The pipe between the two programs is the kernel's, as a shell would make it.
  const zstd = spawn('sh', ['-c', 'exec zstd -3 -T2 -q -f -o "$0"', path], {
    stdio: [dump.stdout, 'ignore', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    zstd.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`zstd exited with ${code}`))));
  });
  return (performance.now() - startMs) / 1_000;
}

interface OwnRun {
  readonly seconds: number;
  readonly peakBytes: number;
  readonly contentBytes: number;
}

interface Worker {
  take(kind: 'rows' | 'encrypted' | 'content'): Promise<OwnRun>;
  end(): void;
}

function startWorker(cluster: Cluster, folder: string): Worker {
  const job = JSON.stringify({ connection: withDatabase(cluster.access, 'postgres').connection, folder });
  const child = spawn(process.execPath, [join(import.meta.dirname, 'backup-worker.ts'), job], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async take(kind) {
      child.stdin.write(`${kind}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the worker ended');
      return JSON.parse(value);
    },
    end: () => void child.stdin.end(),
  };
}
