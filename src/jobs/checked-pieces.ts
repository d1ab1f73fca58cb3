import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { errorMessage, findCause } from '../core/errors.ts';
import { type ObjectStore, StoreError } from '../storage/object-store.ts';
import { JobFailed } from './job.ts';
import type { Part } from './manifest.ts';
import { pieceBytes } from './pieces.ts';

export interface StoredPart {
  readonly store: Pick<ObjectStore, 'get'>;
  readonly key: string;
  readonly part: Part;
}

export interface ReadingWatch {
  readonly signal: AbortSignal;
  /** Bytes that were found right so far. */
  readonly onBytes: (doneBytes: number) => void;
  /** What was wrong at first reading and is read a second time, for people. */
  readonly onReread: (what: string) => void;
}

/**
 * The stored bytes of a part, each piece only after its hash was found right. What comes wrong from the store is read once
 * more from there on: a bit may have changed on its way. The second answer counts: wrong again, it rejects with reason
 * `damaged` and the range of bytes.
 */
export async function* checkedPieces(from: StoredPart, watch: ReadingWatch): AsyncGenerator<Buffer> {
  const { store, key, part } = from;
  const checker = new PieceChecker(part, watch.onBytes);
  let stored = await store.get(key, watch.signal);
  for (let readAgain = -1; ; readAgain = checker.piece) {
    try {
      for await (const chunk of stored) yield* checker.add(chunk as Buffer);
      yield* checker.end();
      return;
    } catch (error) {
      if (!isWorthReread(error) || checker.piece <= readAgain) throw error;
      watch.onReread(errorMessage(error));
      checker.forgetPiece();
      stored = await readRest(from, checker.doneBytes, watch.signal).catch((refusal: unknown) => {
        throw isAway(refusal) ? refusal : error;
      });
    }
  }
}

function readRest({ store, key, part }: StoredPart, first: number, signal: AbortSignal): Promise<Readable> {
  return store.get(key, signal, first === 0 ? undefined : { first, last: part.sizeBytes - 1 });
}

/** Any other refusal (there are no such bytes, there is no such object any more) confirms what was found. */
function isAway(error: unknown): boolean {
  const store = findCause(error, StoreError);
  return store === undefined || store.kind === 'unavailable' || store.kind === 'denied';
}

/** Not the hash of the whole, nor bytes in excess: those would be the same. */
function isWorthReread(error: unknown): boolean {
  return error instanceof WrongPiece || findCause(error, StoreError)?.kind === 'damaged';
}

/** A piece whose bytes are not those of the manifest, or not all of them. */
class WrongPiece extends JobFailed {
  constructor(part: string, what: string) {
    super('damaged', `part ${part} ${what}`);
  }
}

/** Holds back each piece until its hash was found right: nothing damaged is ever decompressed or restored. */
class PieceChecker {
  readonly #part: Part;
  readonly #onBytes: (doneBytes: number) => void;
  readonly #whole = createHash('sha256');
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Number of the piece that is being read, from 0. */
  piece = 0;
  /** Where it begins. */
  doneBytes = 0;

  constructor(part: Part, onBytes: (doneBytes: number) => void) {
    this.#part = part;
    this.#onBytes = onBytes;
  }

  *add(chunk: Buffer): Generator<Buffer> {
    for (let offset = 0; offset < chunk.length; ) {
      const bytes = chunk.subarray(offset, offset + this.#pieceBytes() - this.#heldBytes);
      this.#held.push(bytes);
      this.#heldBytes += bytes.length;
      offset += bytes.length;
      if (this.#heldBytes === this.#pieceBytes()) yield* this.#release();
    }
  }

  *end(): Generator<Buffer> {
    if (this.#heldBytes > 0) yield* this.#release();
    const { name, sizeBytes, sha256 } = this.#part;
    if (this.doneBytes !== sizeBytes) throw endsEarly(this.#part, this.doneBytes);
    if (this.#whole.digest('hex') !== sha256) {
      throw new JobFailed('damaged', `part ${name}: the hash of the whole is not that of the manifest`);
    }
  }

  /** What was read of the piece under way does not count. */
  forgetPiece(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  #pieceBytes(): number {
    return pieceBytes(this.#part, this.piece);
  }

  #release(): readonly Buffer[] {
    const { name, sizeBytes, chunks } = this.#part;
    const held = this.#held;
    const hash = createHash('sha256');
    for (const bytes of held) hash.update(bytes);
    const end = this.doneBytes + this.#heldBytes;
    if (end > sizeBytes) {
      throw new JobFailed('damaged', `part ${name} is longer than the ${sizeBytes} bytes of the manifest`);
    }
    if (hash.digest('hex') !== chunks.at(this.piece)) {
      const isLast = this.piece === chunks.length - 1;
      if (end < sizeBytes && (isLast || this.#heldBytes < this.#pieceBytes())) throw endsEarly(this.#part, end);
      throw new WrongPiece(name, `is damaged: bytes ${this.doneBytes} to ${end - 1} are not what was stored`);
    }
    for (const bytes of held) this.#whole.update(bytes);
    this.doneBytes = end;
    this.piece++;
    this.forgetPiece();
    this.#onBytes(end);
    return held;
  }
}

function endsEarly({ name, sizeBytes }: Part, end: number): WrongPiece {
  return new WrongPiece(name, `ends after ${end} of ${sizeBytes} bytes, ${sizeBytes - end} are missing`);
}
