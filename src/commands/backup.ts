import { formatBytes } from '../core/bytes.ts';
import { assembleOrFail, type CommandContext, CommandError } from './command-context.ts';
import { exitCodes } from './exit-code.ts';
import { unknownTarget } from './find-backup.ts';
import { type EndedRun, runJobs } from './run-jobs.ts';

/** `watchkeeper backup TARGET [SCHEDULE]`: takes a backup of each database now, whether one is due or not. */
export async function runBackup(
  context: CommandContext,
  targetName: string,
  schedule: string | undefined,
): Promise<number> {
  await using assembly = await assembleOrFail(context);
  const target = assembly.config.targets.find(({ name }) => name === targetName);
  if (target === undefined || target.backups.length === 0) throw unknownTarget(assembly, targetName);
  const chosen = target.backups.filter((backup) => schedule === undefined || backup.schedule === schedule);
  if (chosen.length === 0) {
    const known = target.backups.map((backup) => backup.schedule).join(', ');
    throw new CommandError(
      exitCodes.usage.code,
      `target "${targetName}" has no schedule "${schedule}"; it has: ${known}`,
    );
  }
  const jobs = assembly.jobsOf(chosen).filter(({ kind }) => kind === 'backup');
  return await runJobs(context, assembly, jobs, describeBackup);
}

function describeBackup({ outcome }: EndedRun): string {
  if (outcome.status !== 'succeeded') return '';
  const { backup, bytes, contentBytes, facts, missingIn } = outcome.result.fields;
  const missing = missingIn === undefined ? '' : ` MISSING IN ${missingIn} (the daemon copies it there),`;
  const sizes = `${formatBytes(Number(bytes))} of ${formatBytes(Number(contentBytes))}`;
  return `${backup}, ${sizes}, ${facts} facts,${missing}`;
}
