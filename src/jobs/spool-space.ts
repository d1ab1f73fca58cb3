import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { formatBytes } from '../core/bytes.ts';
import { contentBytesOf, type Manifest } from './manifest.ts';

/** Where a fetched dump lies meanwhile. */
export interface SpoolSettings {
  /** The system's temporary folder when absent. */
  readonly spoolDirectory?: string | undefined;
  /** Most bytes it may take there. */
  readonly spoolLimitBytes?: number | undefined;
}

/** Why the decompressed parts of a backup have no room; undefined when they have. */
export async function spoolShortage(
  manifest: Manifest,
  { spoolDirectory, spoolLimitBytes }: SpoolSettings,
): Promise<string | undefined> {
  const neededBytes = contentBytesOf(manifest);
  const needed = formatBytes(neededBytes);
  if (spoolLimitBytes !== undefined && neededBytes > spoolLimitBytes) {
    return `the fetched dump would be larger than jobs.spool: ${needed} are needed, ${formatBytes(spoolLimitBytes)} allowed`;
  }
  const directory = spoolDirectory ?? tmpdir();
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (neededBytes <= freeBytes) return undefined;
  return `not enough space for the fetched dump in ${directory}: ${needed} are needed, ${formatBytes(freeBytes)} free`;
}
