import type { FileHandle } from 'node:fs/promises';

/** Appends all of the chunks to a file; a nearly full disk takes a part of them first, and the next try tells why. */
export async function writeAll(file: FileHandle, ...chunks: readonly Uint8Array[]): Promise<void> {
  const totalBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (totalBytes === 0) return;
  const { bytesWritten } = await file.writev(chunks);
  if (bytesWritten < totalBytes) await writeAll(file, Buffer.concat(chunks).subarray(bytesWritten));
}
