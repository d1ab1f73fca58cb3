import { join } from 'node:path';
import type { ObjectStore } from '../storage/object-store.ts';
import { backupKey } from './backup-keys.ts';
import { fetchPart } from './fetch-part.ts';
import type { JobContext } from './job.ts';
import type { Manifest } from './manifest.ts';

/** Begins the name of the folder a fetched backup lies in. */
export const spoolPrefix = 'watchkeeper-spool-';

/** Where {@link fetchParts} puts the content of a part: decompressed, under its name without `.zst`. */
export function contentPathIn(folder: string): (partName: string) => string {
  return (partName) => join(folder, partName.replace(/\.zst$/, ''));
}

/** Fetches all parts of a backup into `folder`, checked piece by piece; rejects as {@link fetchPart} does. */
export async function fetchParts(
  from: {
    readonly manifest: Manifest;
    readonly store: Pick<ObjectStore, 'get'>;
    readonly zstdProgram: string | undefined;
    readonly onReread?: (what: string) => void;
  },
  folder: string,
  context: JobContext,
): Promise<void> {
  const { manifest, store, zstdProgram, onReread } = from;
  const contentPath = contentPathIn(folder);
  for (const part of manifest.parts) {
    const key = backupKey(manifest.target, manifest.id, part.name);
    await fetchPart({ store, key, part, path: contentPath(part.name), zstdProgram, onReread }, context);
  }
}
