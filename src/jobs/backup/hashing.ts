import { createHash, type Hash } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import type { Part } from '../manifest.ts';
import { PieceHashes, type PieceSizes, pieceBytes } from '../pieces.ts';

/** Buffer between the members of a backup stream: large enough to ride out a slow moment of one of them. */
export const streamBufferBytes = 2 ** 20;

/** What a part is, as far as its stored bytes tell. */
export type HashedBytes = Pick<Part, 'sizeBytes' | 'sha256' | 'chunks' | 'chunkBytes' | 'chunkGrowth'>;

/** SHA-256 of the whole and of each consecutive piece, so that damage can be told by its place. */
export class ChunkHasher {
  sizeBytes = 0;
  readonly #pieces: PieceSizes;
  readonly #whole: Hash = createHash('sha256');
  /** Hashes of the pieces, one after the other, and room for more. */
  #hashes = Buffer.alloc(2 ** 15);
  #hashesBytes = 0;
  #chunk: Hash = createHash('sha256');
  #chunkFilled = 0;
  #chunkBytes: number;

  constructor(pieces: PieceSizes) {
    this.#pieces = pieces;
    this.#chunkBytes = pieces.chunkBytes;
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

  finish(): HashedBytes {
    if (this.#chunkFilled > 0) this.#closeChunk();
    const { chunkBytes, chunkGrowth } = this.#pieces;
    const chunks = new PieceHashes(this.#hashes.subarray(0, this.#hashesBytes));
    const isGrown = chunkGrowth !== undefined && chunks.length > chunkGrowth.every;
    const sizes = { chunkBytes, ...(isGrown ? { chunkGrowth } : {}) };
    return { sizeBytes: this.sizeBytes, sha256: this.#whole.digest('hex'), ...sizes, chunks };
  }

  #closeChunk(): void {
    const hash = this.#chunk.digest();
    if (this.#hashesBytes === this.#hashes.length)
      this.#hashes = Buffer.concat([this.#hashes], 2 * this.#hashes.length);
    this.#hashesBytes += hash.copy(this.#hashes, this.#hashesBytes);
    this.#chunk = createHash('sha256');
    this.#chunkFilled = 0;
    this.#chunkBytes = pieceBytes(this.#pieces, this.#hashesBytes / hash.length);
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
