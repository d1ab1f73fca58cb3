import { resourceUsage } from 'node:process';
import { createInterface } from 'node:readline';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { systemClock } from '../src/core/clock.ts';
import { findProgram } from '../src/core/find-program.ts';
import { silentLog } from '../src/core/log.ts';
import { literalSecret } from '../src/core/secret.ts';
import type { BackupMethod } from '../src/jobs/backup/method.ts';
import { postgresDump } from '../src/jobs/backup/postgres-dump.ts';
import type { Manifest, Proof } from '../src/jobs/manifest.ts';
import { localSandbox } from '../src/jobs/sandbox/local-postgres.ts';
import { takeBackup } from '../src/jobs/take-backup.ts';
import { verifyBackup } from '../src/jobs/verify-backup.ts';
import { openStore } from '../src/storage/index.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';
import type { StoreSettings } from '../src/storage/settings.ts';
import { findInstallations } from '../src/targets/postgres/programs.ts';
import type { Task } from './backup-bed.ts';

/**
 * Each line of its input is a task (bench/backup-bed.ts), each line of its output says how long it took and how much memory the
 * process ever used.
 */
const { connection, stores } = JSON.parse(process.argv[2] ?? '');
const searchPath = process.env['PATH'] ?? '';
const signal = new AbortController().signal;
const installations = await findInstallations([], searchPath, signal);
const zstdProgram = await findProgram('zstd', searchPath);
const ageProgram = await findProgram('age', searchPath);
const recipient = await identityToRecipient(await generateX25519Identity());
const context = { signal, clock: systemClock, log: silentLog, onProgress: () => undefined };

async function open(settings: StoreSettings): Promise<ObjectStore> {
  const secretAccessKey = literalSecret(process.env['BENCH_S3_SECRET'] ?? '');
  return openStore(settings, { secretAccessKey, clock: systemClock });
}
const folder = await open(stores.folder);
const s3 = stores.s3 === undefined ? folder : await open(stores.s3);
const kept = new Map<Task['facts'], Manifest>();

function methodOf({ facts, encrypted }: Task): BackupMethod {
  return postgresDump({
    installations,
    zstdProgram,
    ageProgram,
    facts,
    lockTimeoutMs: 10_000,
    compressionLevel: 3,
    encryption: encrypted ? { recipients: [recipient] } : undefined,
  });
}

interface Done {
  readonly manifest: Manifest;
  readonly phases?: Proof['seconds'];
}

async function backUp(task: Task): Promise<Done> {
  const lineage = { store: 'bench', target: 'bench', schedule: 'now', database: connection.database };
  const store = task.store === 's3' ? s3 : folder;
  return { manifest: await takeBackup({ lineage, access: { connection }, method: methodOf(task), store }, context) };
}

async function prove(task: Task): Promise<Done> {
  const manifest = kept.get(task.facts);
  if (manifest === undefined) throw new Error('nothing is kept yet');
  const openSandbox = localSandbox({ installations, user: 'postgres' });
  const opening = { zstdProgram, ageProgram, identities: [] };
  const request = { manifest, store: folder, method: methodOf(task), openSandbox, assertions: [], ...opening };
  const { verdict, reason, seconds } = await verifyBackup(request, context);
  if (verdict !== 'proven') throw new Error(`the proof ended with ${verdict}: ${reason}`);
  return { manifest, phases: seconds };
}

async function remove(store: ObjectStore, { id }: Manifest): Promise<void> {
  for await (const { key } of store.list(`bench/${id}/`, signal)) await store.delete(key, signal);
}

for await (const line of createInterface({ input: process.stdin })) {
  const task: Task = JSON.parse(line);
  const startMs = performance.now();
  const { manifest, phases } = task.work === 'prove' ? await prove(task) : await backUp(task);
  const seconds = (performance.now() - startMs) / 1_000;
  if (task.work === 'backup') await remove(task.store === 's3' ? s3 : folder, manifest);
  if (task.work === 'keep') kept.set(task.facts, manifest);
  const contentBytes = manifest.parts[0]?.content.sizeBytes ?? 0;
  const peakBytes = resourceUsage().maxRSS * 1_024;
  process.stdout.write(`${JSON.stringify({ seconds, peakBytes, contentBytes, phases })}\n`);
}
process.exit(0);
