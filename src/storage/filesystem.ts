import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { addAbortSignal, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../core/clock.ts';
import { errorCode, errorMessage } from '../core/errors.ts';
import { requireKey } from './key.ts';
import { type ByteRange, type ObjectStore, type StoredObject, StoreError } from './object-store.ts';

/** Where objects grow before they are visible; on the same filesystem, or linking would not be atomic. */
const growingFolder = '.growing';
const staleAfterMs = 24 * 3_600_000;

/**
 * A folder as a store. Makes the folder when it is missing and removes what killed processes left growing; where that
 * fails (a disk that is not mounted), the first write tells, and nothing else is hindered.
 */
export async function openFilesystemStore(path: string, clock: Clock): Promise<ObjectStore> {
  const store = new FilesystemStore(path);
  await store.sweepGrowing(clock.now()).catch(() => undefined);
  return store;
}

class FilesystemStore implements ObjectStore {
  readonly description: string;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.description = root;
  }

  async put(key: string, body: Readable | Uint8Array, signal: AbortSignal): Promise<StoredObject> {
    requireKey(key);
    signal.throwIfAborted();
    const source = body instanceof Readable ? body : Readable.from([body]);
    return this.#attempt(`writing ${key}`, signal, async () => {
      const growing = await this.#grow(source, signal);
      try {
        await this.#publish(growing, key);
      } finally {
        await rm(growing, { force: true });
      }
      return this.#describe(key, await stat(this.#path(key)));
    });
  }

  async putIfAbsent(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> {
    try {
      await this.put(key, bytes, signal);
      return true;
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'exists') return false;
      throw error;
    }
  }

  async get(key: string, signal: AbortSignal, range?: ByteRange): Promise<Readable> {
    requireKey(key);
    return this.#attempt(`reading ${key}`, signal, async () => {
      const file = await open(this.#path(key), 'r');
      try {
        const { size } = await file.stat();
        const first = range?.first ?? 0;
        const last = Math.min(range?.last ?? size - 1, size - 1);
        return readExactly(file, { key, first, last }, signal);
      } catch (error) {
        await file.close();
        throw error;
      }
    });
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    requireKey(key);
    return this.#attempt(`looking for ${key}`, signal, async () => {
      const found = await ifThere(stat(this.#path(key)));
      return found?.isFile() ? this.#describe(key, found) : undefined;
    });
  }

  async *list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const keys = await this.#attempt(`listing ${prefix}`, signal, () => this.#keysUnder(folder, signal));
    for (const key of keys.filter((one) => one.startsWith(prefix)).sort()) {
      const found = await this.head(key, signal);
      if (found !== undefined) yield found;
    }
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    requireKey(key);
    await this.#attempt(`deleting ${key}`, signal, async () => {
      await rm(this.#path(key), { force: true });
      await syncFolder(dirname(this.#path(key))).catch(() => undefined);
      await this.#removeEmptyFolders(dirname(key));
    });
  }

  async sweepGrowing(now: Date): Promise<void> {
    const folder = join(this.#root, growingFolder);
    await this.#attempt('making the folder', undefined, async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      for (const name of await readdir(folder)) {
        const found = await ifThere(stat(join(folder, name)));
        if (found !== undefined && now.getTime() - found.mtimeMs > staleAfterMs) {
          await rm(join(folder, name), { force: true });
        }
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Writes the whole body under a name that nobody looks for, and makes it durable. */
  async #grow(source: Readable, signal: AbortSignal): Promise<string> {
    const path = join(this.#root, growingFolder, `${process.pid}-${randomBytes(8).toString('hex')}`);
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await using file = await open(path, 'wx', 0o600);
      for await (const chunk of addAbortSignal(signal, source)) await file.writeFile(chunk as Buffer);
      await file.sync();
      return path;
    } catch (error) {
      source.destroy();
      await rm(path, { force: true });
      throw error;
    }
  }

  /** A hard link appears whole or not at all, and never takes the place of an existing name, as a rename would. */
  async #publish(growing: string, key: string): Promise<void> {
    const path = this.#path(key);
    const folder = dirname(path);
    for (let attempt = 0; ; attempt++) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      try {
        await link(growing, path);
        break;
      } catch (error) {
        // Somebody who deleted the last object of the folder may have removed it just now.
        if (errorCode(error) !== 'ENOENT' || attempt >= 3) throw error;
      }
    }
    for (let one = folder; one.length >= this.#root.length; one = dirname(one)) await syncFolder(one);
  }

  async #keysUnder(folder: string, signal: AbortSignal): Promise<string[]> {
    signal.throwIfAborted();
    const keys: string[] = [];
    const entries = (await ifThere(readdir(join(this.#root, folder), { withFileTypes: true }))) ?? [];
    for (const entry of entries) {
      if (folder === '' && entry.name === growingFolder) continue;
      if (entry.isDirectory()) keys.push(...(await this.#keysUnder(`${folder}${entry.name}/`, signal)));
      else if (entry.isFile()) keys.push(folder + entry.name);
    }
    return keys;
  }

  async #removeEmptyFolders(folder: string): Promise<void> {
    for (let one = folder; one !== '.'; one = dirname(one)) {
      const removed = await rmdir(join(this.#root, one)).then(
        () => true,
        () => false,
      );
      if (!removed) return;
    }
  }

  async #attempt<T>(what: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw error instanceof StoreError ? error : storeError(error, `${what} in ${this.#root}`);
    }
  }

  #path(key: string): string {
    return join(this.#root, key);
  }

  #describe(key: string, found: Stats): StoredObject {
    return { key, sizeBytes: found.size, modifiedAt: found.mtime };
  }
}

const kinds = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOENT: 'missing',
  EEXIST: 'exists',
  ENOTDIR: 'misconfigured',
  EIO: 'unavailable',
  ESTALE: 'unavailable',
  EMFILE: 'unavailable',
} as const;

function storeError(error: unknown, what: string): Error {
  const code = errorCode(error);
  const kind = code !== undefined && code in kinds ? kinds[code as keyof typeof kinds] : undefined;
  // An error of the body (a failed pg_dump) is no error of the store and keeps its own words.
  if (kind === undefined) return error instanceof Error ? error : new Error(String(error));
  const hint = kind === 'full' ? ' (no space left)' : '';
  return new StoreError(kind, `${what}: ${errorMessage(error)}${hint}`, { cause: error });
}

function readExactly(
  file: FileHandle,
  wanted: { readonly key: string; readonly first: number; readonly last: number },
  signal: AbortSignal,
): Readable {
  const length = wanted.last - wanted.first + 1;
  if (length <= 0) {
    void file.close();
    return Readable.from([]);
  }
  const reading = file.createReadStream({ start: wanted.first, end: wanted.last, highWaterMark: 2 ** 20, signal });
  let seenBytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seenBytes += chunk.length;
      done(null, chunk);
    },
    flush(done) {
      // A file that shrinks while it is read simply ends: that must not look like the end of the object.
      const short = seenBytes < length;
      done(short ? new StoreError('damaged', `${wanted.key} ended after ${seenBytes} of ${length} bytes`) : null);
    },
  });
  pipeline(reading, counted).catch(() => undefined);
  return counted;
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  // Some network filesystems cannot sync a folder; the object itself is durable.
  await folder.sync().catch((error) => {
    if (!['EINVAL', 'ENOTSUP', 'EISDIR'].includes(errorCode(error) ?? '')) throw error;
  });
}

async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  return found.catch((error) => {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  });
}
