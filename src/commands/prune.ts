import type { Assembly } from '../assembly.ts';
import type { LoadedBackup } from '../config/loaded.ts';
import { formatBytes } from '../core/bytes.ts';
import { formatDuration } from '../core/duration.ts';
import { type Lineage, lineageName } from '../jobs/lineage.ts';
import { type PrunePlan, type PruneRules, planPrune } from '../jobs/prune-plan.ts';
import { decisionsTo, deletionsOf, type RetentionAction } from '../jobs/retention.ts';
import { assembleOrFail, type CommandContext } from './command-context.ts';
import { exitCodes } from './exit-code.ts';
import { unknownTarget } from './find-backup.ts';
import { type EndedRun, runJobs } from './run-jobs.ts';
import { formatTable, printJson, printLine } from './terminal.ts';

export interface PruneOptions {
  readonly apply?: boolean;
  /** Consent to deleting more at once than the share guard allows. */
  readonly confirmLarge?: boolean;
  /** Delete at once what is or would be marked. */
  readonly skipGrace?: boolean;
}

/** A lineage to prune. */
interface Place {
  readonly backup: LoadedBackup;
  readonly lineage: Lineage;
}

/** `watchkeeper prune [TARGET] [--apply]`: shows every decision with its reason; deletes only when told to. */
export async function runPrune(
  context: CommandContext,
  target: string | undefined,
  options: PruneOptions,
): Promise<number> {
  await using assembly = await assembleOrFail(context);
  const places = backupsToPrune(assembly, target).flatMap((backup) =>
    [...backup.lineages, ...backup.retired].map((lineage): Place => ({ backup, lineage })),
  );
  if (options.apply === true) {
    const jobs = places.map(({ backup, lineage }) => assembly.pruneJob(backup, lineage, changesOf(options)));
    return await runJobs(context, assembly, jobs, describePruning);
  }
  const plans: PrunePlan[] = [];
  for (const place of places) plans.push(await planOf(assembly, place, options, context));
  if (context.json) printJson(context.terminal, plans);
  else for (const plan of plans) printLine(context.terminal, `${renderPlan(plan, context.clock.now())}\n`);
  const refused = plans.some((plan) => plan.retention.refusal !== undefined);
  return refused ? exitCodes.refused.code : exitCodes.success.code;
}

function backupsToPrune(assembly: Assembly, target: string | undefined): LoadedBackup[] {
  const backups = assembly.config.targets.flatMap((one) => one.backups);
  const chosen = backups.filter((backup) => target === undefined || backup.target === target);
  if (target !== undefined && chosen.length === 0) throw unknownTarget(assembly, target);
  return chosen;
}

async function planOf(
  assembly: Assembly,
  { backup, lineage }: Place,
  options: PruneOptions,
  context: CommandContext,
): Promise<PrunePlan> {
  const rules = { ...assembly.pruneRules(backup, lineage), ...changesOf(options) };
  const contents = await assembly.storeOf(lineage.store).catalog.read(lineage.target, context.signal);
  return planPrune(contents, lineage, rules, context.clock.now());
}

function changesOf({ confirmLarge, skipGrace }: PruneOptions): Partial<PruneRules> {
  return {
    largeShare: confirmLarge === true ? 'allow' : 'refuse',
    ...(skipGrace === true ? { graceMs: 0 } : {}),
  };
}

function describePruning({ outcome }: EndedRun): string {
  if (outcome.status !== 'succeeded') return '';
  const { deleted, leftovers, marked, spared, bytes, locked, lockedUntil } = outcome.result.fields;
  const counts = [
    `${deleted} backups and ${leftovers} leftovers removed`,
    ...(Number(marked) > 0 ? [`${marked} marked for deletion`] : []),
    ...(Number(spared) > 0 ? [`${spared} kept again`] : []),
    ...(locked === undefined ? [] : [`${locked} locked, the first until ${lockedUntil}`]),
    `${formatBytes(Number(bytes))} freed`,
  ];
  return `${counts.join(', ')},`;
}

/** What the plan does with a backup, in one word of the table. */
const actionWords: Readonly<Record<RetentionAction, string>> = {
  keep: 'keep',
  spare: 'keep again',
  mark: 'MARK',
  wait: 'marked',
  delete: 'DELETE',
};

function renderPlan(plan: PrunePlan, now: Date): string {
  const rows = plan.retention.decisions.map((decision) => [
    actionWords[decision.action],
    decision.id,
    `${formatDuration(now.getTime() - decision.at.getTime())} old`,
    formatBytes(decision.storedBytes),
    decision.proven ? 'proven' : 'unproven',
    decision.reasons.join(', '),
  ]);
  const leftovers = plan.leftovers.map(
    ({ backupId, storedBytes }) => `DELETE  ${backupId}  ${formatBytes(storedBytes)}  remains of an unfinished backup`,
  );
  return [
    `${lineageName(plan.lineage)} in store ${plan.lineage.store}:`,
    rows.length === 0
      ? 'no finished backup'
      : formatTable(['DECISION', 'BACKUP', 'STATE', 'SIZE', 'PROOF', 'BECAUSE'], rows),
    ...leftovers,
    ...plan.strayMarks.map((key) => `DELETE  ${key}  its backup is gone`),
    summary(plan),
  ].join('\n');
}

function summary({ retention }: PrunePlan): string {
  if (retention.refusal !== undefined) return `REFUSED: ${retention.refusal.message}`;
  const freed = deletionsOf(retention).reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  const marked = decisionsTo(retention, 'mark').length;
  const marking = marked === 0 ? '' : `${marked} would be marked, to be deleted after the grace; `;
  return `${marking}${formatBytes(freed)} would be freed now; "--apply" does it`;
}
