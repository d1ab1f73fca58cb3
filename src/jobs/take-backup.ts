import { hostname } from 'node:os';
import { errorMessage } from '../core/errors.ts';
import type { WritableStore } from '../storage/fan-out.ts';
import type { PostgresAccess } from '../targets/libpq/access.ts';
import { factsRevision } from './backup/facts-revision.ts';
import type { BackupMethod, TakenBackup } from './backup/method.ts';
import { backupKey, manifestName, newBackupId, startMarkerName } from './backup-keys.ts';
import { closeManifest } from './encryption/manifest-details.ts';
import { type JobContext, JobFailed } from './job.ts';
import { type Lineage, lineageName } from './lineage.ts';
import type { Manifest, OpenedManifest, StartMarker } from './manifest.ts';
import { sealedJson } from './sealed-json.ts';

export interface BackupRequest {
  readonly lineage: Lineage;
  /** The database itself, not the server's default one. */
  readonly access: PostgresAccess;
  readonly method: BackupMethod;
  readonly store: WritableStore;
}

/**
 * Takes one backup: start marker, parts, then – after everything was checked – the manifest, which is the commit. When
 * anything fails, all that was written is removed, as far as the store lets it within seconds, and the error is thrown;
 * what is left, or a killed process leaves, is swept later.
 */
export async function takeBackup(request: BackupRequest, context: JobContext): Promise<OpenedManifest> {
  const { lineage, store } = request;
  const startedAt = context.clock.now();
  const id = newBackupId(lineage, startedAt);
  const identity = { target: lineage.target, schedule: lineage.schedule, database: lineage.database };
  const marker: StartMarker = {
    format: 'watchkeeper-start/1',
    backupId: id,
    ...identity,
    startedAt: startedAt.toISOString(),
    host: hostname(),
  };
  const markerKey = backupKey(lineage.target, id, startMarkerName);
  const manifestKey = backupKey(lineage.target, id, manifestName);
  const written: string[] = [];
  try {
    await putJson(store, markerKey, marker, context.signal);
    const taken = await request.method.take(
      request.access,
      async (name, body, signal) => {
        const key = backupKey(lineage.target, id, name);
        written.push(key);
        await store.put(key, body, signal);
      },
      context,
    );
    await checkStored(store, lineage.target, id, taken, context.signal);
    const finishedAt = context.clock.now();
    const manifest: OpenedManifest = {
      format: 'watchkeeper-backup/1',
      method: request.method.format,
      id,
      ...identity,
      startedAt: startedAt.toISOString(),
      snapshotAt: byOurClock(taken.snapshotAt, startedAt, finishedAt).toISOString(),
      finishedAt: finishedAt.toISOString(),
      source: taken.source,
      ...(taken.selection === undefined ? {} : { selection: taken.selection }),
      tools: taken.tools,
      ...(taken.encryption === undefined ? {} : { encryption: taken.encryption }),
      parts: [...taken.parts],
      facts: { ...taken.facts, revision: factsRevision },
    };
    await context.confirmLock?.(context.signal);
    context.signal.throwIfAborted();
    written.unshift(manifestKey);
    await putJson(store, manifestKey, await closeManifest(manifest), context.signal);
    return manifest;
  } catch (error) {
    // The marker goes last: as long as something else is there it says whose that is.
    await removeObjects(store, [...written, markerKey], context);
    throw error instanceof JobFailed ? error : new Error(`backing up ${lineageName(lineage)}`, { cause: error });
  }
}

/** A state is no younger than its backup: the clock of a server that says so is ahead, and then it is as old as can be. */
function byOurClock(snapshotAt: Date, startedAt: Date, finishedAt: Date): Date {
  return snapshotAt > finishedAt ? startedAt : snapshotAt;
}

/** Asks the store what it has: the size it names must be the size that was hashed. */
async function checkStored(
  store: Pick<WritableStore, 'head'>,
  target: string,
  id: string,
  taken: TakenBackup,
  signal: AbortSignal,
): Promise<void> {
  for (const part of taken.parts) {
    const stored = await store.head(backupKey(target, id, part.name), signal);
    if (stored?.sizeBytes !== part.sizeBytes) {
      const found = stored === undefined ? 'nothing' : `${stored.sizeBytes} bytes`;
      throw new JobFailed('damaged', `the store has ${found} of part ${part.name}, ${part.sizeBytes} bytes were sent`, {
        transient: true,
      });
    }
  }
}

/**
 * The manifest first: an answer that was lost may have left one, and a manifest without its parts would be a lie. When
 * it cannot be removed, nothing else is.
 */
export async function removeObjects(
  store: Pick<WritableStore, 'delete'>,
  keys: readonly string[],
  context: JobContext,
): Promise<void> {
  // The context's signal may be what ended the backup; the clean-up gets a little time of its own.
  const signal = AbortSignal.timeout(10_000);
  for (const key of keys) {
    try {
      await store.delete(key, signal);
    } catch (error) {
      context.log.warn({ key, error: errorMessage(error) }, 'remains of a failed backup are left to the sweep');
      return;
    }
  }
}

async function putJson(
  store: Pick<WritableStore, 'put'>,
  key: string,
  value: Manifest | StartMarker,
  signal: AbortSignal,
): Promise<void> {
  const bytes = sealedJson(value);
  const stored = await store.put(key, bytes, signal);
  if (stored.sizeBytes === bytes.length) return;
  // Half a manifest would be found at the next look only, and this run would have been called a success.
  throw new JobFailed('damaged', `the store has ${stored.sizeBytes} bytes of ${key}, ${bytes.length} were sent`, {
    transient: true,
  });
}
