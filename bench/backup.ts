import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatBytes } from '../src/core/bytes.ts';
import { systemClock } from '../src/core/clock.ts';
import { runProcess } from '../src/core/run-process.ts';
import { unprivilegedUser } from '../src/core/unprivileged-user.ts';
import { type Cluster, startCluster } from '../src/targets/postgres/cluster.ts';
import { chooseInstallation, findInstallations } from '../src/targets/postgres/programs.ts';
import { libpqEnvironment, withDatabase } from '../src/targets/postgres/settings.ts';
import { median, type Row } from './statistics.ts';

const rounds = 5;
const signal = new AbortController().signal;

/**
 * A backup of a pgbench database against `pg_dump -Fc -Z0 | zstd -3 -T2 > file`, in turn in the same run: throughput
 * with facts by row count and with fingerprints, and our own peak memory at two sizes. Ours runs in a process of its
 * own each time (bench/one-backup.ts), whose start does not count: the daemon runs already.
 */
export async function benchBackup(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const scale of [5, 50]) rows.push(...(await benchScale(scale)));
  return rows;
}

async function benchScale(scale: number): Promise<Row[]> {
  await using cluster = await startPgbenchCluster(scale);
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-bench-'));
  const seconds = { peer: [] as number[], rows: [] as number[], content: [] as number[] };
  const peakBytes = { rows: 0, content: 0 };
  let contentBytes = 0;
  try {
    for (let round = 0; round <= rounds; round++) {
      const peer = await peerBackup(cluster, join(folder, 'peer.dump.zst'));
      const ours = {
        rows: await ownBackup(cluster, folder, 'rows'),
        content: await ownBackup(cluster, folder, 'content'),
      };
      // The first round fills the caches and is not counted.
      if (round === 0) continue;
      seconds.peer.push(peer);
      for (const mode of ['rows', 'content'] as const) {
        seconds[mode].push(ours[mode].seconds);
        peakBytes[mode] = Math.max(peakBytes[mode], ours[mode].peakBytes);
        contentBytes = ours[mode].contentBytes;
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const peer = median(seconds.peer);
  const what = `backup, scale ${scale} (${formatBytes(contentBytes)})`;
  return [
    { what: `${what}: pg_dump -Fc -Z0 | zstd -3 -T2 > file`, value: peer, unit: 's' },
    { what: `${what}: ours, facts by row count`, value: median(seconds.rows), unit: 's' },
    {
      what: `${what}: throughput against the peer, row counts`,
      value: peer / median(seconds.rows),
      unit: 'x',
      goal: scale === 50 ? { atLeast: 0.9 } : undefined,
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
      value: Math.max(peakBytes.rows, peakBytes.content) / 2 ** 20,
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

async function ownBackup(cluster: Cluster, folder: string, facts: 'rows' | 'content'): Promise<OwnRun> {
  const job = {
    connection: withDatabase(cluster.access, 'postgres').connection,
    folder: join(folder, `ours-${facts}`),
    facts,
  };
  const script = join(import.meta.dirname, 'one-backup.ts');
  return JSON.parse(await runProcess(process.execPath, [script, JSON.stringify(job)], { signal }));
}
