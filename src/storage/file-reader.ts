import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { coerceError } from '../core/errors.ts';
import { StoreError } from './object-store.ts';

const chunkBytes = 2 ** 20;

export interface FileExtent {
  /** How errors call it. */
  readonly key: string;
  readonly first: number;
  /** Number of bytes from `first` on. */
  readonly length: number;
}

/**
 * Exactly the given bytes of a file, which it closes. A file that shrinks while it is read simply ends; that must not
 * look like the end of the object, so it is an error of kind `damaged`.
 */
export class FileReader extends Readable {
  readonly #file: FileHandle;
  readonly #extent: FileExtent;
  readonly #signal: AbortSignal;
  readonly #describe: (error: unknown) => Error;
  readonly #onAbort = () => this.destroy(coerceError(this.#signal.reason));
  #doneBytes = 0;

  constructor(
    file: FileHandle,
    extent: FileExtent,
    options: { readonly signal: AbortSignal; readonly describe: (error: unknown) => Error },
  ) {
    super({ highWaterMark: chunkBytes });
    this.#file = file;
    this.#extent = extent;
    this.#signal = options.signal;
    this.#describe = options.describe;
    // Work that ends between the call of `get` and its first read leaves a stream nobody listens to: its error must not
    // end the process. Whoever reads it is told all the same.
    this.on('error', () => undefined);
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    if (this.#signal.aborted) this.#onAbort();
  }

  override _read(): void {
    this.#next().then(
      (chunk) => this.push(chunk),
      (error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    // Closing waits for a read under way.
    this.#file.close().then(
      () => done(error),
      (closing: Error) => done(error ?? closing),
    );
  }

  async #next(): Promise<Buffer | null> {
    const { key, first, length } = this.#extent;
    const wanted = Math.min(chunkBytes, length - this.#doneBytes);
    if (wanted <= 0) return null;
    const { bytesRead, buffer } = await this.#file
      .read(Buffer.allocUnsafe(wanted), 0, wanted, first + this.#doneBytes)
      .catch((error) => {
        throw this.#describe(error);
      });
    if (bytesRead === 0) throw new StoreError('damaged', `${key} ended after ${this.#doneBytes} of ${length} bytes`);
    this.#doneBytes += bytesRead;
    return buffer.subarray(0, bytesRead);
  }
}
