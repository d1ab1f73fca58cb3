import { errorMessage } from '../core/errors.ts';
import type { WorkContext } from '../core/work-context.ts';
import { fanOut } from '../storage/fan-out.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { PostgresAccess } from '../targets/libpq/access.ts';
import type { BackupMethod } from './backup/method.ts';
import { type Catalog, entriesOf } from './catalog.ts';
import { classifyFailure } from './failure.ts';
import { isFromFuture } from './from-future.ts';
import type { FailedStore, Job, JobContext } from './job.ts';
import type { Lineage } from './lineage.ts';
import { newest } from './lineage-samples.ts';
import { contentBytesOf, type Manifest, storedBytesOf } from './manifest.ts';
import type { Schedule } from './schedule.ts';
import { takeBackup } from './take-backup.ts';

/** A store that the backup goes to. */
export interface BackupDestination {
  readonly name: string;
  readonly store: ObjectStore;
  readonly catalog: Catalog;
}

export interface BackupJobOptions {
  /** Of the first destination. */
  readonly lineage: Lineage;
  readonly access: PostgresAccess;
  readonly method: BackupMethod;
  /** At least one. The database is read once for all of them; one that fails does not fail the others. */
  readonly destinations: readonly BackupDestination[];
  readonly schedule: Schedule;
  readonly deadlineMs: number;
}

/**
 * Due at the schedule's slots; a slot is missed as long as no finished backup was begun after it, a first one at once. One that
 * was made while a clock was ahead serves no slot: otherwise none would be taken until then.
 */
export function backupJob(options: BackupJobOptions): Job {
  const { lineage, schedule, destinations } = options;
  return {
    kind: 'backup',
    lineage,
    deadlineMs: options.deadlineMs,
    lockName: backupLockName(lineage),
    stores: destinations.map(({ name }) => name),
    async dueAt(context) {
      const now = context.clock.now();
      const begunAt = await newestBegun(options, context);
      const slot = schedule.lastAtOrBefore(now);
      const missed = slot !== undefined && (begunAt === undefined || new Date(begunAt) < slot);
      return missed ? slot : schedule.nextAfter(now);
    },
    async run(context) {
      const { manifest, failedStores } = await takeEverywhere(options, context);
      return {
        failedStores,
        fields: {
          backup: manifest.id,
          bytes: storedBytesOf(manifest),
          contentBytes: contentBytesOf(manifest),
          facts: manifest.facts.items.length,
          ...(failedStores.length > 0 && { missingIn: failedStores.map(({ store }) => store).join(', ') }),
        },
      };
    },
  };
}

/** Backups of a target are taken one after the other, and nothing is copied meanwhile. */
export function backupLockName({ target }: Pick<Lineage, 'target'>): string {
  return `backup/${target}`;
}

/** Of the newest finished backup in any of the stores; a store that is away does not hinder the others. */
async function newestBegun(
  { destinations, lineage }: BackupJobOptions,
  { clock, signal }: WorkContext,
): Promise<string | undefined> {
  const reads = await Promise.allSettled(destinations.map(({ catalog }) => catalog.read(lineage.target, signal)));
  signal.throwIfAborted();
  const contents = reads.flatMap((read) => (read.status === 'fulfilled' ? [read.value] : []));
  const [failure] = reads.flatMap((read) => (read.status === 'rejected' ? [read.reason] : []));
  if (contents.length === 0) throw failure;
  const begun = contents.flatMap((one) => entriesOf(one, lineage).map(({ manifest }) => manifest.startedAt));
  return newest(begun.filter((instant) => !isFromFuture(instant, clock.now())));
}

async function takeEverywhere(
  options: BackupJobOptions,
  context: JobContext,
): Promise<{ readonly manifest: Manifest; readonly failedStores: readonly FailedStore[] }> {
  const { destinations, lineage, access, method } = options;
  const [only, another] = destinations;
  if (only !== undefined && another === undefined) {
    const manifest = await takeBackup({ lineage, access, method, store: only.store }, context);
    return { manifest, failedStores: [] };
  }
  const failedStores: FailedStore[] = [];
  const store = fanOut(destinations, {
    clock: context.clock,
    onFailure: (name, error) => {
      failedStores.push({ store: name, reason: classifyFailure(error).reason });
      const fields = { ...lineage, store: name, error: errorMessage(error) };
      context.log.warn(fields, 'store failed while a backup was written to it; the copy is made up for later');
    },
  });
  const manifest = await takeBackup({ lineage, access, method, store }, context);
  return { manifest, failedStores };
}
