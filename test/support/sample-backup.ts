import { backupKey, manifestName, proofName, startMarkerName } from '../../src/jobs/backup-keys.ts';
import type { Lineage } from '../../src/jobs/lineage.ts';
import type { Manifest, Proof, StartMarker, Verdict } from '../../src/jobs/manifest.ts';
import { PieceHashes } from '../../src/jobs/pieces.ts';
import type { MemoryStore } from './memory-store.ts';

export const sampleLineage: Lineage = {
  store: 'local',
  target: 'payments',
  schedule: 'nightly',
  database: 'payments_db',
};

interface SampleBackup {
  /** When it was begun: `2026-03-02T02:00:00Z`. It takes ten seconds. */
  readonly at: string;
  readonly lineage?: Lineage;
  readonly verdict?: Verdict;
  readonly sizeBytes?: number;
}

/** `20260302T020000Z-nightly-payments_db-00000a` */
export function sampleId({ at, lineage = sampleLineage }: SampleBackup): string {
  return `${at.replaceAll(/[-:]/g, '')}-${lineage.schedule}-${lineage.database}-00000a`;
}

function after(at: string, seconds: number): string {
  return new Date(Date.parse(at) + seconds * 1_000).toISOString();
}

function identityOf(backup: SampleBackup) {
  const { target, schedule, database } = backup.lineage ?? sampleLineage;
  return { target, schedule, database };
}

export function sampleManifest(backup: SampleBackup): Manifest {
  const sizeBytes = backup.sizeBytes ?? 1_000;
  return {
    format: 'watchkeeper-backup/1',
    method: 'postgres-dump/1',
    id: sampleId(backup),
    ...identityOf(backup),
    startedAt: after(backup.at, 0),
    snapshotAt: after(backup.at, 1),
    finishedAt: after(backup.at, 10),
    source: {
      engine: 'postgres',
      version: '15.20',
      versionNumber: 150_020,
      encoding: 'UTF8',
      collate: 'C',
      ctype: 'C',
      localeProvider: 'libc',
      roles: [],
      extensions: [],
      databaseSizeBytes: sizeBytes * 10,
    },
    tools: { pg_dump: '15.20' },
    parts: [
      {
        name: 'database.dump.zst',
        sizeBytes,
        sha256: 'a'.repeat(64),
        chunkBytes: 4_096,
        chunks: PieceHashes.of(['a'.repeat(64)]),
        compression: 'zstd',
        content: { sizeBytes: sizeBytes * 5 },
      },
    ],
    facts: { mode: 'rows', items: [{ name: 'rows public.orders', value: '1520', compare: 'equal' }] },
  };
}

/** A verification that began a minute after the backup: 2 s fetching, 5 s restoring, 1 s comparing, 9 s in all. */
export function sampleProof(backup: SampleBackup, verdict: Verdict = 'proven'): Proof {
  return {
    format: 'watchkeeper-proof/1',
    backupId: sampleId(backup),
    ...identityOf(backup),
    verdict,
    ...(verdict === 'proven' ? {} : { reason: 'rows public.orders: expected 1520, found 1519' }),
    startedAt: after(backup.at, 60),
    finishedAt: after(backup.at, 69),
    sandbox: 'local',
    notes: [],
    seconds: { fetch: 2, restore: 5, compare: 1, total: 9 },
    facts: { compared: 1, differing: [] },
    assertions: [],
  };
}

function startMarker(backup: SampleBackup): StartMarker {
  return {
    format: 'watchkeeper-start/1',
    backupId: sampleId(backup),
    ...identityOf(backup),
    startedAt: after(backup.at, 0),
    host: 'here',
  };
}

function put(store: MemoryStore, backup: SampleBackup, name: string, content: unknown, modifiedAt: string): void {
  const key = backupKey(identityOf(backup).target, sampleId(backup), name);
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  store.objects.set(key, { bytes, modifiedAt: new Date(modifiedAt) });
}

/** Puts an unfinished backup into a store: start marker and part, no manifest. */
export function storeAttempt(store: MemoryStore, backup: SampleBackup): void {
  put(store, backup, startMarkerName, startMarker(backup), after(backup.at, 0));
  put(store, backup, 'database.dump.zst', Buffer.alloc(backup.sizeBytes ?? 1_000), after(backup.at, 9));
}

/** Puts a finished backup into a store, with a verification when there is a verdict. */
export function storeBackup(store: MemoryStore, backup: SampleBackup): void {
  storeAttempt(store, backup);
  put(store, backup, manifestName, sampleManifest(backup), after(backup.at, 10));
  if (backup.verdict === undefined) return;
  const proof = sampleProof(backup, backup.verdict);
  put(store, backup, proofName(new Date(proof.startedAt)), proof, proof.finishedAt);
}
