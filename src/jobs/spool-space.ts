import { tmpdir } from 'node:os';
import { formatBytes } from '../core/bytes.ts';
import { freeBytesOf } from '../core/free-bytes.ts';
import type { Log } from '../core/log.ts';
import { keptFolders, removeUnclaimed } from './kept-folders.ts';
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
  const freeBytes = await freeBytesOf(directory);
  if (neededBytes <= freeBytes) return undefined;
  const kept = await keptFolders(directory);
  const takenBy = kept.length === 0 ? '' : `; what restores keep that are not complete lies in ${kept.join(', ')}`;
  return `not enough space for the fetched dump in ${directory}: ${needed} are needed, ${formatBytes(freeBytes)} free${takenBy}`;
}

/** Like {@link spoolShortage}. Where it helps, what restores kept that nobody goes on with now is removed. */
export async function spoolShortageMakingRoom(
  manifest: Manifest,
  settings: SpoolSettings,
  log: Log,
): Promise<string | undefined> {
  const shortage = await spoolShortage(manifest, settings);
  if (shortage === undefined) return undefined;
  const { spoolDirectory = tmpdir() } = settings;
  const missingBytes = contentBytesOf(manifest) - (await freeBytesOf(spoolDirectory));
  const folders = await removeUnclaimed(spoolDirectory, missingBytes);
  if (folders.length === 0) return shortage;
  log.warn({ folders }, 'what earlier restores had fetched was removed: its room is needed');
  return spoolShortage(manifest, settings);
}
