import type { Assembly } from '../assembly.ts';
import type { LoadedBackup, LoadedProof } from '../config/loaded.ts';
import type { Job } from '../jobs/job.ts';
import { sameLineage } from '../jobs/lineage.ts';
import type { Manifest } from '../jobs/manifest.ts';
import { assembleOrFail, type CommandContext, CommandError } from './command-context.ts';
import { exitCodes } from './exit-code.ts';
import { backupsOf, type FoundBackup, findBackup, targetsWithStores } from './find-backup.ts';
import { type EndedRun, runJobs } from './run-jobs.ts';

/** `watchkeeper verify TARGET|BACKUP-ID`: proves one backup, or the newest one of each database of a target. */
export async function runVerify(context: CommandContext, subject: string): Promise<number> {
  await using assembly = await assembleOrFail(context);
  const found = targetsWithStores(assembly).has(subject)
    ? await newestOf(assembly, subject, context.signal)
    : [await findBackup(assembly, subject, context.signal)];
  if (found.length === 0) throw new CommandError(exitCodes.failure.code, `target "${subject}" has no finished backup`);
  const jobs = found.map(({ entry }) => proofOf(assembly, entry.manifest));
  return runJobs(context, assembly, jobs, describeProof);
}

/** The newest backup of each database and schedule. */
async function newestOf(assembly: Assembly, target: string, signal: AbortSignal): Promise<FoundBackup[]> {
  const newest: FoundBackup[] = [];
  for (const found of await backupsOf(assembly, target, signal)) {
    const { manifest } = found.entry;
    if (!newest.some(({ entry }) => sameLineage(entry.manifest, manifest))) newest.push(found);
  }
  return newest;
}

/** Where and with which assertions a backup is proven is told by its schedule, also where that proves nothing by itself. */
function proofOf(assembly: Assembly, manifest: Manifest): Job {
  const backup = assembly.config.targets
    .flatMap((target) => target.backups)
    .find((one) => [...one.lineages, ...one.retired].some((lineage) => sameLineage(lineage, manifest)));
  if (backup === undefined) {
    const name = `${manifest.target}/${manifest.schedule}/${manifest.database}`;
    throw new CommandError(exitCodes.usage.code, `${name} is no longer configured: it is not known how to prove it`);
  }
  const job = assembly.proofJob({ ...backup, proof: backup.proof ?? proofByDefault(assembly, backup) }, manifest);
  if (job === undefined) throw new CommandError(exitCodes.usage.code, 'there is no sandbox');
  return job;
}

function proofByDefault(assembly: Assembly, backup: LoadedBackup): LoadedProof | undefined {
  const sandbox = assembly.config.sandboxes.find(({ type }) => type === 'local') ?? assembly.config.sandboxes[0];
  if (sandbox === undefined) return undefined;
  return { schedule: undefined, sandbox, assertions: [], timeoutMs: backup.settings.timeout };
}

function describeProof({ outcome }: EndedRun): string {
  if (outcome.status !== 'succeeded') return '';
  const { backup, facts, sandbox } = outcome.result.fields;
  return `${backup} is PROVEN, ${facts} facts equal in a ${sandbox},`;
}
