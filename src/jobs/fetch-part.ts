import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { streamBufferBytes } from './backup/hashing.ts';
import { joinedRun } from './backup/joined-run.ts';
import { openContent, type PartTools } from './backup/open-content.ts';
import { pump } from './backup/pump.ts';
import { checkedPieces, type StoredPart } from './checked-pieces.ts';
import { type JobContext, JobFailed } from './job.ts';

/**
 * Fetches a part, checks every piece against the manifest before anything reads it, opens it into `path` and
 * checks how much came out. Rejects with reason `damaged` and the range of bytes that is wrong, twice in a row.
 */
export async function fetchPart(
  from: StoredPart & {
    readonly path: string;
    /** Is told what was wrong at first and had to be read a second time. */
    readonly onReread?: ((what: string) => void) | undefined;
  } & PartTools,
  context: JobContext,
): Promise<void> {
  const { part } = from;
  await using run = joinedRun(context);
  const pieces = checkedPieces(from, {
    signal: run.signal,
    onBytes: (doneBytes) => context.onProgress({ activity: 'fetching', doneBytes, totalBytes: part.sizeBytes }),
    onReread(what) {
      context.log.warn({ key: from.key, reason: what }, 'what the store gave was wrong and is read again');
      from.onReread?.(what);
    },
  });
  const codec = await openContent(part, from, run.signal);
  let contentBytes = 0;
  await run.all([
    pipeline(pieces, codec.input, { signal: run.signal }),
    pump(codec.output, createWriteStream(from.path, { mode: 0o600, highWaterMark: streamBufferBytes }), {
      signal: run.signal,
      onChunk(chunk) {
        contentBytes += chunk.length;
      },
    }),
    codec.done,
  ]);
  if (contentBytes !== part.content.sizeBytes) {
    throw new JobFailed('damaged', `part ${part.name}: the decompressed content is not what was dumped`);
  }
}
