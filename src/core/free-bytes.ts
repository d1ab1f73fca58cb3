import { statfs } from 'node:fs/promises';

/** Bytes that are free for us on the disk of a folder: what is reserved for root is not. Rejects when there is no such folder. */
export async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
