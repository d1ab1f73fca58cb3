import { createHash } from 'node:crypto';
import { type FileHandle, open, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { errorCode, errorMessage } from '../core/errors.ts';
import { freeBytesOf } from '../core/free-bytes.ts';
import type { Log } from '../core/log.ts';
import { removeFolder } from '../core/remove-folder.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { backupKey } from './backup-keys.ts';
import type { JobContext } from './job.ts';
import { claimFolder, confirmClaim, keptPrefix, releaseFolder } from './kept-folders.ts';
import { contentBytesOf, type Manifest, type Part, storedBytesOf } from './manifest.ts';
import { pieceBytes } from './pieces.ts';

const heartbeatMs = 30_000;

const readBytes = 2 ** 20;

/** What a restore fetched lies in the spool as it was stored, so that one that is started again need not fetch it again. */
export interface KeptFetch extends AsyncDisposable {
  /** Gives what was fetched before from the spool and everything else from the store, keeping it. */
  readonly store: Pick<ObjectStore, 'get'>;
  /** Bytes that were there already, and were found right piece by piece. */
  readonly heldBytes: number;
  /** Removes it; never rejects. Without this, disposing leaves it for the next one. */
  forget(): Promise<void>;
}

interface KeptSource {
  readonly manifest: Manifest;
  readonly store: Pick<ObjectStore, 'get'>;
  /** The system's temporary folder when absent. */
  readonly parent: string | undefined;
}

/**
 * Opens what an earlier restore of the same backup kept, or begins anew. Undefined when nothing is kept: somebody else works with
 * the folder, the disk does not let us, or there is no room for it beside what comes out of it. It only saves time, so it
 * rejects for nothing but the signal.
 */
export async function keepFetched(from: KeptSource, context: JobContext): Promise<KeptFetch | undefined> {
  const folder = join(from.parent ?? tmpdir(), `${keptPrefix}${from.manifest.id}`);
  if (!(await claimFolder(folder))) return undefined;
  try {
    return await openKept(from, folder, context);
  } catch (error) {
    await releaseFolder(folder);
    context.signal.throwIfAborted();
    context.log.warn({ folder, error: errorMessage(error) }, 'what is fetched cannot be kept for another attempt');
    return undefined;
  }
}

async function openKept(from: KeptSource, folder: string, context: JobContext): Promise<KeptFetch | undefined> {
  const { manifest } = from;
  const files = new Map<string, KeptFile>();
  for (const [index, part] of manifest.parts.entries()) {
    const path = join(folder, `part-${index}`);
    const heldBytes = await verifiedBytes(path, part, context);
    files.set(backupKey(manifest.target, manifest.id, part.name), {
      path,
      part,
      heldBytes,
      isKept: true,
      reading: 0,
      writing: Promise.resolve(),
    });
  }
  const heldBytes = [...files.values()].reduce((sum, file) => sum + file.heldBytes, 0);
  if ((await freeBytesOf(folder)) < contentBytesOf(manifest) + storedBytesOf(manifest) - heldBytes) {
    await removeFolder(folder);
    return undefined;
  }
  if (heldBytes > 0) context.log.info({ folder, heldBytes }, 'an earlier restore had fetched some of it already');
  return keeping(from, { folder, files, heldBytes, log: context.log });
}

interface KeptFile {
  readonly path: string;
  readonly part: Part;
  heldBytes: number;
  /** False once it could not be written. */
  isKept: boolean;
  /** How often it was asked for: a reader that was given up for another one writes nothing any more. */
  reading: number;
  /** Settled when nothing is being written. */
  writing: Promise<void>;
}

/** How far a file holds what was stored, in whole pieces; what is wrong or torn after that is cut off. */
async function verifiedBytes(path: string, part: Part, { signal, onProgress }: JobContext): Promise<number> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return 0;
  await using _closed = file;
  const { chunks, sizeBytes } = part;
  // The last one is the largest, or what is left.
  const piece = Buffer.alloc(Math.min(pieceBytes(part, Math.max(0, chunks.length - 1)), sizeBytes));
  let doneBytes = 0;
  for (let index = 0; index < chunks.length; index++) {
    signal.throwIfAborted();
    const length = Math.min(pieceBytes(part, index), sizeBytes - doneBytes);
    const { bytesRead } = await file.read(piece, 0, length, doneBytes);
    const hash = createHash('sha256').update(piece.subarray(0, bytesRead)).digest('hex');
    if (bytesRead < length || hash !== chunks.at(index)) break;
    doneBytes += length;
    onProgress({ activity: 'checking what was fetched before', doneBytes, totalBytes: sizeBytes });
  }
  await truncate(path, doneBytes);
  return doneBytes;
}

interface Kept {
  readonly folder: string;
  readonly files: ReadonlyMap<string, KeptFile>;
  readonly heldBytes: number;
  readonly log: Log;
}

