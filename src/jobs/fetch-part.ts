import { createWriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { findCause } from '../core/errors.ts';
import { ProcessFailed, startProcess } from '../core/run-process.ts';
import { DumpOffsets } from './backup/dump-offsets.ts';
import { streamBufferBytes } from './backup/hashing.ts';
import { joinedRun } from './backup/joined-run.ts';
import { openContent, type PartTools } from './backup/open-content.ts';
import { unpacking } from './backup/postgres-directory.ts';
import { pump } from './backup/pump.ts';
import { checkedPieces, type StoredPart } from './checked-pieces.ts';
import { type JobContext, JobFailed } from './job.ts';

/**
 * Fetches a part, checks every piece against the manifest before anything reads it, opens it into `path` (a folder where it
 * is the archive of one) and checks how much came out. A dump that was written into a pipe gets the offsets of its tables, see
 * {@link DumpOffsets}: the content is the same. Rejects with reason `damaged` and the range of bytes that is wrong,
 * twice in a row.
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
  const outlet = part.archive === 'tar' ? unpack(from.path, run.signal) : writeFile(from.path);
  const offsets = new DumpOffsets();
  let contentBytes = 0;
  await run.all([
    pipeline(pieces, codec.input, { signal: run.signal }),
    pump(codec.output, outlet.input, {
      signal: run.signal,
      onChunk(chunk) {
        contentBytes += chunk.length;
        offsets.add(chunk);
      },
    }),
    codec.done,
    outlet.done,
  ]);
  if (contentBytes !== part.content.sizeBytes) {
    throw new JobFailed('damaged', `part ${part.name}: the decompressed content is not what was dumped`);
  }
  if (part.archive === undefined) await offsets.writeInto(from.path);
}

/** Where the content goes, and whether all of it arrived. */
interface Outlet {
  readonly input: Writable;
  readonly done: Promise<void>;
}

function writeFile(path: string): Outlet {
  return { input: createWriteStream(path, { mode: 0o600, highWaterMark: streamBufferBytes }), done: Promise.resolve() };
}

/** A dump in directory format is never whole on the disk as a tar: that would take the space twice. */
function unpack(path: string, signal: AbortSignal): Outlet {
  const { program, args } = unpacking(path);
  const running = startProcess(program, args, { signal, stdin: 'pipe' });
  running.stdout.resume();
  const done = running.exited.catch((error) => {
    throw ofThePlace(error, path);
  });
  done.catch(() => undefined);
  return { input: untilItEnds(running.stdin as Writable), done };
}

/**
 * A program that has what it needs may end before it has read the padding at the end, or before we saw that it read it: its exit
 * code says whether all was well, a closed pipe does not. What it did not read is counted all the same.
 */
function untilItEnds(stdin: Writable): Writable {
  return new Writable({
    highWaterMark: streamBufferBytes,
    write(chunk: Buffer, _encoding, done) {
      stdin.write(chunk, () => done());
    },
    final(done) {
      stdin.end();
      done();
    },
  });
}

/** In words of GNU, BSD and BusyBox. */
const noArchive =
  /look like a tar|unrecognized archive|invalid tar|corrupted|unexpected E(OF|nd)|truncated|short read/i;

/** What tar reads was found to be what was stored: unless it is no tar, the disk is what hinders. */
function ofThePlace(error: unknown, path: string): unknown {
  const failed = findCause(error, ProcessFailed);
  if (failed === undefined || failed.exitCode === null || noArchive.test(failed.stderr)) return error;
  return new JobFailed('inconclusive', `the fetched dump could not be unpacked in ${dirname(path)}`, { cause: error });
}
