import type { Assembly } from '../assembly.ts';
import { parseDuration } from '../core/duration.ts';
import { acquireAll } from '../jobs/joint-lock.ts';
import type { ManifestSummary } from '../jobs/manifest-summary.ts';
import { pruneLockName } from '../jobs/prune.ts';
import { marksPrefix, pinName, putMark } from '../jobs/retention-marks.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { assembleOrFail, type CommandContext, CommandError } from './command-context.ts';
import { exitCodes } from './exit-code.ts';
import { copiesOf, type FoundBackup } from './find-backup.ts';
import { tellUnreadable } from './list.ts';
import { printError, printJson, printLine } from './terminal.ts';

export interface PinOptions {
  readonly reason?: string;
  /** `30d`, or an instant such as `2027-01-01` or `2027-01-01T12:00:00Z`. */
  readonly until?: string;
}

/**
 * `watchkeeper pin BACKUP-ID`: retention keeps the backup, in every store that has it, until it is unpinned, or until the
 * date that is given.
 */
export async function runPin(context: CommandContext, id: string, options: PinOptions): Promise<number> {
  const until = untilOf(options.until, context.clock.now());
  const pin = {
    format: 'watchkeeper-pin/1',
    pinnedAt: context.clock.now().toISOString(),
    reason: options.reason ?? '',
    ...(until === undefined ? {} : { until: until.toISOString() }),
  } as const;
  const span = until === undefined ? '' : ` until ${until.toISOString()}`;
  return changeMarks(context, id, {
    change: (store, { target, id: backupId }) => putMark(store, pinName, { ...pin, target, backupId }, context.signal),
    state: { pinned: true, until: until?.toISOString() ?? null },
    text: `is pinned${span}: retention keeps it`,
  });
}

/** `watchkeeper unpin BACKUP-ID`: the policy decides again, in every store. */
export async function runUnpin(context: CommandContext, id: string): Promise<number> {
  return changeMarks(context, id, {
    change: (store, manifest) => store.delete(`${marksPrefix(manifest.target, manifest.id)}${pinName}`, context.signal),
    state: { pinned: false, until: null },
    text: 'is no longer pinned: the policy decides',
  });
}

interface MarkChange {
  readonly change: (store: ObjectStore, manifest: ManifestSummary) => Promise<void>;
  readonly state: { readonly pinned: boolean; readonly until: string | null };
  /** For people. */
  readonly text: string;
}

/** Every copy that can be reached; a store that cannot makes the command fail, although the others were changed. */
async function changeMarks(context: CommandContext, id: string, { change, state, text }: MarkChange): Promise<number> {
  await using assembly = await assembleOrFail(context);
  const unread = new Set<string>();
  const tell = tellUnreadable(context);
  const onUnreadable = (store: string, error: unknown) => {
    if (!unread.has(store)) tell(store, error);
    unread.add(store);
  };
  const [{ entry }] = await copiesOf(assembly, id, context.signal, { onUnreadable });
  const { manifest } = entry;
  const stores = await whileNobodyPrunes(context, assembly, manifest, async (copies) => {
    for (const { opened } of copies) await change(opened.store, manifest);
    return copies.map(({ opened }) => opened.name);
  });
  // A copy that was under way may have looked for a pin before, and is found now.
  for (const { opened } of await freshCopies(context, assembly, manifest)) {
    if (stores.includes(opened.name)) continue;
    await change(opened.store, manifest);
    stores.push(opened.name);
  }
  if (context.json) printJson(context.terminal, { backup: manifest.id, ...state, stores, unreadable: [...unread] });
  else printLine(context.terminal, `${manifest.id} ${text} (in ${stores.join(', ')})`);
  if (unread.size === 0) return exitCodes.success.code;
  printError(context.terminal, `nothing was changed in ${[...unread].join(', ')}: do it again when that can be read`);
  return exitCodes.failure.code;
}

/** Under the locks of pruning of all stores, so that no copy is deleted in the moment in which somebody wants it kept. */
async function whileNobodyPrunes<T>(
  context: CommandContext,
  assembly: Assembly,
  manifest: ManifestSummary,
  work: (copies: readonly FoundBackup[]) => Promise<T>,
): Promise<T> {
  const { id, target, schedule, database } = manifest;
  const copies = await copiesOf(assembly, id, context.signal);
  const takers = copies.map(({ opened }) => () => {
    const lineage = { store: opened.name, target, schedule, database };
    return assembly.acquireLock({ lineage, lockName: pruneLockName(lineage) }, context.signal);
  });
  await using lock = await acquireAll(takers);
  if (lock === undefined) {
    throw new CommandError(exitCodes.locked.code, 'retention is at work on these backups; try again in a minute');
  }
  return await work(await freshCopies(context, assembly, manifest));
}

function freshCopies(
  { signal }: CommandContext,
  assembly: Assembly,
  { id, target }: ManifestSummary,
): Promise<readonly FoundBackup[]> {
  for (const { catalog } of assembly.stores.values()) catalog.forget(target);
  return copiesOf(assembly, id, signal);
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
