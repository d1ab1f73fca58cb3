import type { ObjectStore } from '../storage/object-store.ts';
import { backupKey, manifestName } from './backup-keys.ts';
import { JobFailed } from './job.ts';
import type { PrunePlan } from './prune-plan.ts';
import { deletionsOf, type RetentionRule } from './retention.ts';
import { splitMarkKey } from './retention-marks.ts';

/**
 * Asks the store for single objects before anything is removed, because a plan is made of listings, and a listing may be late
 * or lack something. A finished backup whose manifest it lacked would be swept like the remains of an unfinished one; one that
 * it still shows although it is gone would let the last good one go. Rejects with reason `store` when the listing was wrong.
 */
export async function confirmPlan(
  plan: PrunePlan,
  store: Pick<ObjectStore, 'head'>,
  signal: AbortSignal,
): Promise<void> {
  const { target } = plan.lineage;
  const isThere = async (backupId: string) =>
    (await store.head(backupKey(target, backupId, manifestName), signal)) !== undefined;
  for (const backupId of unfinishedIds(plan)) {
    if (await isThere(backupId)) throw wrongListing(backupId, 'lacks the manifest of', 'which is there');
  }
  if (deletionsOf(plan.retention).length === 0) return;
  for (const backupId of indispensableIds(plan)) {
    if (!(await isThere(backupId))) throw wrongListing(backupId, 'shows the manifest of', 'which is not there');
  }
}

/** Those whose remains or marks would be removed, as they have no manifest. */
function unfinishedIds({ lineage, leftovers, strayMarks }: PrunePlan): Set<string> {
  const marked = strayMarks.flatMap((key) => splitMarkKey(lineage.target, key)?.backupId ?? []);
  return new Set([...leftovers.map(({ backupId }) => backupId), ...marked]);
}

const indispensable: readonly RetentionRule[] = ['newest', 'newest_proven', 'newest_not_failed'];

function indispensableIds({ retention }: PrunePlan): string[] {
  return retention.decisions
    .filter(({ rules }) => rules.some((rule) => indispensable.includes(rule)))
    .map(({ id }) => id);
}

function wrongListing(backupId: string, what: string, truth: string): JobFailed {
  const message = `the listing of the store ${what} ${backupId}, ${truth}: nothing is removed by such a listing`;
  return new JobFailed('store', message, { transient: true });
}
