import { createHash, type Hash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';

/** Buffer between the members of a backup stream: large enough to ride out a slow moment of one of them. */
export const streamBufferBytes = 2 ** 20;

/** SHA-256 of the whole and of each consecutive piece of `chunkBytes`, so that damage can be told by its place. */
export class ChunkHasher {
  sizeBytes = 0;
  readonly #chunkBytes: number;
  readonly #whole: Hash = createHash('sha256');
  readonly #chunks: string[] = [];
  #chunk: Hash = createHash('sha256');
  #chunkFilled = 0;

  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
  }

  update(bytes: Buffer): void {
    this.#whole.update(bytes);
    this.sizeBytes += bytes.length;
    for (let offset = 0; offset < bytes.length; ) {
      const piece = bytes.subarray(offset, offset + this.#chunkBytes - this.#chunkFilled);
      this.#chunk.update(piece);
      this.#chunkFilled += piece.length;
      offset += piece.length;
      if (this.#chunkFilled === this.#chunkBytes) this.#closeChunk();
    }
  }

  finish(): { readonly sizeBytes: number; readonly sha256: string; readonly chunks: readonly string[] } {
    if (this.#chunkFilled > 0) this.#closeChunk();
    return { sizeBytes: this.sizeBytes, sha256: this.#whole.digest('hex'), chunks: this.#chunks };
  }

  #closeChunk(): void {
    this.#chunks.push(this.#chunk.digest('hex'));
    this.#chunk = createHash('sha256');
    this.#chunkFilled = 0;
  }
}

/**
 * The last member of a backup stream before the store: hashes what is stored, and ends only after `confirm` resolved.
 * An end of the programs' output is not yet a success; without this gate the store would keep a truncated object.
 */
export class GatedOutlet extends Transform {
  readonly #hasher: ChunkHasher;
  readonly #confirm: () => Promise<void>;
  readonly #onBytes: (sizeBytes: number) => void;

  /** `onBytes` is told how many bytes went by so far. */
  constructor(hasher: ChunkHasher, gate: { confirm(): Promise<void>; onBytes(sizeBytes: number): void }) {
    super({ highWaterMark: streamBufferBytes });
    this.#hasher = hasher;
    this.#confirm = gate.confirm;
    this.#onBytes = gate.onBytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#hasher.update(chunk);
    this.#onBytes(this.#hasher.sizeBytes);
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    this.#confirm().then(
      () => done(),
      (error: Error) => done(error),
    );
  }
}
