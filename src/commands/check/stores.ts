import type { LoadedStore } from '../../config/loaded.ts';
import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import { errorMessage, findCause } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { type ObjectStore, StoreError, type StoreErrorKind } from '../../storage/object-store.ts';
import type { Findings } from './finding.ts';

/** What checking a store takes from the rest of the program. */
export interface StoreAccess {
  /** Opens a store as the daemon does. */
  readonly openStore: (store: LoadedStore, context: WorkContext) => Promise<ObjectStore>;
  /** Writes, reads, lists and deletes a small object; rejects with the step that failed. */
  readonly probeStore: (store: ObjectStore, signal: AbortSignal) => Promise<void>;
}

/** Whether backups can be written to the store, read from it and deleted again. */
export async function checkStoreAccess(
  store: LoadedStore,
  findings: Findings,
  context: WorkContext & StoreAccess & { readonly timeoutMs: number },
): Promise<void> {
  const deadline = { parent: context.signal, ms: context.timeoutMs, clock: context.clock, what: 'the check' };
  try {
    await withDeadline(deadline, async (signal) => {
      await using opened = await context.openStore(store, { ...context, signal });
      await context.probeStore(opened, signal);
      findings.ok(`an object was written to ${opened.description}, read back, listed and deleted`);
      for (const caution of opened.cautions?.() ?? []) findings.warning(`${opened.description}: ${caution}`);
    });
  } catch (error) {
    context.signal.throwIfAborted();
    const late = findCause(error, DeadlineExceeded) !== undefined;
    const kind = late ? 'unavailable' : findCause(error, StoreError)?.kind;
    findings.error(
      late ? 'it does not answer' : errorMessage(error),
      kind === undefined ? undefined : remedies[kind](store),
    );
  }
}

const remedies: Readonly<Record<StoreErrorKind, (store: LoadedStore) => string>> = {
  unavailable: ({ settings }) =>
    settings.type === 's3'
      ? 'check endpoint and region, and the way through firewalls and proxies'
      : 'check that the disk is mounted and answers',
  full: () => 'make room or raise the quota',
  denied: ({ settings }) =>
    settings.type === 's3'
      ? 'the credentials need s3:PutObject, s3:GetObject, s3:DeleteObject, s3:AbortMultipartUpload on the objects and s3:ListBucket on the bucket'
      : `the user that runs Watchkeeper must be able to write to ${settings.path}`,
  misconfigured: ({ settings }) =>
    settings.type === 's3'
      ? 'check bucket, region, endpoint, forcePathStyle and caFile'
      : `check the path ${settings.path}`,
  missing: () => 'something deletes objects right after they are written: look for a lifecycle rule or another program',
  exists: () => 'another program writes to the same place: give Watchkeeper a prefix of its own',
  locked: () =>
    'the bucket locks every object by a rule of its own: give Watchkeeper a bucket without a default retention',
  spool: () => 'make room in the spool directory of the store, or name another one in "spoolDirectory"',
  damaged: () => 'what was read is not what was written: do not keep backups there before the cause is found',
};
