import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { errorCode } from '../core/errors.ts';
import { isAbandoned, ownerTag } from '../core/owner-tag.ts';
import { BodyFailed, bodyChunks } from './body.ts';
import { EarlySync } from './early-sync.ts';
import { FileReader } from './file-reader.ts';
import { filesystemError } from './filesystem-error.ts';
import { isKeySegment, requireKey, requirePrefix } from './key.ts';
import { requireMounted } from './mounted.ts';
import { type ByteRange, type ObjectStore, type StoredObject, StoreError, type StoreRoom } from './object-store.ts';
import { writeAll } from './write-all.ts';

/** Where objects grow before they are visible; on the same filesystem, or linking would not be atomic. */
const growingFolder = '.growing';
/** Of another machine, whose processes cannot be asked after. */
const staleAfterMs = 24 * 3_600_000;
const writeBytes = 2 ** 20;

/**
 * A folder as a store. Makes the folder when it is missing and removes what killed processes left growing; when that
 * cannot be done the first write tells, so that a store that is away does not hinder the start.
 */
export async function openFilesystemStore(
  path: string,
  clock: Clock,
  { mountPoint }: { readonly mountPoint?: string | undefined } = {},
): Promise<ObjectStore> {
  const store = new FilesystemStore(path, mountPoint);
  await store.sweepGrowing(clock.now()).catch(() => undefined);
  return store;
}

class FilesystemStore implements ObjectStore {
  readonly description: string;
  readonly #root: string;
  readonly #mountPoint: string | undefined;

  constructor(root: string, mountPoint: string | undefined) {
    this.#root = root;
    this.#mountPoint = mountPoint;
    this.description = root;
  }

  async put(key: string, body: Readable | Uint8Array, signal: AbortSignal): Promise<StoredObject> {
    this.#requireKey(key);
    const writing = async () => {
      const growing = await this.#grow(body, signal);
      try {
        await this.#publish(growing, key);
      } finally {
        await rm(growing, { force: true });
      }
      return describe(key, await stat(this.#path(key)));
    };
    return this.#attempt(`writing ${key}`, signal, writing, { isWrite: true });
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
    this.#requireKey(key);
    const what = `reading ${key}`;
    return this.#attempt(what, signal, async () => {
      const file = await open(this.#path(key), 'r');
      const found = await file.stat();
      if (!found.isFile()) {
        await file.close();
        throw new StoreError('missing', `${key} is no file`);
      }
      const first = range?.first ?? 0;
      const last = Math.min(range?.last ?? found.size - 1, found.size - 1);
      const extent = { key, first, length: Math.max(0, last - first + 1) };
      return new FileReader(file, extent, { signal, describe: (error) => this.#storeError(error, what) });
    });
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    this.#requireKey(key);
    return this.#attempt(`looking for ${key}`, signal, () => this.#find(key));
  }

  async *list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject> {
    requirePrefix(prefix);
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const what = `listing ${prefix}`;
    const keys = await this.#attempt(what, signal, () => this.#keysUnder(folder, signal));
    for (const key of keys.filter((one) => one.startsWith(prefix)).sort()) {
      const found = await this.#attempt(what, signal, () => this.#find(key));
      if (found !== undefined) yield found;
    }
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    this.#requireKey(key);
    await this.#attempt(`deleting ${key}`, signal, async () => {
      const path = this.#path(key);
      const removed = await ifThere(rm(path).then(() => true));
      if (removed === undefined) return;
      await ifThere(syncFolder(dirname(path)));
      await this.#removeEmptyFolders(dirname(key));
    });
  }

  async room(): Promise<StoreRoom> {
    await requireMounted(this.#mountPoint);
    const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(this.#root);
    // Filesystems that make inodes as needed, such as btrfs, tell 0.
    const inodes = files === 0 ? {} : { files, freeFiles: ffree };
    // As df counts: what is reserved for root is not there for us.
    return { sizeBytes: (blocks - bfree + bavail) * bsize, freeBytes: bavail * bsize, ...inodes };
  }

  async sweepGrowing(now: Date): Promise<void> {
    await requireMounted(this.#mountPoint);
    const folder = join(this.#root, growingFolder);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      const found = await ifThere(stat(join(folder, name)));
      const stale = found !== undefined && now.getTime() - found.mtimeMs > staleAfterMs;
      if (stale || (await isAbandoned(name))) {
        await rm(join(folder, name), { force: true });
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Writes the whole body under a name that nobody looks for, and makes it durable. */
  async #grow(body: Readable | Uint8Array, signal: AbortSignal): Promise<string> {
    const path = join(this.#root, growingFolder, `${await ownerTag()}-${randomBytes(8).toString('hex')}`);
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await using file = await open(path, 'wx', 0o600);
      const sentBytes = await writeBody(file, body, signal);
      await file.sync();
      const { size } = await file.stat();
      if (size !== sentBytes) throw new StoreError('damaged', `${sentBytes} bytes were written, ${size} are there`);
      return path;
    } catch (error) {
      if (body instanceof Readable) body.destroy();
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

  async #find(key: string): Promise<StoredObject | undefined> {
    const found = await ifThere(stat(this.#path(key)));
    return found?.isFile() ? describe(key, found) : undefined;
  }

  /** Leaves out what cannot be ours, such as the `lost+found` of a disk. */
  async #keysUnder(folder: string, signal: AbortSignal): Promise<string[]> {
    signal.throwIfAborted();
    const keys: string[] = [];
    const entries = (await ifThere(readdir(join(this.#root, folder), { withFileTypes: true }))) ?? [];
    for (const entry of entries) {
      if (!isKeySegment(entry.name) || (folder === '' && entry.name === growingFolder)) continue;
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

  async #attempt<T>(what: string, signal: AbortSignal, work: () => Promise<T>, { isWrite = false } = {}): Promise<T> {
    signal.throwIfAborted();
    try {
      await requireMounted(this.#mountPoint);
      return await work();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error instanceof BodyFailed ? error.cause : this.#storeError(error, what, isWrite);
    }
  }

  #storeError(error: unknown, what: string, isWrite = false): Error {
    return error instanceof StoreError ? error : filesystemError(error, `${what} in ${this.#root}`, { isWrite });
  }

  #requireKey(key: string): void {
    requireKey(key);
    if (key.startsWith(`${growingFolder}/`)) throw new StoreError('misconfigured', `"${key}" is a reserved key`);
  }

  #path(key: string): string {
    return join(this.#root, key);
  }
}

function describe(key: string, found: Stats): StoredObject {
  return { key, sizeBytes: found.size, modifiedAt: found.mtime };
}

/**
 * Gathers small chunks, since every write is a system call, and has the disk take them while more comes. Returns the number
 * of bytes written; whoever wants them durable syncs the file once more.
 */
async function writeBody(file: FileHandle, body: Readable | Uint8Array, signal: AbortSignal): Promise<number> {
  if (body instanceof Uint8Array) {
    await writeAll(file, body);
    return body.length;
  }
  const early = new EarlySync(file);
  let sentBytes = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of bodyChunks(body, signal)) {
    held.push(chunk);
    heldBytes += chunk.length;
    sentBytes += chunk.length;
    if (heldBytes < writeBytes) continue;
    await writeAll(file, ...held);
    early.wrote(heldBytes);
    held = [];
    heldBytes = 0;
  }
  await writeAll(file, ...held);
  await early.done();
  return sentBytes;
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
