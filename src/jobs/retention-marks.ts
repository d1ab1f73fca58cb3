import { z } from 'zod';
import { type ObjectStore, StoreError } from '../storage/object-store.ts';

const instant = z.iso.datetime();

/** Somebody wants a backup kept, whatever the policy says. */
export const pinSchema = z.strictObject({
  format: z.literal('watchkeeper-pin/1'),
  target: z.string(),
  backupId: z.string(),
  pinnedAt: instant,
  /** For people, e.g. `before the migration`. */
  reason: z.string(),
  /** From then on it no longer counts; absent: until it is taken away. */
  until: instant.optional(),
});
export type Pin = z.infer<typeof pinSchema>;

/** Retention no longer keeps a backup. It is deleted after a grace, unless something keeps it again before. */
export const tombstoneSchema = z.strictObject({
  format: z.literal('watchkeeper-tombstone/1'),
  target: z.string(),
  backupId: z.string(),
  markedAt: instant,
  reasons: z.array(z.string()),
});
export type Tombstone = z.infer<typeof tombstoneSchema>;

/** What is noted beside a finished backup, and may change, as nothing in the backup itself does. */
export interface BackupMarks {
  readonly pins: readonly Pin[];
  /** The one among them that somebody asked for; the others are of restores and proofs, for as long as they read. */
  readonly askedPin: Pin | undefined;
  readonly tombstone: Tombstone | undefined;
}

export const noMarks: BackupMarks = { pins: [], askedPin: undefined, tombstone: undefined };

/**
 * Marks lie apart from the backups they are about, below a name with a dot: a bucket's lock on backups, which keeps all
 * that is below a target from being deleted, must not keep a pin or a tombstone from being taken away.
 */
export function marksPrefix(target: string, backupId?: string): string {
  return backupId === undefined ? `.retention/${target}/` : `.retention/${target}/${backupId}/`;
}

export const pinName = 'pinned.json';
export const tombstoneName = 'tombstone.json';

/** `in-use-3f9c1a.json`: a pin of a restore or a proof that reads the backup. */
export function isPinName(name: string): boolean {
  return name === pinName || /^in-use-[0-9a-f]+\.json$/.test(name);
}

/** Backup and name of the key of a mark; undefined for keys of another shape. */
export function splitMarkKey(target: string, key: string): { backupId: string; name: string } | undefined {
  const [backupId, name, ...more] = key.slice(marksPrefix(target).length).split('/');
  if (backupId === undefined || name === undefined || more.length > 0) return undefined;
  return isPinName(name) || name === tombstoneName ? { backupId, name } : undefined;
}

/** Whether a pin still counts. */
export function isPinnedAt(pin: Pick<Pin, 'until'>, now: Date): boolean {
  return pin.until === undefined || new Date(pin.until) > now;
}

/** Writes a mark; one of the same name that is there already makes way, as only its content is newer. */
export async function putMark(
  store: Pick<ObjectStore, 'put' | 'delete'>,
  name: string,
  mark: Pin | Tombstone,
  signal: AbortSignal,
): Promise<void> {
  const key = `${marksPrefix(mark.target, mark.backupId)}${name}`;
  const bytes = Buffer.from(`${JSON.stringify(mark, null, 1)}\n`);
  try {
    await store.put(key, bytes, signal);
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'exists') throw error;
    await store.delete(key, signal);
    await store.put(key, bytes, signal);
  }
}
