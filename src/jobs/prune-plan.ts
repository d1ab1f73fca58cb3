import { isBackupIdOf } from './backup-keys.ts';
import { type Attempt, entriesOf, type TargetContents } from './catalog.ts';
import { type Lineage, sameLineage } from './lineage.ts';
import {
  deletionsOf,
  planRetention,
  type RetentionOptions,
  type RetentionPlan,
  retentionEntries,
} from './retention.ts';
import type { RetentionPolicy } from './settings.ts';

export interface PruneRules extends RetentionOptions {
  readonly policy: RetentionPolicy | undefined;
  /** Age from which the remains of an unfinished backup are removed; longer than any backup takes. */
  readonly leftoverGraceMs: number;
}

/** What would be removed of one lineage, and why; plain data, so that it prints as JSON. */
export interface PrunePlan {
  readonly lineage: Lineage;
  readonly retention: RetentionPlan;
  readonly leftovers: readonly Leftover[];
}

/** Remains of a backup that was never finished, or of one whose removal was interrupted. */
export interface Leftover {
  readonly backupId: string;
  readonly storedBytes: number;
  readonly modifiedAt: Date;
}

/** Pure. Backups with an unreadable manifest appear nowhere in it: they are neither counted nor ever removed. */
export function planPrune(contents: TargetContents, lineage: Lineage, rules: PruneRules, now: Date): PrunePlan {
  const entries = retentionEntries(entriesOf(contents, lineage));
  const ripe = (attempt: Attempt) => leftoverRipeAt(attempt, rules).getTime() <= now.getTime();
  return {
    lineage,
    retention: planRetention(entries, rules.policy, now, rules),
    leftovers: leftoversOf(contents, lineage)
      .filter(ripe)
      .map(({ backupId, storedBytes, modifiedAt }) => ({ backupId, storedBytes, modifiedAt })),
  };
}

/**
 * When there is something to remove: in the past when there is now, undefined when nothing ever will be. The instant is
 * that of the last thing that happened, so that what could not be removed is tried again after the next backup.
 */
export function pruneDueAt(contents: TargetContents, lineage: Lineage, rules: PruneRules, now: Date): Date | undefined {
  const plan = planPrune(contents, lineage, rules, now);
  const ripeMs = leftoversOf(contents, lineage).map((attempt) => leftoverRipeAt(attempt, rules).getTime());
  if (deletionsOf(plan.retention).length === 0 && plan.leftovers.length === 0) {
    return ripeMs.length === 0 ? undefined : new Date(Math.min(...ripeMs));
  }
  const eventMs = entriesOf(contents, lineage).flatMap(({ manifest, proofs }) => [
    Date.parse(manifest.finishedAt),
    ...proofs.map((proof) => Date.parse(proof.finishedAt)),
  ]);
  const causesMs = [...eventMs, ...ripeMs];
  const pastMs = causesMs.filter((ms) => ms <= now.getTime());
  return new Date(pastMs.length === 0 ? Math.min(...causesMs) : Math.max(...pastMs));
}

/** Unfinished backups of a lineage, of any age. */
export function leftoversOf(contents: TargetContents, lineage: Lineage): Attempt[] {
  return contents.attempts.filter(({ started, backupId }) =>
    started === undefined ? isBackupIdOf(lineage, backupId) : sameLineage(started, lineage),
  );
}

function leftoverRipeAt(attempt: Attempt, rules: PruneRules): Date {
  return new Date(attempt.modifiedAt.getTime() + rules.leftoverGraceMs);
}
