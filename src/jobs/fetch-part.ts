import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ObjectStore } from '../storage/object-store.ts';
import { streamBufferBytes } from './backup/hashing.ts';
import { joinedRun } from './backup/joined-run.ts';
import { pump } from './backup/pump.ts';
import { decompressZstd } from './backup/zstd.ts';
import { type JobContext, JobFailed } from './job.ts';
import type { Part } from './manifest.ts';

/**
 * Fetches a part, checks every piece against the manifest before anything reads it, decompresses it into `path` and
 * checks how much came out. Rejects with reason `damaged` and the range of bytes that is wrong.
 */
export async function fetchPart(
  from: {
    readonly store: Pick<ObjectStore, 'get'>;
    readonly key: string;
    readonly part: Part;
    readonly path: string;
    readonly zstdProgram: string | undefined;
  },
  context: JobContext,
): Promise<void> {
  const { part } = from;
  await using run = joinedRun(context);
  const stored = await from.store.get(from.key, run.signal);
  const checked = new PieceChecker(part, (doneBytes) =>
    context.onProgress({ activity: 'fetching', doneBytes, totalBytes: part.sizeBytes }),
  );
  const codec = decompressZstd(from.zstdProgram, run.signal);
  let contentBytes = 0;
  await run.all([
    pipeline(stored, checked, codec.input, { signal: run.signal }),
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

/** Holds back each piece until its hash was found right: nothing damaged is ever decompressed or restored. */
class PieceChecker extends Transform {
  readonly #part: Part;
  readonly #onBytes: (doneBytes: number) => void;
  readonly #whole = createHash('sha256');
  #held: Buffer[] = [];
  #heldBytes = 0;
  #pieces = 0;
  #doneBytes = 0;

  constructor(part: Part, onBytes: (doneBytes: number) => void) {
    super();
    this.#part = part;
    this.#onBytes = onBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      for (let offset = 0; offset < chunk.length; ) {
        const bytes = chunk.subarray(offset, offset + this.#part.chunkBytes - this.#heldBytes);
        this.#held.push(bytes);
        this.#heldBytes += bytes.length;
        offset += bytes.length;
        if (this.#heldBytes === this.#part.chunkBytes) this.#release();
      }
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    try {
      if (this.#heldBytes > 0) this.#release();
      this.#checkWhole();
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  #release(): void {
    const { name, sizeBytes, chunks } = this.#part;
    const hash = createHash('sha256');
    for (const bytes of this.#held) hash.update(bytes);
    const end = this.#doneBytes + this.#heldBytes;
    if (end > sizeBytes) throw damaged(name, `is longer than the ${sizeBytes} bytes of the manifest`);
    if (hash.digest('hex') !== chunks[this.#pieces]) {
      const isLast = this.#pieces === chunks.length - 1;
      const cut = end < sizeBytes && (isLast || this.#heldBytes < this.#part.chunkBytes);
      if (cut) throw damaged(name, `ends after ${end} of ${sizeBytes} bytes, ${sizeBytes - end} are missing`);
      throw damaged(name, `bytes ${this.#doneBytes} to ${end - 1} are not what was stored`);
    }
    for (const bytes of this.#held) {
      this.#whole.update(bytes);
      this.push(bytes);
    }
    this.#doneBytes = end;
    this.#pieces++;
    this.#held = [];
    this.#heldBytes = 0;
    this.#onBytes(end);
  }

  #checkWhole(): void {
    const { name, sizeBytes, sha256 } = this.#part;
    if (this.#doneBytes !== sizeBytes) {
      const missing = sizeBytes - this.#doneBytes;
      throw damaged(name, `ends after ${this.#doneBytes} of ${sizeBytes} bytes, ${missing} are missing`);
    }
    if (this.#whole.digest('hex') !== sha256) throw damaged(name, 'the hash of the whole is not that of the manifest');
  }
}

function damaged(part: string, what: string): JobFailed {
  return new JobFailed('damaged', `part ${part} ${what.startsWith('bytes') ? `is damaged: ${what}` : what}`);
}
