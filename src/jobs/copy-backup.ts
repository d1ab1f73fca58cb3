import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { errorMessage } from '../core/errors.ts';
import { ObjectLocked, type ObjectStore, readWhole } from '../storage/object-store.ts';
import { ChunkHasher, GatedOutlet } from './backup/hashing.ts';
import { joinedRun } from './backup/joined-run.ts';
import { backupKey, manifestName, startMarkerName } from './backup-keys.ts';
import { type JobContext, JobFailed } from './job.ts';
import { type Part, storedBytesOf } from './manifest.ts';
import type { ManifestSummary } from './manifest-summary.ts';
import { parseManifest, readManifestBytes } from './read-manifest.ts';
import { marksPrefix, pinName } from './retention-marks.ts';
import { removeObjects } from './take-backup.ts';
import { type PinnedCopy, type TakenPin, takeOverPin } from './take-over-pin.ts';

const confirmMs = 10_000;

export interface CopyRequest {
  readonly manifest: Pick<ManifestSummary, 'id' | 'target'>;
  readonly source: Pick<ObjectStore, 'get' | 'head'>;
  readonly destination: Omit<ObjectStore, 'putIfAbsent'>;
  /** Where the pin that the copy takes over is looked for; the source alone when absent. */
  readonly pinnedIn?: readonly Pick<ObjectStore, 'get'>[];
}

/**
 * Copies a backup byte for byte: start marker, parts, then the manifest, which is the commit. Every part must have the
 * hash that the manifest names, or nothing of it is stored; reports are not copied, since a copy is proven by itself. A
 * pin goes with it, before the manifest, so that no retention sees the copy without.
 * What an earlier attempt left is used where it is right and removed where it is not. A backup that is there already and
 * has lost parts gets those again. The caller has the lock of the
 * target's backups. Rejects with reason `damaged` when the source does not have what the manifest says. Returns the bytes
 * of the parts.
 */
export async function copyBackup(request: CopyRequest, context: JobContext): Promise<number> {
  const { destination, source } = request;
  const { target, id } = request.manifest;
  const { signal } = context;
  const bytes = await readManifestBytes(source, request.manifest, signal);
  const { parts } = parseManifest(bytes, request.manifest);
  const there = await namesIn(destination, target, id, signal);
  if (there.has(manifestName)) return await repair(request, { bytes, parts }, context);
  const copied: string[] = [];
  const pinned = { pinnedIn: [source], ...request };
  let taken: TakenPin;
  try {
    if (!there.has(startMarkerName)) await copySmall(request, startMarkerName, signal);
    for (const part of parts) {
      const key = backupKey(target, id, part.name);
      if (there.has(part.name) && (await isRightOrGone(destination, key, part, context))) continue;
      copied.push(key);
      await copyPart(request, key, part, context);
    }
    taken = await takeOverPin(pinned, context);
    await context.confirmLock?.(signal);
    signal.throwIfAborted();
    await destination.put(backupKey(target, id, manifestName), bytes, signal);
  } catch (error) {
    const pin = `${marksPrefix(target, id)}${pinName}`;
    // What an earlier attempt left, and this one took over, stays, and then so does the word whose it is.
    const marker = there.size === 0 ? [backupKey(target, id, startMarkerName)] : [];
    const written = [backupKey(target, id, manifestName), ...copied, pin, ...marker];
    if (await isStillOurs(context)) await removeObjects(destination, written, context);
    throw error;
  }
  await takeOverLatePin(pinned, taken, context);
  return storedBytesOf({ parts });
}

/** What is there of the right size is left to its proofs. Nothing is undone when it fails: what was copied is right. */
async function repair(
  request: CopyRequest,
  { bytes, parts }: { readonly parts: readonly Part[]; readonly bytes: Buffer },
  context: JobContext,
): Promise<number> {
  const { manifest, destination } = request;
  const { signal } = context;
  const keyOf = (name: string) => backupKey(manifest.target, manifest.id, name);
  let copiedBytes = 0;
  for (const part of parts) {
    const found = await destination.head(keyOf(part.name), signal);
    if (found?.sizeBytes === part.sizeBytes) continue;
    if (!(await readWhole(destination, keyOf(manifestName), signal)).equals(bytes)) {
      throw new JobFailed(
        'damaged',
        `backup ${manifest.id} lacks ${part.name}, and the store to copy from has another`,
      );
    }
    await context.confirmLock?.(signal);
    if (found !== undefined) await removePart(destination, keyOf(part.name), signal);
    await copyPart(request, keyOf(part.name), part, context);
    copiedBytes += part.sizeBytes;
    context.log.warn(
      { backup: manifest.id, part: part.name },
      'a part that the store had lost was copied again; the backup should be verified',
    );
  }
  return copiedBytes;
}

