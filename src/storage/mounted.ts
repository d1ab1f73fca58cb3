import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StoreError } from './object-store.ts';

/**
 * Rejects with kind `unavailable` when nothing is mounted at a folder: then it is of the same filesystem as the folder above it, or
 * not there. Without a folder nothing is asked.
 */
export async function requireMounted(mountPoint: string | undefined): Promise<void> {
  if (mountPoint === undefined || (await isMounted(mountPoint))) return;
  throw new StoreError('unavailable', `nothing is mounted at ${mountPoint}`);
}

async function isMounted(mountPoint: string): Promise<boolean> {
  const [own, above] = await Promise.all([mountPoint, dirname(mountPoint)].map((path) => stat(path))).catch(() => []);
  return own !== undefined && above !== undefined && own.dev !== above.dev;
}
