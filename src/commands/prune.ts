import type { Assembly } from '../assembly.ts';
import type { LoadedBackup } from '../config/loaded.ts';
import { formatBytes } from '../core/bytes.ts';
import { formatDuration } from '../core/duration.ts';
import type { Job } from '../jobs/job.ts';
import { lineageName } from '../jobs/lineage.ts';
import { applyPlan, lockedFields } from '../jobs/prune.ts';
import { type PrunePlan, type PruneRules, planPrune } from '../jobs/prune-plan.ts';
import { deletionsOf } from '../jobs/retention.ts';
import { assembleOrFail, type CommandContext } from './command-context.ts';
import { exitCodes } from './exit-code.ts';
import { unknownTarget } from './find-backup.ts';
import { type EndedRun, runJobs } from './run-jobs.ts';
import { formatTable, printJson, printLine } from './terminal.ts';

export interface PruneOptions {
  readonly apply?: boolean;
  /** Consent to deleting more at once than the share guard allows. */
  readonly confirmLarge?: boolean;
}

interface Planned {
  readonly backup: LoadedBackup;
  readonly plan: PrunePlan;
}

/** `watchkeeper prune [TARGET] [--apply]`: shows every decision with its reason; deletes only when told to. */
export async function runPrune(
  context: CommandContext,
  target: string | undefined,
  options: PruneOptions,
): Promise<number> {
  await using assembly = await assembleOrFail(context);
  const planned: Planned[] = [];
  for (const backup of backupsToPrune(assembly, target))
    planned.push(...(await planOf(assembly, backup, options, context)));
  if (options.apply === true) {
    const jobs = planned.map((one) => applyJob(assembly, one));
    return runJobs(context, assembly, jobs, describePruning);
  }
  if (context.json)
    printJson(
      context.terminal,
      planned.map(({ plan }) => plan),
    );
  else for (const { plan } of planned) printLine(context.terminal, `${renderPlan(plan, context.clock.now())}\n`);
  const refused = planned.some(({ plan }) => plan.retention.refusal !== undefined);
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
  backup: LoadedBackup,
  options: PruneOptions,
  context: CommandContext,
): Promise<Planned[]> {
  const rules: PruneRules = {
    ...assembly.pruneRules(backup),
    largeShare: options.confirmLarge === true ? 'allow' : 'refuse',
  };
  const contents = await assembly.storeOf(backup.store).catalog.read(backup.target, context.signal);
  return backup.lineages.map((lineage) => ({
    backup,
    plan: planPrune(contents, lineage, rules, context.clock.now()),
  }));
}

/** Applies exactly the plan that was made, under the same lock as the daemon's own pruning. */
function applyJob(assembly: Assembly, { backup, plan }: Planned): Job {
  const { store } = assembly.storeOf(backup.store);
  return {
    kind: 'prune',
    lineage: plan.lineage,
    lockName: `prune/${lineageName(plan.lineage)}`,
    deadlineMs: 3_600_000,
    dueAt: async ({ clock }) => clock.now(),
    async run(context) {
      const result = await applyPlan(plan, store, context);
      const { locked: _locked, ...counts } = result;
      return { fields: { ...counts, ...lockedFields(result) } };
    },
  };
}

function describePruning({ outcome }: EndedRun): string {
  if (outcome.status !== 'succeeded') return '';
  const { deletedBackups, deletedLeftovers, freedBytes, locked, lockedUntil } = outcome.result.fields;
  const held = locked === undefined ? '' : ` ${locked} locked, the first until ${lockedUntil},`;
  return `${deletedBackups} backups and ${deletedLeftovers} leftovers removed, ${formatBytes(Number(freedBytes))} freed,${held}`;
}

function renderPlan(plan: PrunePlan, now: Date): string {
  const rows = plan.retention.decisions.map((decision) => [
    decision.action === 'keep' ? 'keep' : 'DELETE',
    decision.id,
    `${formatDuration(now.getTime() - decision.at.getTime())} old`,
    formatBytes(decision.storedBytes),
    decision.proven ? 'proven' : 'unproven',
    decision.reasons.join(', '),
  ]);
  const leftovers = plan.leftovers.map(
    ({ backupId, storedBytes }) => `DELETE  ${backupId}  ${formatBytes(storedBytes)}  remains of an unfinished backup`,
  );
  const { refusal } = plan.retention;
  const freed = deletionsOf(plan.retention).reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  return [
    `${lineageName(plan.lineage)} in store ${plan.lineage.store}:`,
    rows.length === 0
      ? 'no finished backup'
      : formatTable(['DECISION', 'BACKUP', 'STATE', 'SIZE', 'PROOF', 'BECAUSE'], rows),
    ...leftovers,
    refusal === undefined ? `${formatBytes(freed)} would be freed; "--apply" deletes` : `REFUSED: ${refusal.message}`,
  ].join('\n');
}