/**
 * Another process that took the lock over copies the same backup under the same names: what is there may be its own by now,
 * and finished. When nobody can be asked, the sweep has it.
 */
async function isStillOurs({ confirmLock, log }: JobContext): Promise<boolean> {
  if (confirmLock === undefined) return true;
  try {
    await confirmLock(AbortSignal.timeout(confirmMs));
    return true;
  } catch (error) {
    log.warn(
      { error: errorMessage(error) },
      'remains of a failed copy are left to whoever copies it next, or to the sweep',
    );
    return false;
  }
}

/** Who pins or unpins looks for copies afterwards: what he did before this one could be seen is found here. */
async function takeOverLatePin(pinned: PinnedCopy, taken: TakenPin, context: JobContext): Promise<void> {
  await takeOverPin(pinned, context, taken).catch((error: unknown) => {
    const fields = { backup: pinned.manifest.id, error: errorMessage(error) };
    context.log.warn(fields, 'whether the copied backup was pinned or unpinned meanwhile could not be seen');
  });
}

async function namesIn(
  store: Pick<ObjectStore, 'list'>,
  target: string,
  id: string,
  signal: AbortSignal,
): Promise<Set<string>> {
  const folder = backupKey(target, id, '');
  const names = new Set<string>();
  for await (const { key } of store.list(folder, signal)) names.add(key.slice(folder.length));
  return names;
}

/** The marker says whose the folder is until the manifest does; a source that lost it does not hinder. */
async function copySmall(
  { manifest, source, destination }: CopyRequest,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const key = backupKey(manifest.target, manifest.id, name);
  if ((await source.head(key, signal)) === undefined) return;
  await destination.put(key, await readWhole(source, key, signal), signal);
}

/** True when the object is what it should be. Otherwise it is removed, so that it can be written; a locked one cannot. */
async function isRightOrGone(
  store: Pick<ObjectStore, 'get' | 'head' | 'delete'>,
  key: string,
  part: Part,
  { signal }: JobContext,
): Promise<boolean> {
  const found = await store.head(key, signal);
  if (found?.sizeBytes === part.sizeBytes) {
    const hash = createHash('sha256');
    for await (const chunk of await store.get(key, signal)) hash.update(chunk as Buffer);
    if (hash.digest('hex') === part.sha256) return true;
  }
  await removePart(store, key, signal);
  return false;
}

async function removePart(store: Pick<ObjectStore, 'delete'>, key: string, signal: AbortSignal): Promise<void> {
  await store.delete(key, signal).catch((error) => {
    throw error instanceof ObjectLocked ? inTheWay(error) : error;
  });
}

function inTheWay(cause: ObjectLocked): JobFailed {
  return new JobFailed('store', `the remains of a failed copy are in the way: ${cause.message}`, { cause });
}

async function copyPart(
  { source, destination }: CopyRequest,
  key: string,
  part: Part,
  context: JobContext,
): Promise<void> {
  await using run = joinedRun(context);
  const hasher = new ChunkHasher(part);
  const outlet = new GatedOutlet(hasher, {
    async confirm() {
      const { sizeBytes, sha256 } = hasher.finish();
      if (sizeBytes === part.sizeBytes && sha256 === part.sha256) return;
      throw new JobFailed('damaged', `${key} is not what its manifest says: ${sizeBytes} bytes, SHA-256 ${sha256}`);
    },
    onBytes: (doneBytes) =>
      context.onProgress({ activity: `copying ${part.name}`, doneBytes, totalBytes: part.sizeBytes }),
  });
  const body = await source.get(key, run.signal);
  const emptying = pipeline(body, outlet, { signal: run.signal });
  const storing = destination.put(key, outlet, run.signal).then((stored) => {
    if (stored.sizeBytes === part.sizeBytes) return;
    throw new JobFailed('damaged', `${key}: ${part.sizeBytes} bytes were sent, ${stored.sizeBytes} are there`, {
      transient: true,
    });
  });
  await run.all([emptying, storing]);
}
