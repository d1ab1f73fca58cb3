import { randomBytes } from 'node:crypto';
import type { Lineage } from './lineage.ts';

/** Where the objects of a backup lie: `<target>/<backup-id>/<name>`. */
export function backupKey(target: string, backupId: string, name: string): string {
  return `${target}/${backupId}/${name}`;
}

export const manifestName = 'manifest.json';
export const startMarkerName = 'started.json';

/** `verified-20261121T040000Z.json`: every verification has a report of its own. */
export function proofName(startedAt: Date): string {
  return `verified-${compactInstant(startedAt)}.json`;
}

export function isProofName(name: string): boolean {
  return /^verified-.+\.json$/.test(name);
}

/**
 * `20261121T020000Z-nightly-auth_db-3f9c`: sorts by time, tells people what it is, and never meets another one. The
 * manifest holds the exact names; here everything that is not allowed in keys is replaced.
 */
export function newBackupId(lineage: Pick<Lineage, 'schedule' | 'database'>, now: Date): string {
  return `${compactInstant(now)}-${lineageInId(lineage)}-${randomBytes(3).toString('hex')}`;
}

/** True when an id looks as {@link newBackupId} makes it for this lineage: all there is to go by without a start marker. */
export function isBackupIdOf(lineage: Pick<Lineage, 'schedule' | 'database'>, backupId: string): boolean {
  const [, rest = ''] = /^\d{8}T\d{6}Z-(.+)-[0-9a-f]{6}$/.exec(backupId) ?? [];
  return rest === lineageInId(lineage);
}

function lineageInId(lineage: Pick<Lineage, 'schedule' | 'database'>): string {
  return `${lineage.schedule}-${lineage.database.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 40)}`;
}

/** `target`, `backupId` and object name of a key; undefined for keys of another shape. */
export function splitBackupKey(key: string): { target: string; backupId: string; name: string } | undefined {
  const match = /^([^/]+)\/(\d{8}T\d{6}Z-[^/]+)\/([^/]+)$/.exec(key);
  const [, target, backupId, name] = match ?? [];
  if (target === undefined || backupId === undefined || name === undefined) return undefined;
  return { target, backupId, name };
}

function compactInstant(instant: Date): string {
  return instant.toISOString().replaceAll(/[-:]|\.\d+/g, '');
}
