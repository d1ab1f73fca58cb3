import type { Dirent } from 'node:fs';
import { opendir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './errors.ts';
import { mapLimit } from './map-limit.ts';

const removedAtOnce = 16;
/** Somebody may still be writing into it: a server whose processes are just ending. */
const mostPasses = 4;

/**
 * Removes a folder with everything in it; one that is not there is no error. In constant memory: `rm` of Node.js removes all
 * files at the same time, which took 150 MB for the 60,000 of a database of 10,000 tables. Symbolic links are not followed.
 */
export async function removeFolder(path: string): Promise<void> {
  for (let pass = 1; ; pass++) {
    await removeContents(path);
    try {
      return await rmdir(path);
    } catch (error) {
      if (isGone(error)) return;
      if (errorCode(error) !== 'ENOTEMPTY' || pass === mostPasses) throw error;
    }
  }
}

async function removeContents(path: string): Promise<void> {
  // A whole batch is read before its files go: what a folder lists while it changes is not defined.
  for (let batch = await firstEntries(path); batch.length > 0; batch = await firstEntries(path)) {
    await mapLimit(batch, removedAtOnce, (entry) => removeEntry(join(path, entry.name), entry));
  }
}

async function removeEntry(path: string, entry: Dirent): Promise<void> {
  if (entry.isDirectory()) return removeFolder(path);
  await unlink(path).catch((error: unknown) => {
    if (!isGone(error)) throw error;
  });
}

const batchEntries = 1_024;

async function firstEntries(path: string): Promise<Dirent[]> {
  const entries: Dirent[] = [];
  try {
    for await (const entry of await opendir(path, { bufferSize: batchEntries })) {
      entries.push(entry);
      if (entries.length === batchEntries) break;
    }
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  return entries;
}

function isGone(error: unknown): boolean {
  return errorCode(error) === 'ENOENT';
}
