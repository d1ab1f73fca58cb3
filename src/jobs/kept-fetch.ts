import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  statfs,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { errorCode, errorMessage } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { isAbandoned, ownerTag } from '../core/owner-tag.ts';
import type { ByteRange, ObjectStore } from '../storage/object-store.ts';
import { backupKey } from './backup-keys.ts';
import type { JobContext } from './job.ts';
import { type Manifest, type Part, storedBytesOf } from './manifest.ts';
import { pieceBytes } from './pieces.ts';

/** Begins the name of the folder in which a restore keeps what it fetched, until it is complete. */
export const keptPrefix = 'watchkeeper-fetched-';

/** How long it stays when nobody goes on with it. */
export const keptForMs = 24 * 60 * 60_000;

/** Written again and again by the one who works with the folder. */
const claimName = 'in-use';
const heartbeatMs = 30_000;
/** Whoever was silent for so long is gone, whatever machine it was. */
const silenceMs = 5 * 60_000;

const readBytes = 2 ** 20;

/** What a restore fetched lies in the spool as it was stored, so that one that is started again need not fetch it again. */
export interface KeptFetch extends AsyncDisposable {
  /** Gives what was fetched before from the spool and everything else from the store, keeping it. */
  readonly store: Pick<ObjectStore, 'get'>;
  /** Bytes that were there already, and were found right piece by piece. */
  readonly heldBytes: number;
  /** Removes it. Without this, disposing leaves it for the next one. */
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
 * the folder, or there is no room for it beside what comes out of it.
 */
export async function keepFetched(from: KeptSource, context: JobContext): Promise<KeptFetch | undefined> {
  const { manifest, parent = tmpdir() } = from;
  const folder = join(parent, `${keptPrefix}${manifest.id}`);
  if (!(await claim(folder))) return undefined;
  const files = new Map<string, KeptFile>();
  for (const [index, part] of manifest.parts.entries()) {
    const path = join(folder, `part-${index}`);
    const heldBytes = await verifiedBytes(path, part, context);
    files.set(backupKey(manifest.target, manifest.id, part.name), {
      ...{ path, part, heldBytes },
      ...{ isKept: true, reading: 0, writing: Promise.resolve() },
    });
  }
  const heldBytes = [...files.values()].reduce((sum, file) => sum + file.heldBytes, 0);
  const { bavail, bsize } = await statfs(folder);
  const contentBytes = manifest.parts.reduce((sum, part) => sum + part.content.sizeBytes, 0);
  if (bavail * bsize < contentBytes + storedBytesOf(manifest) - heldBytes) {
    await rm(folder, { recursive: true, force: true });
    return undefined;
  }
  if (heldBytes > 0) context.log.info({ folder, heldBytes }, 'an earlier restore had fetched some of it already');
  return keeping(from, { folder, files, heldBytes, log: context.log });
}

/** Removes what was kept and not gone on with for {@link keptForMs}. Never rejects. */
export async function sweepKept(parent: string | undefined, now: Date): Promise<void> {
  const directory = parent ?? tmpdir();
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.startsWith(keptPrefix)) continue;
    const folder = join(directory, name);
    const usedMs = await lastUse(folder).catch(() => undefined);
    if (usedMs === undefined || now.getTime() - usedMs < keptForMs) continue;
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function lastUse(folder: string): Promise<number> {
  const times = [(await stat(folder)).mtimeMs];
  for (const name of await readdir(folder)) times.push((await stat(join(folder, name))).mtimeMs);
  return Math.max(...times);
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

/** Makes the folder ours alone; false when it is not, or somebody works with it. */
async function claim(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
    // In a folder that all may write, somebody else could have put it there.
    const found = await lstat(folder);
    if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0) return false;
    return await takeClaim(join(folder, claimName));
  } catch {
    // It only saves time: a restore goes on without.
    return false;
  }
}

async function takeClaim(path: string): Promise<boolean> {
  if (await writeClaim(path)) return true;
  const tag = await readFile(path, 'utf8');
  const silentMs = Date.now() - (await stat(path)).mtimeMs;
  if (!(await isAbandoned(tag)) && silentMs < silenceMs) return false;
  await rm(path, { force: true });
  return writeClaim(path);
}

/** False when there is one. */
async function writeClaim(path: string): Promise<boolean> {
  try {
    await writeFile(path, await ownerTag(), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** How far a file holds what was stored, in whole pieces; what is wrong or torn after that is cut off. */
async function verifiedBytes(path: string, part: Part, { signal, onProgress }: JobContext): Promise<number> {
  const file = await open(path, 'r').catch(() => undefined);
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
  const claimPath = join(folder, claimName);
  const beat = () => void utimes(claimPath, new Date(), new Date()).catch(() => undefined);
  const heartbeat = setInterval(beat, heartbeatMs).unref();
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
        const reading = { store, key, file, log, number: file.reading };
        return Readable.from(read(reading, signal, range), { objectMode: false });
      },
    },
    async forget() {
      isForgotten = true;
      clearInterval(heartbeat);
      await rm(folder, { recursive: true, force: true });
    },
    async [Symbol.asyncDispose]() {
      clearInterval(heartbeat);
      if (!isForgotten) await rm(claimPath, { force: true });
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

/** What is held, then the rest from the store. */
async function* read(from: Reading, signal: AbortSignal, range: ByteRange | undefined): AsyncGenerator<Buffer> {
  const { store, key, file } = from;
  const first = range?.first ?? 0;
  if (first < file.heldBytes) {
    const held = { start: first, end: file.heldBytes - 1, highWaterMark: readBytes, signal };
    for await (const chunk of createReadStream(file.path, held)) yield chunk as Buffer;
  }
  const next = Math.max(first, file.heldBytes);
  const last = file.part.sizeBytes - 1;
  if (next > last && next > 0) return;
  const rest = await store.get(key, signal, next === 0 ? undefined : { first: next, last });
  yield* writtenDown(from, rest, next);
}

/** Whether it can be kept or not, it is passed on. */
async function* writtenDown({ file, log, number }: Reading, body: Readable, first: number): AsyncGenerator<Buffer> {
  const handle = await open(file.path, 'a', 0o600).catch(() => undefined);
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
