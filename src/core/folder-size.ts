import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mapLimit } from './map-limit.ts';

const looksAtOnce = 16;

/** Bytes that a folder takes on its disk, with everything in it. What vanishes meanwhile counts nothing. */
export async function folderSize(path: string): Promise<number> {
  const names = await readdir(path, { recursive: true });
  let bytes = 0;
  await mapLimit(names, looksAtOnce, async (name) => {
    const found = await lstat(join(path, name)).catch(() => undefined);
    bytes += (found?.blocks ?? 0) * 512;
  });
  return bytes;
}
