import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';

/**
 * Writes everything that `source` gives into `sink`, ends it, and shows each chunk to `onChunk` on its way. When either side
 * fails or `signal` fires, both are destroyed and the reason is thrown. As `pipeline` with a Transform in the middle, without
 * the Transform: a whole dump passes here in pieces of a few KiB, and its share of the time of a backup was half of ours.
 */
export async function pump(
  source: Readable,
  sink: Writable,
  options: { readonly signal: AbortSignal; readonly onChunk: (chunk: Buffer) => void },
): Promise<void> {
  const { signal, onChunk } = options;
  source.on('data', (chunk: Buffer) => {
    try {
      onChunk(chunk);
    } catch (error) {
      source.destroy(error as Error);
      return;
    }
    if (!sink.write(chunk)) source.pause();
  });
  sink.on('drain', () => source.resume());
  source.once('end', () => sink.end());
  // What was destroyed may still complain about it when nobody listens any more, which would end the process.
  for (const side of [source, sink]) side.on('error', () => undefined);
  try {
    await Promise.all([finished(source, { signal, writable: false }), finished(sink, { signal, readable: false })]);
  } catch (error) {
    source.destroy();
    sink.destroy();
    throw error;
  }
}
