import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../core/clock.ts';
import { findCause } from '../core/errors.ts';
import { ProcessFailed, startProcess } from '../core/run-process.ts';
import { DumpOffsets } from './backup/dump-offsets.ts';
import { streamBufferBytes } from './backup/hashing.ts';
import { type JoinedRun, joinedRun } from './backup/joined-run.ts';
import { openContent, type PartTools } from './backup/open-content.ts';
import { unpacking } from './backup/postgres-directory.ts';
import { pump } from './backup/pump.ts';
import { checkedPieces, type StoredPart } from './checked-pieces.ts';
import { type JobContext, JobFailed } from './job.ts';
import { readAlong } from './read-along.ts';

type Fetch = StoredPart & {
  readonly path: string;
  /** Is told what was wrong at first and had to be read a second time. */
  readonly onReread?: ((what: string) => void) | undefined;
} & PartTools;

/**
 * Fetches a part, checks every piece against the manifest before anything reads it, opens it into `path` (a folder where it
 * is the archive of one) and checks how much came out. A dump that was written into a pipe gets the offsets of its tables, see
 * {@link DumpOffsets}: the content is the same. Rejects with reason `damaged` and the range of bytes that is wrong,
 * twice in a row.
 */
export async function fetchPart(from: Fetch, context: JobContext): Promise<void> {
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
  const contentBytes =
    part.archive === 'tar' ? await unpack(pieces, from, run) : await writeFile(pieces, from, run, context.clock);
  if (contentBytes !== part.content.sizeBytes) {
    throw new JobFailed('damaged', `part ${part.name}: the decompressed content is not what was dumped`);
  }
}

/**
 * Content that is one file: zstd writes it there by itself, and we read behind it. Through this process it would take three times
 * as long. Resolves with its size in bytes.
 */
async function writeFile(
  pieces: AsyncIterable<Buffer>,
  { part, path, ...tools }: Fetch,
  run: JoinedRun,
  clock: Clock,
): Promise<number> {
  const { signal } = run;
  await using file = await open(path, 'w+', 0o600);
  const codec = await openContent(part, tools, signal, file.fd);
  const written = tools.zstdProgram === undefined ? file.writeFile(codec.output, { signal }) : codec.done;
  const offsets = new DumpOffsets();
  await run.all([
    pipeline(pieces, codec.input, { signal }),
    codec.done.catch((error) => {
      throw ofThisMachine(error, path);
    }),
    readAlong(file, { written, clock, onChunk: (chunk) => offsets.add(chunk) }),
    written,
  ]);
  await offsets.writeInto(path);
  return (await file.stat()).size;
}

/** What zstd says of its output, also when it closes it, in 1.3 as in 1.5. */
const ofTheOutput = /write error|\/\*stdout\*\\/i;
const ofTheMemory = /not enough memory|allocation error|I\/O thread pool/i;

/** That zstd could not work or write here says nothing about the backup. `path`: the file that it writes to, if it does. */
function ofThisMachine(error: unknown, path?: string): unknown {
  const { stderr } = findCause(error, ProcessFailed) ?? { stderr: '' };
  if (path !== undefined && ofTheOutput.test(stderr)) {
    return new JobFailed('inconclusive', `the fetched dump could not be written in ${dirname(path)}`, { cause: error });
  }
  if (!ofTheMemory.test(stderr)) return error;
  return new JobFailed('inconclusive', 'zstd has no room to decompress', { obstacle: 'memory', cause: error });
}

/** A dump in directory format is never whole on the disk as a tar: that would take the space twice. Resolves with the tar's size. */
async function unpack(
  pieces: AsyncIterable<Buffer>,
  { part, path, ...tools }: Fetch,
  { signal, all }: JoinedRun,
): Promise<number> {
  const codec = await openContent(part, tools, signal);
  const { program, args } = unpacking(path);
  const tar = startProcess(program, args, { signal, stdin: 'pipe' });
  tar.stdout.resume();
  let contentBytes = 0;
  await all([
    pipeline(pieces, codec.input, { signal }),
    pump(codec.output, untilItEnds(tar.stdin as Writable), {
      signal,
      onChunk(chunk) {
        contentBytes += chunk.length;
      },
    }),
    codec.done.catch((error) => {
      throw ofThisMachine(error);
    }),
    tar.exited.catch((error) => {
      throw ofThePlace(error, path);
    }),
  ]);
  return contentBytes;
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
