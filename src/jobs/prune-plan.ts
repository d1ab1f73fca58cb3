import { isBackupIdOf } from './backup-keys.ts';
import { type Attempt, entriesOf, type TargetContents } from './catalog.ts';
import { type Lineage, sameLineage } from './lineage.ts';
import {
  decisionsTo,
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
  /**
   * Every lineage that is configured in the store, when this job also sweeps what belongs to none of them: remains of
   * schedules and databases that were taken out of the configuration, and marks whose backup is gone.
   */
  readonly sweepBeside?: readonly Lineage[] | undefined;
}

/** Remains of a schedule that is not ours may belong to another daemon's backup, which takes as long as it likes. */
const strangerGraceMs = 7 * 24 * 3_600_000;

/** What would be removed of one lineage, and why; plain data, so that it prints as JSON. */
export interface PrunePlan {
  readonly lineage: Lineage;
  readonly retention: RetentionPlan;
  readonly leftovers: readonly Leftover[];
  /** Keys of pins and tombstones whose backup is gone. */
  readonly strayMarks: readonly string[];
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
  return {
    lineage,
    retention: planRetention(entries, rules.policy, now, rules),
    leftovers: ripeningLeftovers(contents, lineage, rules, now)
      .filter(({ ripeAt }) => ripeAt <= now)
      .map(({ attempt: { backupId, storedBytes, modifiedAt } }) => ({ backupId, storedBytes, modifiedAt })),
    strayMarks: ripeningMarks(contents, rules)
      .filter(({ ripeAt }) => ripeAt <= now)
      .map(({ key }) => key),
  };
}

/**
 * When there is something to do: in the past when there is now, undefined when nothing ever will be. The instant is
 * that of the last thing that happened, so that what could not be removed is tried again after the next backup.
 */
export function pruneDueAt(contents: TargetContents, lineage: Lineage, rules: PruneRules, now: Date): Date | undefined {
  const plan = planPrune(contents, lineage, rules, now);
  const ripening = [...ripeningLeftovers(contents, lineage, rules, now), ...ripeningMarks(contents, rules)];
  const marks = plan.retention.decisions.flatMap(({ action, markedAt }) =>
    markedAt === undefined ? [] : [{ action, setMs: markedAt.getTime() }],
  );
  const ripeMs = [
    ...ripening.map(({ ripeAt }) => ripeAt.getTime()),
    ...marks.filter(({ action }) => action !== 'spare').map(({ setMs }) => setMs + (rules.graceMs ?? 0)),
  ];
  const steps = decisionsTo(plan.retention, 'spare', 'mark', 'delete').length;
  if (steps + plan.leftovers.length + plan.strayMarks.length === 0) {
    const futureMs = ripeMs.filter((ms) => ms > now.getTime());
    return futureMs.length === 0 ? undefined : new Date(Math.min(...futureMs));
  }
  const eventMs = entriesOf(contents, lineage).flatMap(({ manifest, proofs }) => [
    Date.parse(manifest.finishedAt),
    ...proofs.map((proof) => Date.parse(proof.finishedAt)),
  ]);
  const causesMs = [...eventMs, ...ripeMs, ...marks.map(({ setMs }) => setMs)];
  const pastMs = causesMs.filter((ms) => ms <= now.getTime());
  return new Date(pastMs.length === 0 ? Math.min(...causesMs) : Math.max(...pastMs));
}

interface Ripening {
  readonly ripeAt: Date;
}

function ripeningLeftovers(
  contents: TargetContents,
  lineage: Lineage,
  rules: PruneRules,
  now: Date,
): (Ripening & { readonly attempt: Attempt })[] {
  const ripening = (attempts: readonly Attempt[], graceMs: number) =>
    attempts.map((attempt) => ({ attempt, ripeAt: new Date(lastSignMs(attempt, now) + graceMs) }));
  return [
    ...ripening(leftoversOf(contents, lineage), rules.leftoverGraceMs),
    ...ripening(strangersOf(contents, rules.sweepBeside), Math.max(strangerGraceMs, rules.leftoverGraceMs)),
  ];
}

/** A store whose clock is years behind, or that gives no dates, must not make a backup under way look like old remains. */
function lastSignMs({ modifiedAt, started }: Attempt, now: Date): number {
  const startedMs = started === undefined ? Number.NaN : Date.parse(started.startedAt);
  return startedMs <= now.getTime() ? Math.max(startedMs, modifiedAt.getTime()) : modifiedAt.getTime();
}

function ripeningMarks({ strayMarks }: TargetContents, rules: PruneRules): (Ripening & { readonly key: string })[] {
  if (rules.sweepBeside === undefined) return [];
  return strayMarks.map(({ key, modifiedAt }) => ({
    key,
    ripeAt: new Date(modifiedAt.getTime() + rules.leftoverGraceMs),
  }));
}

/** Unfinished backups, with a start marker of ours, of schedules and databases that are in no configuration any more. */
function strangersOf(contents: TargetContents, configured: readonly Lineage[] | undefined): Attempt[] {
  if (configured === undefined) return [];
  return contents.attempts.filter(
    ({ started }) => started !== undefined && !configured.some((lineage) => sameLineage(lineage, started)),
  );
}

/** Unfinished backups of a lineage, of any age. */
export function leftoversOf(contents: TargetContents, lineage: Lineage): Attempt[] {
  return contents.attempts.filter(({ started, backupId }) =>
    started === undefined ? isBackupIdOf(lineage, backupId) : sameLineage(started, lineage),
  );
}
