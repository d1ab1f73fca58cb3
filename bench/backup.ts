import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { formatBytes } from '../src/core/bytes.ts';
import type { Cluster } from '../src/targets/postgres/cluster.ts';
import { libpqEnvironment } from '../src/targets/postgres/libpq.ts';
import {
  fillWithPgbench,
  startBenchCluster,
  startLoopbackS3,
  startWorker,
  type Task,
  type TaskResult,
  type Worker,
} from './backup-bed.ts';
import { inFolder } from './contestants.ts';
import { benchRestore } from './restore.ts';
import { median, type Row } from './statistics.ts';

/** `BENCH_SCALE` and `BENCH_ROUNDS` make it shorter, to try it out; figures count at the usual scale only. */
const usualScale = 50;
const scale = Number(process.env['BENCH_SCALE'] ?? usualScale);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 7);
const warmUps = 2;

/** What is measured beside the peer, in turn with it. */
const scenes = {
  rows: { work: 'backup', facts: 'rows' },
  s3: { work: 'backup', facts: 'rows', store: 's3' },
  encrypted: { work: 'backup', facts: 'rows', encrypted: true },
  content: { work: 'backup', facts: 'content' },
} as const satisfies Record<string, Task>;
type Scene = keyof typeof scenes;

/**
 * A backup of a pgbench database against `pg_dump -Fc -Z0 | zstd -3 -T2 > file`, in turn in the same run: throughput
 * with facts by row count (also into an S3 server on this machine, against ours into a folder), with encryption as well, and with
 * fingerprints, and our own peak memory at two sizes. Then restores with proof, see bench/restore.ts. Ours is a process that
 * lives on between its backups, as the daemon does (bench/backup-worker.ts); the programs it starts are part of its time, and so is
 * making durable what it stores, which the peer does not.
 */
export async function benchBackup(): Promise<Row[]> {
  const small = await benchScale(Math.max(1, Math.round(scale / 10)));
  const large = await benchScale(scale);
  const restore = await benchRestore({ scale, rounds: Math.min(rounds, 5), isUsual: scale === usualScale });
  return [...small, ...large, ...restore];
}

async function benchScale(ofScale: number): Promise<Row[]> {
  return inFolder(async (folder) => {
    await using cluster = await startBenchCluster();
    await fillWithPgbench(cluster, ofScale);
    await using s3 = await startLoopbackS3();
    using worker = startWorker(cluster, { folder: { type: 'filesystem', path: join(folder, 'ours') }, s3 });
    const { peer, seconds, last } = await inTurn(cluster, worker, folder);
    const what = `backup, scale ${ofScale} (${formatBytes(last.contentBytes)})`;
    const goal = (atLeast: number) => (ofScale === usualScale ? { atLeast } : undefined);
    return [
      { what: `${what}: pg_dump -Fc -Z0 | zstd -3 -T2 > file`, value: peer, unit: 's' },
      { what: `${what}: ours, facts by row count`, value: seconds.rows, unit: 's' },
      against(`${what}: throughput against the peer, row counts`, peer, seconds.rows, goal(0.95)),
      { what: `${what}: ours, encrypted, facts by row count`, value: seconds.encrypted, unit: 's' },
      against(`${what}: throughput against the peer, encrypted`, peer, seconds.encrypted, goal(0.8)),
      { what: `${what}: ours, content fingerprints`, value: seconds.content, unit: 's' },
      against(`${what}: throughput against the peer, fingerprints`, peer, seconds.content, goal(0.6)),
      { what: `${what}: ours, into S3 (${s3.name}), facts by row count`, value: seconds.s3, unit: 's' },
      against(`${what}: throughput into S3 against ours into a folder`, seconds.rows, seconds.s3, goal(0.8)),
      { what: `${what}: own peak memory`, value: last.peakBytes / 2 ** 20, unit: 'MiB', goal: { atMost: 250 } },
    ];
  });
}

function against(what: string, theirs: number, ours: number, goal: Row['goal']): Row {
  return { what, value: theirs / ours, unit: 'x', goal };
}

/** Medians in seconds. Caches and compiled code are as they are in the long run only after the first rounds. */
async function inTurn(cluster: Cluster, worker: Worker, folder: string) {
  const peer: number[] = [];
  const seconds: Record<Scene, number[]> = { rows: [], s3: [], encrypted: [], content: [] };
  let last: TaskResult = { seconds: 0, peakBytes: 0, contentBytes: 0 };
  for (let round = -warmUps; round < rounds; round++) {
    const peerSeconds = await peerBackup(cluster, join(folder, 'peer.dump.zst'));
    if (round >= 0) peer.push(peerSeconds);
    for (const scene of Object.keys(scenes) as Scene[]) {
      last = await worker.run(scenes[scene]);
      if (round >= 0) seconds[scene].push(last.seconds);
    }
  }
  const medians = Object.fromEntries(Object.entries(seconds).map(([scene, values]) => [scene, median(values)]));
  return { peer: median(peer), seconds: medians as Record<Scene, number>, last };
}

async function peerBackup(cluster: Cluster, path: string): Promise<number> {
  const startMs = performance.now();
  const env = { PATH: process.env['PATH'], ...libpqEnvironment(cluster.access, undefined) };
  // A shell's pipe: between programs that Node.js starts it would be a pair of sockets.
  const line = 'set -o pipefail; "$0" -Fc -Z0 | zstd -3 -T2 -q -f -o "$1"';
  const shell = spawn('bash', ['-c', line, join(cluster.installation.directory, 'pg_dump'), path], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    shell.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the peer exited with ${code}`))));
  });
  return (performance.now() - startMs) / 1_000;
}
