import { findCause } from '../core/errors.ts';
import { type ObjectLock, ObjectLocked, type ObjectStore, StoreError } from '../storage/object-store.ts';
import { applyMarks, type MarkResult, removeMarksOf } from './apply-marks.ts';
import { backupKey, manifestName, startMarkerName } from './backup-keys.ts';
import type { Catalog } from './catalog.ts';
import { confirmPlan } from './confirm-plan.ts';
import { type Job, type JobContext, JobFailed } from './job.ts';
import { type Lineage, lineageName } from './lineage.ts';
import { type PrunePlan, type PruneRules, planPrune, pruneDueAt } from './prune-plan.ts';
import { readMarks } from './read-marks.ts';
import { decisionsTo, deletionsOf } from './retention.ts';
import { isPinnedAt } from './retention-marks.ts';

type PruneStore = Pick<ObjectStore, 'list' | 'head' | 'get' | 'put' | 'delete'>;

export interface PruneJobOptions extends PruneRules {
  readonly lineage: Lineage;
  readonly store: PruneStore;
  readonly catalog: Catalog;
  /** Default: one hour. */
  readonly deadlineMs?: number;
}

/** Pruning, planning by hand and pinning exclude each other. */
export function pruneLockName(lineage: Omit<Lineage, 'store'>): string {
  return `prune/${lineageName(lineage)}`;
}

/**
 * Removes what retention does not keep and the remains of unfinished backups. Due as soon as there is something to
 * remove, which is usually after a backup. Fails with reason `refused` when a guard rail holds.
 */
export function pruneJob(options: PruneJobOptions): Job {
  const { lineage, catalog } = options;
  return {
    kind: 'prune',
    lineage,
    deadlineMs: options.deadlineMs ?? 3_600_000,
    lockName: pruneLockName(lineage),
    async dueAt({ clock, signal }) {
      return pruneDueAt(await catalog.read(lineage.target, signal), lineage, options, clock.now());
    },
    async run(context) {
      const contents = await catalog.read(lineage.target, context.signal);
      const plan = planPrune(contents, lineage, options, context.clock.now());
      const result = await applyPlan(plan, options.store, context);
      return {
        fields: {
          deleted: result.deletedBackups,
          marked: result.marked,
          spared: result.spared,
          kept: plan.retention.decisions.length - result.deletedBackups,
          leftovers: result.deletedLeftovers,
          bytes: result.freedBytes,
          ...lockedFields(result),
        },
      };
    },
  };
}

export interface PruneResult extends MarkResult {
  readonly deletedBackups: number;
  readonly deletedLeftovers: number;
  readonly freedBytes: number;
  /** What the store does not give up yet; `until` is undefined for a legal hold. No failure: it was asked to hold them. */
  readonly locked: readonly { readonly backupId: string; readonly until: Date | undefined }[];
}

/** For the log line: how many are locked, and when the first of them is free; nothing where none is. */
function lockedFields({ locked }: PruneResult): Readonly<Record<string, unknown>> {
  if (locked.length === 0) return {};
  const untilMs = locked.flatMap(({ until }) => (until === undefined ? [] : [until.getTime()]));
  const first = untilMs.length === 0 ? 'a legal hold is lifted' : new Date(Math.min(...untilMs)).toISOString();
  return { locked: locked.length, lockedUntil: first };
}

/**
 * Sets and takes away the tombstones that a plan says, removes what is to be removed, and asks the store whether it is
 * gone. What somebody pinned since the plan was made stays. The plan must have been made under the lock of {@link pruneLockName}. Running it again is harmless. When something could
 * not be removed the rest still is; then it rejects with {@link JobFailed}, reason `store`, naming what failed. Where
 * the plan is refused only the leftovers are removed, and it rejects with reason `refused`.
 */