function keeping({ store }: KeptSource, { folder, files, heldBytes, log }: Kept): KeptFetch {
  const heartbeat = setInterval(() => void confirmClaim(folder), heartbeatMs).unref();
  let isForgotten = false;
  return {
    heldBytes,
    store: {
      async get(key, signal, range) {
        const file = files.get(key);
        if (file === undefined || !file.isKept) return store.get(key, signal, range);
        file.reading++;
        // What comes from there on was wrong, and is asked for once more.
        if (file.reading > 1) await cutOff(file, range?.first ?? 0);
        const first = range?.first ?? 0;
        const reading = { store, key, file, log, number: file.reading };
        // What the store refuses is refused here, as by the store itself, and not in the middle of the stream.
        const rest = first < file.heldBytes ? undefined : await restOf(reading, signal, first);
        const body = Readable.from(read(reading, signal, { first, rest }), { objectMode: false });
        return rest === undefined ? body : body.once('close', () => rest.destroy());
      },
    },
    async forget() {
      isForgotten = true;
      clearInterval(heartbeat);
      await removeFolder(folder).catch((error: unknown) => {
        log.warn({ folder, error: errorMessage(error) }, 'what was fetched could not be removed');
      });
    },
    async [Symbol.asyncDispose]() {
      clearInterval(heartbeat);
      if (!isForgotten) await releaseFolder(folder);
    },
  };
}

interface Reading {
  readonly store: Pick<ObjectStore, 'get'>;
  readonly key: string;
  readonly file: KeptFile;
  readonly log: Log;
  readonly number: number;
}

/** From where on it is read, and what the store gives from there on where nothing of it is held. */
interface Place {
  readonly first: number;
  readonly rest: Readable | undefined;
}

/** What is held, then the rest from the store. */
async function* read(from: Reading, signal: AbortSignal, { first, rest }: Place): AsyncGenerator<Buffer> {
  let next = first;
  if (rest === undefined) {
    for await (const chunk of held(from, signal, first)) {
      next += chunk.length;
      yield chunk;
    }
  }
  const body = rest ?? (await restOf(from, signal, next));
  if (body !== undefined) yield* writtenDown(from, body, next);
}

/** Undefined when there is nothing left. */
async function restOf({ store, key, file }: Reading, signal: AbortSignal, next: number): Promise<Readable | undefined> {
  const last = file.part.sizeBytes - 1;
  if (next > last && next > 0) return undefined;
  const rest = await store.get(key, signal, next === 0 ? undefined : { first: next, last });
  // Heard by whoever reads it, which may be a moment later.
  return rest.on('error', () => undefined);
}

/** Ends early where the disk does not give what was seen on it: the store has it as well. */
async function* held({ file, log }: Reading, signal: AbortSignal, first: number): AsyncGenerator<Buffer> {
  const end = file.heldBytes;
  const unreadable = (error: unknown) => {
    log.warn({ file: file.path, error: errorMessage(error) }, 'what was kept cannot be read and is fetched again');
    file.isKept = false;
  };
  const handle = await open(file.path, 'r').catch(unreadable);
  if (handle === undefined) return;
  await using _closed = handle;
  for (let next = first; next < end; ) {
    signal.throwIfAborted();
    const chunk = await readAt(handle, next, Math.min(readBytes, end - next)).catch(unreadable);
    if (chunk === undefined) return;
    next += chunk.length;
    yield chunk;
  }
}

/** Rejects where the file ends. */
async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, position);
  if (bytesRead === 0) throw new Error(`the file ends after ${position} bytes`);
  return buffer.subarray(0, bytesRead);
}

/** Whether it can be kept or not, it is passed on. */
async function* writtenDown({ file, log, number }: Reading, body: Readable, first: number): AsyncGenerator<Buffer> {
  const handle = file.isKept ? await open(file.path, 'a', 0o600).catch(() => undefined) : undefined;
  try {
    if (handle === undefined || file.heldBytes !== first) file.isKept = false;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (handle !== undefined && file.isKept && file.reading === number) {
        file.writing = append(handle, file, chunk, log);
        await file.writing;
      }
      yield chunk;
    }
  } finally {
    await handle?.close();
    body.destroy();
  }
}

async function append(handle: FileHandle, file: KeptFile, chunk: Buffer, log: Log): Promise<void> {
  try {
    await handle.appendFile(chunk);
    file.heldBytes += chunk.length;
  } catch (error) {
    log.warn({ file: file.path, error: errorMessage(error) }, 'what is fetched cannot be kept for another attempt');
    file.isKept = false;
    await shorten(file, 0);
  }
}

async function cutOff(file: KeptFile, sizeBytes: number): Promise<void> {
  await file.writing;
  if (file.heldBytes > sizeBytes) await shorten(file, sizeBytes);
}

async function shorten(file: KeptFile, sizeBytes: number): Promise<void> {
  file.heldBytes = sizeBytes;
  await truncate(file.path, sizeBytes).catch(() => {
    file.isKept = false;
  });
}
