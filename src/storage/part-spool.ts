import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { formatBytes } from '../core/bytes.ts';
import { makeWorkDirectory, type WorkDirectory } from '../core/work-directory.ts';
import { FileReader } from './file-reader.ts';
import { filesystemError } from './filesystem-error.ts';
import { StoreError } from './object-store.ts';
import { writeAll } from './write-all.ts';

/** Begins the name of the folder in which parts of one upload lie until they are sent. */
export const partSpoolPrefix = 'watchkeeper-parts-';

/** Gathered before it is written, since every write is a system call. */
const writeBytes = 2 ** 20;

/** A part that is too large for memory: what it holds lies in a file, and can be read as often as it is sent. */
export interface PartFile {
  readonly sizeBytes: number;
  readonly md5: Buffer;
  /** In hexadecimal digits. */
  readonly sha256: string;
  read(signal: AbortSignal): Promise<Readable>;
  /** To be called when it was sent, so that there is room for the next one. Never rejects: the spool goes as a whole. */
  remove(): Promise<void>;
}

/**
 * The folder in which the large parts of one upload lie until they are sent; made with the first of them, removed with
 * everything in it when it is disposed of. What hinders there rejects with kind `spool`: it is no fault of the store.
 */
export class PartSpool implements AsyncDisposable {
  readonly #parent: string;
  #folder: Promise<WorkDirectory> | undefined;

  /** `parent`: an existing folder; the system's temporary one when undefined. */
  constructor(parent: string | undefined) {
    this.#parent = parent ?? tmpdir();
  }

  /** For a part of `sizeBytes` at most. Nothing is written yet. */
  create(number: number, sizeBytes: number): PartFileWriter {
    const size = formatBytes(sizeBytes);
    const what = `part ${number} (up to ${size}, two of them at once) in the spool directory ${this.#parent}`;
    return new PartFileWriter(async () => join((await this.#open()).path, String(number)), what);
  }

  #open(): Promise<WorkDirectory> {
    this.#folder ??= makeWorkDirectory({ prefix: partSpoolPrefix, parent: this.#parent });
    return this.#folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await (await this.#folder)?.[Symbol.asyncDispose]();
    } catch {
      // What cannot be removed is swept at the next start; what was uploaded is good all the same.
    }
  }
}

/** Takes the bytes of a part, hashes them and writes them to its file. */
export class PartFileWriter {
  readonly #path: () => Promise<string>;
  readonly #what: string;
  readonly #md5: Hash = createHash('md5');
  readonly #sha256: Hash = createHash('sha256');
  #file: FileHandle | undefined;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #sizeBytes = 0;

  /** `what` is how errors call it. */
  constructor(path: () => Promise<string>, what: string) {
    this.#path = path;
    this.#what = what;
  }

  async write(bytes: Buffer): Promise<void> {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    this.#sizeBytes += bytes.length;
    if (this.#heldBytes >= writeBytes) await this.#flush();
  }

  async finish(): Promise<PartFile> {
    await this.#flush();
    await this.close();
    const path = await this.#path();
    const sizeBytes = this.#sizeBytes;
    return {
      sizeBytes,
      md5: this.#md5.digest(),
      sha256: this.#sha256.digest('hex'),
      read: (signal) =>
        this.#attempt('reading', async () => {
          const extent = { key: this.#what, first: 0, length: sizeBytes };
          const describe = (error: unknown) => this.#spoolError('reading', error);
          return new FileReader(await open(path, 'r'), extent, { signal, describe });
        }),
      remove: () => rm(path, { force: true }).catch(() => undefined),
    };
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await this.#attempt('keeping', async () => file?.close());
  }

  async #flush(): Promise<void> {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const bytes of held) {
      this.#md5.update(bytes);
      this.#sha256.update(bytes);
    }
    await this.#attempt('keeping', async () => {
      this.#file ??= await open(await this.#path(), 'wx', 0o600);
      await writeAll(this.#file, ...held);
    });
  }

  async #attempt<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#spoolError(doing, error);
    }
  }

  #spoolError(doing: string, error: unknown): StoreError {
    if (error instanceof StoreError) return error;
    return new StoreError('spool', filesystemError(error, `${doing} ${this.#what}`).message, { cause: error });
  }
}