export async function applyPlan(plan: PrunePlan, store: PruneStore, context: JobContext): Promise<PruneResult> {
  const { refusal } = plan.retention;
  const { target } = plan.lineage;
  await confirmPlan(plan, store, context.signal);
  const marks = await applyMarks(plan, store, context);
  const deletions = refusal === undefined ? deletionsOf(plan.retention) : [];
  const work = [
    ...plan.leftovers.map(({ backupId, storedBytes }) => ({ backupId, storedBytes, isLeftover: true })),
    ...deletions.map(({ id, storedBytes }) => ({ backupId: id, storedBytes, isLeftover: false })),
  ];
  const removed: typeof work = [];
  const locked: PruneResult['locked'][number][] = [];
  const failures: { readonly backupId: string; readonly error: unknown }[] = [];
  for (const one of work) {
    context.onProgress({ activity: `removing ${one.backupId}` });
    try {
      await context.confirmLock?.(context.signal);
      if (!one.isLeftover && (await isPinnedNow(store, target, one.backupId, context))) continue;
      await removeBackup(store, target, one.backupId, context.signal);
      removed.push(one);
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof ObjectLocked) locked.push({ backupId: one.backupId, until: error.until });
      else failures.push({ backupId: one.backupId, error });
    }
  }
  if (failures.length > 0) throw deletionFailure(failures, work.length);
  if (refusal !== undefined && decisionsTo(plan.retention, 'mark', 'delete').length > 0) {
    throw new JobFailed('refused', refusal.message);
  }
  return {
    ...marks,
    deletedBackups: removed.filter(({ isLeftover }) => !isLeftover).length,
    deletedLeftovers: removed.filter(({ isLeftover }) => isLeftover).length,
    freedBytes: removed.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    locked,
  };
}

/** A restore pins what it reads without asking who prunes, and a plan may take an hour to carry out. */
async function isPinnedNow(
  store: PruneStore,
  target: string,
  backupId: string,
  { clock, signal }: JobContext,
): Promise<boolean> {
  const marks = await readMarks(store, target, signal, backupId);
  const now = clock.now();
  return marks.get(backupId)?.marks.pins.some((pin) => isPinnedAt(pin, now)) ?? false;
}

/**
 * The manifest goes first: without it the backup does not exist, and whatever remains after an interruption is swept as
 * a leftover. The start marker goes last, because it tells whose leftover it is.
 */
async function removeBackup(store: PruneStore, target: string, backupId: string, signal: AbortSignal): Promise<void> {
  const manifest = backupKey(target, backupId, manifestName);
  const marker = backupKey(target, backupId, startMarkerName);
  const keys = await keysOf(store, target, backupId, signal);
  await requireUnlocked(store, keys, signal);
  const others = keys.filter((key) => key !== manifest && key !== marker);
  for (const key of [manifest, ...others, marker]) await store.delete(key, signal);
  await removeMarksOf(store, target, backupId, signal);
  const [remaining] = await keysOf(store, target, backupId, signal);
  if (remaining !== undefined) {
    throw new StoreError('unavailable', `the store still lists ${remaining} after it confirmed its removal`);
  }
}

/** A backup goes whole or not at all: a report written later is locked for longer than what it is about. */
async function requireUnlocked(store: PruneStore, keys: readonly string[], signal: AbortSignal): Promise<void> {
  const locks: ObjectLock[] = [];
  for (const key of keys) {
    const lock = (await store.head(key, signal))?.lock;
    if (lock !== undefined) locks.push(lock);
  }
  if (locks.length === 0) return;
  const untilMs = locks.map(({ until }) => until?.getTime() ?? Number.POSITIVE_INFINITY);
  const lastMs = Math.max(...untilMs);
  throw new ObjectLocked('the backup', { until: Number.isFinite(lastMs) ? new Date(lastMs) : undefined });
}

async function keysOf(store: PruneStore, target: string, backupId: string, signal: AbortSignal): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(backupKey(target, backupId, ''), signal)) keys.push(key);
  return keys;
}

function deletionFailure(
  failures: readonly { readonly backupId: string; readonly error: unknown }[],
  count: number,
): JobFailed {
  const [first] = failures;
  const message = `${failures.length} of ${count} not removed, the first of them ${first?.backupId}`;
  const transient = failures.every(({ error }) => findCause(error, StoreError)?.kind === 'unavailable');
  return new JobFailed('store', message, { transient, cause: first?.error });
}
