import { type Sample, sample } from '../core/metric.ts';
import type { StoreRoom } from '../storage/object-store.ts';
import type { CatalogEntry } from './catalog.ts';
import { storeRoomMetrics } from './keeping-declarations.ts';

/** What is known of one store. */
export interface MeasuredStore {
  readonly store: string;
  readonly room: StoreRoom;
  /** Bytes that all targets occupy in it. */
  readonly usedBytes: number;
  /** Backups of each lineage, newest first. */
  readonly lineages: readonly (readonly CatalogEntry[])[];
}

/** Backups of which the largest counts: full ones among incremental ones, a busy day of the week. */
const lookedAt = 7;

/**
 * What the next backup of a lineage is expected to need: as much as the largest of the last ones, and what the newest
 * grew over the one before it. 0 when there was none yet.
 */
export function nextBackupBytes(entries: readonly Pick<CatalogEntry, 'storedBytes'>[]): number {
  const sizes = entries.slice(0, lookedAt).map(({ storedBytes }) => storedBytes);
  const [newest = 0, before = newest] = sizes;
  return Math.max(0, ...sizes) + Math.max(0, newest - before);
}

/** Of a folder and a configured capacity, the tighter one counts; nothing is told of what has no end. */
export function storeRoomSamples({ store, room, usedBytes, lineages }: MeasuredStore): Sample[] {
  const labels = { store };
  const { sizeBytes = Infinity, freeBytes = Infinity, capacityBytes = Infinity, files, freeFiles } = room;
  const size = Math.min(sizeBytes, capacityBytes);
  const next = lineages.reduce((sum, entries) => sum + nextBackupBytes(entries), 0);
  const samples = [sample(storeRoomMetrics.next, next, labels)];
  if (files !== undefined && freeFiles !== undefined) {
    samples.push(sample(storeRoomMetrics.files, files, labels), sample(storeRoomMetrics.freeFiles, freeFiles, labels));
  }
  if (size === Infinity) return samples;
  const free = Math.max(0, Math.min(freeBytes, capacityBytes - usedBytes));
  return [...samples, sample(storeRoomMetrics.size, size, labels), sample(storeRoomMetrics.free, free, labels)];
}
