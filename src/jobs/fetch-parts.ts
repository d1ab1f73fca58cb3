import { join } from 'node:path';
import type { ObjectStore } from '../storage/object-store.ts';
import type { PartTools } from './backup/open-content.ts';
import { backupKey } from './backup-keys.ts';
import { fetchPart } from './fetch-part.ts';
import type { JobContext } from './job.ts';
import type { Manifest } from './manifest.ts';
import { contentName } from './part-name.ts';

/** Begins the name of the folder a fetched backup lies in. */
export const spoolPrefix = 'watchkeeper-spool-';

/** Where {@link fetchParts} puts the content of a part: decompressed and unpacked, under its name without `.zst` and the like. */
export function contentPathIn(folder: string): (partName: string) => string {
  return (partName) => join(folder, contentName(partName));
}

/** Fetches all parts of a backup into `folder`, checked piece by piece; rejects as {@link fetchPart} does. */
export async function fetchParts(
  from: {
    readonly manifest: Manifest;
    readonly store: Pick<ObjectStore, 'get'>;
    readonly onReread?: (what: string) => void;
  } & PartTools,
  folder: string,
  context: JobContext,
): Promise<void> {
  const { manifest, store, zstdProgram, ageProgram, identities, onReread } = from;
  const contentPath = contentPathIn(folder);
  for (const part of manifest.parts) {
    const key = backupKey(manifest.target, manifest.id, part.name);
    const tools = { zstdProgram, ageProgram, identities };
    await fetchPart({ store, key, part, path: contentPath(part.name), onReread, ...tools }, context);
  }
}
