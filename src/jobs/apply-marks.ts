import type { ObjectStore } from '../storage/object-store.ts';
import type { JobContext } from './job.ts';
import type { PrunePlan } from './prune-plan.ts';
import { decisionsTo, type RetentionDecision } from './retention.ts';
import { marksPrefix, putMark, type Tombstone, tombstoneName } from './retention-marks.ts';

type MarkStore = Pick<ObjectStore, 'list' | 'put' | 'delete'>;

export interface MarkResult {
  /** Backups that got a tombstone. */
  readonly marked: number;
  /** Backups whose tombstone was taken away, because something keeps them again. */
  readonly spared: number;
}

/** Sets and takes away the tombstones that a plan says. Where the plan is refused none is set; saving is always right. */
export async function applyMarks(plan: PrunePlan, store: MarkStore, context: JobContext): Promise<MarkResult> {
  const { target } = plan.lineage;
  const { signal } = context;
  const spared = decisionsTo(plan.retention, 'spare');
  for (const { id } of spared) await store.delete(`${marksPrefix(target, id)}${tombstoneName}`, signal);
  const marked = plan.retention.refusal === undefined ? decisionsTo(plan.retention, 'mark') : [];
  for (const decision of marked) {
    context.onProgress({ activity: `marking ${decision.id}` });
    await putMark(store, tombstoneName, tombstone(target, decision, context.clock.now()), signal);
  }
  for (const key of plan.strayMarks) await store.delete(key, signal);
  return { marked: marked.length, spared: spared.length };
}

/** To be called when the backup itself is gone: a pin or tombstone of its own would be about nothing. */
export async function removeMarksOf(
  store: Pick<ObjectStore, 'list' | 'delete'>,
  target: string,
  backupId: string,
  signal: AbortSignal,
): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of store.list(marksPrefix(target, backupId), signal)) keys.push(key);
  for (const key of keys) await store.delete(key, signal);
}

function tombstone(target: string, { id, reasons }: RetentionDecision, now: Date): Tombstone {
  return {
    format: 'watchkeeper-tombstone/1',
    target,
    backupId: id,
    markedAt: now.toISOString(),
    reasons: [...reasons],
  };
}
