import { availableParallelism } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { type ProcessOptions, startProcess } from '../../core/run-process.ts';
import { streamBufferBytes } from './hashing.ts';

/** A (de)compressor: bytes in, bytes out, and a verdict. */
export interface Codec {
  readonly input: Writable;
  readonly output: Readable;
  /** Resolves when all went well; wait for it, an end of `output` says nothing. */
  readonly done: Promise<void>;
}

export interface Compressor extends Codec {
  /**
   * How many bytes went in, known once `done` resolved. Absent where nobody tells: then whoever feeds it counts them. With
   * it, another program may write into `input` without us in between.
   */
  readonly inputBytes?: () => number;
}

/**
 * Compresses with the `zstd` program, which uses several cores, where there is one; otherwise with node:zlib, which
 * uses one. Both write the same format, with zstd's own checksum. `program` is its path, undefined when not installed.
 * `into`: where the program writes instead of `output`, see `ProcessOptions`; without a program it is not touched.
 */
export async function compressZstd(
  program: string | undefined,
  level: number,
  signal: AbortSignal,
  into?: Writable,
): Promise<Compressor> {
  if (program === undefined) {
    return inProcess(
      createZstdCompress({
        chunkSize: streamBufferBytes,
        params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
      }),
    );
  }
  const args = [`-${level}`, compressionThreads(), '--check', '--stdout'];
  const options = { signal, ...(into === undefined ? {} : { into }) };
  if (await tellsInputBytes(program)) return counting(program, args, options);
  return external(program, [...args, '--quiet'], options);
}

/**
 * One core is left to pg_dump; on a machine of two a second thread of zstd would only take from it what it gains. One thread
 * alone is not `-T1`, where it would be handed what another one read.
 */
function compressionThreads(): string {
  const threads = Math.min(4, availableParallelism() - 1);
  return threads > 1 ? `-T${threads}` : '--single-thread';
}

/** In its most talkative mode zstd ends with `/*stdin*\ : 24.5% (513002241 B => 125685549 B, /*stdout*\)`. */
const summary = /\( *(\d+) B => +\d+ B, /;
const talkative = ['-vv', '--no-progress'];
const talk = /^(\*\*\* |--|Using std|Decompression will|\/\*stdin\*\\)|^$/;

type CodecOptions = Pick<ProcessOptions, 'signal' | 'into' | 'intoFile'>;

function counting(program: string, args: readonly string[], options: CodecOptions): Compressor {
  let inputBytes: number | undefined;
  const running = startProcess(program, [...args, ...talkative], {
    ...options,
    stdin: 'pipe',
    stderrNoise: talk,
    onStderrLine(line) {
      const found = summary.exec(line)?.[1];
      if (found !== undefined) inputBytes = Number(found);
    },
  });
  return {
    input: running.stdin as Writable,
    output: running.stdout,
    done: running.exited,
    inputBytes() {
      if (inputBytes === undefined) throw new Error(`${program} did not say how much it read`);
      return inputBytes;
    },
  };
}

const tellers = new Map<string, Promise<boolean>>();

/** Whether this zstd prints the exact sum; tried once for each program. */
function tellsInputBytes(program: string): Promise<boolean> {
  const known = tellers.get(program) ?? tryOut(program);
  tellers.set(program, known);
  return known;
}

async function tryOut(program: string): Promise<boolean> {
  try {
    const codec = counting(program, ['--stdout'], { signal: AbortSignal.timeout(10_000) });
    codec.output.resume();
    codec.input.end('four');
    await codec.done;
    return codec.inputBytes?.() === 4;
  } catch {
    // The backup itself will show what is wrong with it.
    return false;
  }
}

/**
 * Decompresses; damage is an error of the output or of `done`. `intoFile`: where the program writes instead of `output`, see
 * `ProcessOptions`; without a program it is not touched.
 */
export function decompressZstd(program: string | undefined, signal: AbortSignal, intoFile?: number): Codec {
  if (program === undefined) return inProcess(createZstdDecompress({ chunkSize: streamBufferBytes }));
  return external(program, ['--decompress', '--quiet', '--stdout'], { signal, intoFile });
}

function external(program: string, args: readonly string[], options: CodecOptions): Codec {
  const running = startProcess(program, args, { ...options, stdin: 'pipe' });
  return { input: running.stdin as Writable, output: running.stdout, done: running.exited };
}

function inProcess(codec: Readable & Writable): Codec {
  return { input: codec, output: codec, done: Promise.resolve() };
}
