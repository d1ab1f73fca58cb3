import type { StoredObject, StoreRoom } from '../storage/object-store.ts';
import { proofName } from './backup-keys.ts';
import type { Lineage } from './lineage.ts';
import type { Proof, StartMarker } from './manifest.ts';
import type { ManifestSummary } from './manifest-summary.ts';
import type { BackupMarks } from './retention-marks.ts';

/** A finished backup with its verifications, newest first. */
export interface CatalogEntry {
  readonly manifest: ManifestSummary;
  readonly proofs: readonly Proof[];
  /** Names of reports that cannot be read, or are about another backup or another manifest. */
  readonly unreadableReports: readonly string[];
  /** Names of parts that the store does not have, or not in the size that the manifest names. */
  readonly missingParts: readonly string[];
  /** When, by the store's clock, the last of its parts was brought back that came after the manifest; absent: none was. */
  readonly repairedAt?: Date;
  /** All objects of the backup: parts, manifest, reports. */
  readonly storedBytes: number;
  /** Pins and tombstone. */
  readonly marks: BackupMarks;
}

/** Something under a target's prefix that is no finished backup: an unfinished or failed attempt. */
export interface Attempt {
  readonly target: string;
  readonly backupId: string;
  /** What its start marker says; absent when there is none (someone else's objects) or it cannot be read. */
  readonly started?: StartMarker;
  /** Of its youngest object, by the store's clock. */
  readonly modifiedAt: Date;
  readonly storedBytes: number;
}

export interface TargetContents {
  /** Newest first, by `snapshotAt`. */
  readonly entries: readonly CatalogEntry[];
  readonly attempts: readonly Attempt[];
  /** Backups whose manifest cannot be read or does not fit its folder: never proven, never counted, never deleted. */
  readonly unreadable: readonly { readonly backupId: string; readonly reason: string }[];
  /** Keys of marks about backups that are not there (any more). */
  readonly strayMarks: readonly StoredObject[];
}

/** What a store holds. The store is the truth; nothing is remembered that could differ from it. */
export interface Catalog {
  readonly storeName: string;
  /** May be some seconds old, unless `forget` was called. */
  read(target: string, signal: AbortSignal): Promise<TargetContents>;
  /** How much fits into the store; absent where it cannot tell. */
  room?(): Promise<StoreRoom>;
}

/** Whether all of its parts are there, as far as the listing of the store tells. */
export function isComplete({ missingParts }: Pick<CatalogEntry, 'missingParts'>): boolean {
  return missingParts.length === 0;
}

/**
 * True when the newest verdict that says anything is `proven`: an `inconclusive` one changes nothing. A later report that
 * cannot be read may have said `failed`; and what was proven and has lost a part since is proven no longer.
 */
export function isProven(entry: CatalogEntry): boolean {
  if (!isComplete(entry)) return false;
  const last = lastVerdictOf(entry);
  if (last?.verdict !== 'proven') return false;
  const name = proofName(new Date(last.startedAt));
  return !entry.unreadableReports.some((other) => other > name);
}

/** True when the newest verdict that says anything is `failed`. */
export function hasFailed(entry: Pick<CatalogEntry, 'proofs'>): boolean {
  return lastVerdictOf(entry)?.verdict === 'failed';
}

function lastVerdictOf({ proofs }: Pick<CatalogEntry, 'proofs'>): Proof | undefined {
  return proofs.find(({ verdict }) => verdict !== 'inconclusive');
}

/** Whether what it failed for may be put right: a part was brought back since. */
export function isRepaired({ proofs, repairedAt }: Pick<CatalogEntry, 'proofs' | 'repairedAt'>): boolean {
  const last = lastVerdictOf({ proofs });
  return repairedAt !== undefined && last?.verdict === 'failed' && new Date(last.finishedAt) < repairedAt;
}

export function entriesOf(contents: TargetContents, lineage: Pick<Lineage, 'schedule' | 'database'>): CatalogEntry[] {
  return contents.entries.filter(
    ({ manifest }) => manifest.schedule === lineage.schedule && manifest.database === lineage.database,
  );
}
