import type { Assembly } from '../assembly.ts';
import type { LoadedBackup, LoadedProof } from '../config/loaded.ts';
import type { Job } from '../jobs/job.ts';
import { sameLineage } from '../jobs/lineage.ts';
import { verificationDefaults } from '../jobs/settings.ts';
import { assembleOrFail, type CommandContext, CommandError } from './command-context.ts';
import { exitCodes } from './exit-code.ts';
import { backupsOf, type FoundBackup, findBackup, type LookOptions, targetsWithStores } from './find-backup.ts';
import { type EndedRun, runJobs } from './run-jobs.ts';
import { printError } from './terminal.ts';

/** `watchkeeper verify TARGET|BACKUP-ID [--store NAME]`: proves one backup, or the newest one of each database of a target in each store. */
export async function runVerify(context: CommandContext, subject: string, store?: string): Promise<number> {
  await using assembly = await assembleOrFail(context);
  const found = targetsWithStores(assembly).has(subject)
    ? await newestOf(assembly, subject, context.signal, { store, now: context.clock.now() })
    : [await findBackup(assembly, subject, context.signal, { store })];
  if (found.length === 0) throw new CommandError(exitCodes.failure.code, `target "${subject}" has no finished backup`);
  const backups = found.map((one) => ({ found: one, backup: configuredAs(assembly, one) }));
  const jobs = backups.flatMap((one) => (one.backup === undefined ? [] : [proofOf(assembly, one.found, one.backup)]));
  const unknown = backups.filter(({ backup }) => backup === undefined).map((one) => notConfigured(one.found));
  // A schedule that was renamed or taken out leaves backups behind: they must not keep the others from being proven.
  if (jobs.length === 0) throw new CommandError(exitCodes.usage.code, unknown.join('\n'));
  for (const line of unknown) printError(context.terminal, line);
  return await runJobs(context, assembly, jobs, describeProof);
}

/** The newest backup of each database and schedule in each store. */
async function newestOf(
  assembly: Assembly,
  target: string,
  signal: AbortSignal,
  options: LookOptions,
): Promise<FoundBackup[]> {
  const newest: FoundBackup[] = [];
  for (const found of await backupsOf(assembly, target, signal, options)) {
    const { manifest } = found.entry;
    const isOlder = newest.some(
      ({ entry, opened }) => opened === found.opened && sameLineage(entry.manifest, manifest),
    );
    if (!isOlder) newest.push(found);
  }
  return newest;
}

/** The schedule that makes such backups; undefined when there is none any more. */
function configuredAs(assembly: Assembly, { entry: { manifest }, opened }: FoundBackup): LoadedBackup | undefined {
  return assembly.config.targets
    .flatMap((target) => target.backups)
    .find((one) =>
      [...one.lineages, ...one.retired].some((own) => own.store === opened.name && sameLineage(own, manifest)),
    );
}

function notConfigured({ entry: { manifest }, opened }: FoundBackup): string {
  const name = `${manifest.target}/${manifest.schedule}/${manifest.database} in store ${opened.name}`;
  return `${name} is no longer configured: it is not known how to prove backup ${manifest.id}`;
}

/** Where and with which assertions a backup is proven is told by its schedule, also where that proves nothing by itself. */
function proofOf(assembly: Assembly, { entry: { manifest }, opened }: FoundBackup, backup: LoadedBackup): Job {
  const proof = backup.proof ?? proofByDefault(assembly, backup);
  const job = assembly.proofJob({ ...backup, proof }, manifest, opened.name);
  if (job === undefined) throw new CommandError(exitCodes.usage.code, 'there is no sandbox');
  return job;
}

function proofByDefault(assembly: Assembly, backup: LoadedBackup): LoadedProof | undefined {
  const sandbox = assembly.config.sandboxes.find(({ type }) => type === 'local') ?? assembly.config.sandboxes[0];
  if (sandbox === undefined) return undefined;
  return { ...verificationDefaults, sandbox, assertions: [], timeout: backup.settings.timeout };
}

function describeProof({ outcome }: EndedRun): string {
  if (outcome.status !== 'succeeded') return '';
  const { backup, facts, sandbox, notes } = outcome.result.fields;
  const noted = Array.isArray(notes) ? ` (${notes.join('; ')})` : '';
  return `${backup} is PROVEN, ${facts} facts equal in a ${sandbox}${noted},`;
}
