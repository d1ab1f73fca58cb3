import { errorMessage, findCause } from '../core/errors.ts';
import { type ObjectStore, StoreError } from '../storage/object-store.ts';
import { type Catalog, entriesOf } from './catalog.ts';
import { copyBackup } from './copy-backup.ts';
import { type Job, type JobContext, JobFailed } from './job.ts';
import { type Lineage, lineageName } from './lineage.ts';
import { type CopyRules, type MissingCopy, missingCopies } from './missing-copies.ts';

interface Place {
  readonly name: string;
  readonly store: ObjectStore;
  readonly catalog: Catalog;
}

export interface CopyJobOptions {
  /** Of the store that lacks something. */
  readonly lineage: Lineage;
  readonly destination: Place;
  /** The other stores of the schedule. */
  readonly sources: readonly Place[];
  readonly rules: CopyRules;
  /** Keeps backups of the target from being taken meanwhile; undefined when one is under way. */
  readonly exclusively: (signal: AbortSignal) => Promise<AsyncDisposable | undefined>;
  readonly deadlineMs: number;
}

/** What could not be copied is tried again this often. */
const tryAgainMs = 10 * 60_000;

/**
 * Copies what the store of a lineage lacks from the schedule's other stores, newest first. Due as soon as something is
 * missing: a store failed while a backup was taken, or it was added to the schedule.
 */
export function copyJob(options: CopyJobOptions): Job {
  const { lineage } = options;
  return {
    kind: 'copy',
    lineage,
    deadlineMs: options.deadlineMs,
    lockName: `copy/${lineageName(lineage)}`,
    async dueAt({ clock, signal }) {
      const now = clock.now();
      const [newest] = await lookForMissing(options, now, signal);
      if (newest === undefined) return undefined;
      const lastTryMs = Math.floor(now.getTime() / tryAgainMs) * tryAgainMs;
      return new Date(Math.max(lastTryMs, Math.min(now.getTime(), Date.parse(newest.entry.manifest.finishedAt))));
    },
    async run(context) {
      const missing = await lookForMissing(options, context.clock.now(), context.signal);
      let copiedBytes = 0;
      let copied = 0;
      const failures: unknown[] = [];
      for (const one of missing) {
        await using lock = await options.exclusively(context.signal);
        // A backup is being taken: what remains has its turn after it.
        if (lock === undefined) break;
        try {
          copiedBytes += await copyFromAny(options, one, context);
          copied++;
        } catch (error) {
          context.signal.throwIfAborted();
          failures.push(error);
          if (findCause(error, StoreError)?.kind === 'full') break;
        }
      }
      const [failure] = failures;
      if (failure !== undefined) throw copyFailure(failure, failures.length, missing.length);
      return { fields: { copied, waiting: missing.length - copied, bytes: copiedBytes } };
    },
  };
}

async function lookForMissing(options: CopyJobOptions, now: Date, signal: AbortSignal): Promise<MissingCopy[]> {
  const { destination, lineage, sources, rules } = options;
  const own = entriesOf(await destination.catalog.read(lineage.target, signal), lineage);
  const others = new Map<string, ReturnType<typeof entriesOf>>();
  const failures: unknown[] = [];
  for (const { name, catalog } of sources) {
    try {
      others.set(name, entriesOf(await catalog.read(lineage.target, signal), lineage));
    } catch (error) {
      signal.throwIfAborted();
      failures.push(error);
    }
  }
  // One that is away does not hinder copying from another one.
  if (others.size === 0) throw failures[0];
  return missingCopies(own, others, rules, now);
}

/** A source that is away or damaged leaves the others. */
async function copyFromAny(options: CopyJobOptions, missing: MissingCopy, context: JobContext): Promise<number> {
  const { destination, sources } = options;
  let failure: unknown;
  const having = missing.sources.flatMap((name) => sources.find((one) => one.name === name) ?? []);
  const request = {
    manifest: missing.entry.manifest,
    destination: destination.store,
    pinnedIn: having.map(({ store }) => store),
  };
  for (const { name, store } of having) {
    try {
      return await copyBackup({ ...request, source: store }, context);
    } catch (error) {
      context.signal.throwIfAborted();
      failure ??= error;
      const { id } = missing.entry.manifest;
      const fields = { backup: id, from: name, to: destination.name, error: errorMessage(error) };
      context.log.warn(fields, 'backup could not be copied');
    }
  }
  throw failure;
}

function copyFailure(first: unknown, failed: number, missing: number): unknown {
  if (failed === 1 && missing === 1) return first;
  const own = findCause(first, JobFailed);
  const store = findCause(first, StoreError);
  const message = `${failed} of ${missing} backups not copied, the first because of: ${errorMessage(first)}`;
  const reason = own?.reason ?? (store?.kind === 'full' ? 'store_full' : 'store');
  return new JobFailed(reason, message, { transient: own?.transient ?? store?.kind === 'unavailable', cause: first });
}
