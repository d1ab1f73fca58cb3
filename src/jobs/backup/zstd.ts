import { availableParallelism } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { startProcess } from '../../core/run-process.ts';
import { streamBufferBytes } from './hashing.ts';

/** A (de)compressor: bytes in, bytes out, and a verdict. */
export interface Codec {
  readonly input: Writable;
  readonly output: Readable;
  /** Resolves when all went well; wait for it, an end of `output` says nothing. */
  readonly done: Promise<void>;
}

/**
 * Compresses with the `zstd` program, which uses several cores, where there is one; otherwise with node:zlib, which
 * uses one. Both write the same format, with zstd's own checksum. `program` is its path, undefined when not installed.
 */
export function compressZstd(program: string | undefined, level: number, signal: AbortSignal): Codec {
  if (program === undefined) {
    return inProcess(
      createZstdCompress({
        chunkSize: streamBufferBytes,
        params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
      }),
    );
  }
  const threads = Math.min(4, availableParallelism());
  return external(program, [`-${level}`, `-T${threads}`, '--check', '--quiet', '--stdout'], signal);
}

/** Decompresses; damage is an error of the output or of `done`. */
export function decompressZstd(program: string | undefined, signal: AbortSignal): Codec {
  if (program === undefined) return inProcess(createZstdDecompress({ chunkSize: streamBufferBytes }));
  return external(program, ['--decompress', '--quiet', '--stdout'], signal);
}

function external(program: string, args: readonly string[], signal: AbortSignal): Codec {
  const running = startProcess(program, args, { signal, stdin: 'pipe' });
  return { input: running.stdin as Writable, output: running.stdout, done: running.exited };
}

function inProcess(codec: Readable & Writable): Codec {
  return { input: codec, output: codec, done: Promise.resolve() };
}
