import type { Assembly } from '../assembly.ts';
import { parseDuration } from '../core/duration.ts';
import type { Manifest } from '../jobs/manifest.ts';
import { pruneLockName } from '../jobs/prune.ts';
import { marksPrefix, pinName, putMark } from '../jobs/retention-marks.ts';
import { assembleOrFail, type CommandContext, CommandError } from './command-context.ts';
import { exitCodes } from './exit-code.ts';
import { type FoundBackup, findBackup } from './find-backup.ts';
import { printJson, printLine } from './terminal.ts';

export interface PinOptions {
  readonly reason?: string;
  /** `30d`, or an instant such as `2027-01-01` or `2027-01-01T12:00:00Z`. */
  readonly until?: string;
}

/** `watchkeeper pin BACKUP-ID`: retention keeps the backup until it is unpinned, or until the date that is given. */
export async function runPin(context: CommandContext, id: string, options: PinOptions): Promise<number> {
  const until = untilOf(options.until, context.clock.now());
  await using assembly = await assembleOrFail(context);
  const found = await findBackup(assembly, id, context.signal);
  const { manifest } = found.entry;
  await whileNobodyPrunes(context, assembly, found, async () => {
    await putMark(
      found.opened.store,
      pinName,
      {
        format: 'watchkeeper-pin/1',
        target: manifest.target,
        backupId: manifest.id,
        pinnedAt: context.clock.now().toISOString(),
        reason: options.reason ?? '',
        ...(until === undefined ? {} : { until: until.toISOString() }),
      },
      context.signal,
    );
  });
  const span = until === undefined ? '' : ` until ${until.toISOString()}`;
  tell(
    context,
    manifest,
    { pinned: true, until: until?.toISOString() ?? null },
    `is pinned${span}: retention keeps it`,
  );
  return exitCodes.success.code;
}

/** `watchkeeper unpin BACKUP-ID`: the policy decides again. */
export async function runUnpin(context: CommandContext, id: string): Promise<number> {
  await using assembly = await assembleOrFail(context);
  const found = await findBackup(assembly, id, context.signal);
  const { manifest } = found.entry;
  await whileNobodyPrunes(context, assembly, found, () =>
    found.opened.store.delete(`${marksPrefix(manifest.target, manifest.id)}${pinName}`, context.signal),
  );
  tell(context, manifest, { pinned: false, until: null }, 'is no longer pinned: the policy decides');
  return exitCodes.success.code;
}

/** Under the lock of pruning, so that a backup is not deleted in the moment in which somebody wants it kept. */
async function whileNobodyPrunes(
  context: CommandContext,
  assembly: Assembly,
  { entry: { manifest }, opened }: FoundBackup,
  work: () => Promise<void>,
): Promise<void> {
  const { target, schedule, database } = manifest;
  const lineage = { store: opened.name, target, schedule, database };
  await using lock = await assembly.acquireLock({ lineage, lockName: pruneLockName(lineage) }, context.signal);
  if (lock === undefined) {
    throw new CommandError(exitCodes.locked.code, 'retention is at work on these backups; try again in a minute');
  }
  opened.catalog.forget(target);
  await findBackup(assembly, manifest.id, context.signal);
  await work();
}

function untilOf(text: string | undefined, now: Date): Date | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  const until =
    ms === undefined
      ? new Date(/^\d{4}-\d\d-\d\d(T.*)?$/.test(text) ? text : Number.NaN)
      : new Date(now.getTime() + ms);
  if (Number.isNaN(until.getTime()) || until <= now) {
    throw new CommandError(
      exitCodes.usage.code,
      `--until "${text}" is no duration (30d) and no date to come (2027-01-01)`,
    );
  }
  return until;
}

function tell(
  context: CommandContext,
  manifest: Manifest,
  state: { readonly pinned: boolean; readonly until: string | null },
  text: string,
): void {
  if (context.json) printJson(context.terminal, { backup: manifest.id, ...state });
  else printLine(context.terminal, `${manifest.id} ${text}`);
}
