import type { Assembly, OpenedStore } from '../assembly.ts';
import { formatDuration } from '../core/duration.ts';
import { errorMessage } from '../core/errors.ts';
import { type CatalogEntry, isComplete, isProven } from '../jobs/catalog.ts';
import { isBackupFromFuture } from '../jobs/from-future.ts';
import { CommandError } from './command-context.ts';
import { exitCodes } from './exit-code.ts';

/** A backup in one store: each store of its schedule has a copy of its own. */
export interface FoundBackup {
  readonly entry: CatalogEntry;
  readonly opened: OpenedStore;
}

export interface LookOptions {
  /** Only in the store of this name. */
  readonly store?: string | undefined;
  /** The present instant: backups that are dated after it come last, since nobody knows how old they are. */
  readonly now?: Date;
  /** Is told of stores that cannot be read; what the others have is found nevertheless. */
  readonly onUnreadable?: (store: string, error: unknown) => void;
}

/** Names of the targets that backups are made of, with the stores they lie in. */
export function targetsWithStores(assembly: Assembly): Map<string, Set<string>> {
  const targets = new Map<string, Set<string>>();
  for (const { target, store } of assembly.lineages) targets.set(target, (targets.get(target) ?? new Set()).add(store));
  return targets;
}

/** Every finished backup of a target, newest first, over its stores. Rejects when none of them can be read. */
export async function backupsOf(
  assembly: Assembly,
  target: string,
  signal: AbortSignal,
  { store, now, onUnreadable }: LookOptions = {},
): Promise<FoundBackup[]> {
  const stores = targetsWithStores(assembly).get(target);
  if (stores === undefined) throw unknownTarget(assembly, target);
  if (store !== undefined && !stores.has(store)) throw unknownStore(target, store, stores);
  const names = [...stores].filter((name) => store === undefined || name === store);
  const found: FoundBackup[] = [];
  const failures: unknown[] = [];
  for (const name of names) {
    const opened = assembly.storeOf(name);
    try {
      const { entries } = await opened.catalog.read(target, signal);
      found.push(...entries.map((entry) => ({ entry, opened })));
    } catch (error) {
      signal.throwIfAborted();
      failures.push(error);
      onUnreadable?.(name, error);
    }
  }
  if (failures.length === names.length) throw failures[0];
  const rank = ({ entry }: FoundBackup) => Number(now !== undefined && isBackupFromFuture(entry.manifest, now));
  const stateMs = ({ entry }: FoundBackup) => Date.parse(entry.manifest.snapshotAt);
  // Copies of one backup stay in the order of the stores.
  return found.sort((a, b) => rank(a) - rank(b) || stateMs(b) - stateMs(a));
}

/** How old the state of a backup is, for people: `2h ago`. */
export function stateAge({ manifest }: Pick<CatalogEntry, 'manifest'>, now: Date): string {
  if (isBackupFromFuture(manifest, now)) return 'dated in the future';
  return `${formatDuration(Math.max(0, now.getTime() - new Date(manifest.snapshotAt).getTime()))} ago`;
}

/**
 * A backup by its id, or by enough of its beginning to be the only one. Of several copies a proven one is taken before
 * others, then a whole one, then the one in the store that is named first.
 */
export async function findBackup(
  assembly: Assembly,
  id: string,
  signal: AbortSignal,
  options: LookOptions = {},
): Promise<FoundBackup> {
  const matches: FoundBackup[] = [];
  const unreadable: string[] = [];
  const onUnreadable = (store: string, error: unknown) => {
    unreadable.push(`; store "${store}" could not be read: ${errorMessage(error)}`);
    options.onUnreadable?.(store, error);
  };
  for (const [target, stores] of targetsWithStores(assembly)) {
    if (options.store !== undefined && !stores.has(options.store)) continue;
    for (const found of await backupsOf(assembly, target, signal, { store: options.store, onUnreadable })) {
      if (found.entry.manifest.id.startsWith(id)) matches.push(found);
    }
  }
  const exact = matches.filter(({ entry }) => entry.manifest.id === id);
  const copies = exact.length > 0 ? exact : matches;
  const ids = new Set(copies.map(({ entry }) => entry.manifest.id));
  const best =
    copies.find(({ entry }) => isProven(entry)) ?? copies.find(({ entry }) => isComplete(entry)) ?? copies[0];
  if (best !== undefined && ids.size === 1) return best;
  const problem = best === undefined ? `there is no backup ${id}` : `${ids.size} backups begin with ${id}`;
  throw new CommandError(exitCodes.usage.code, `${problem}; "watchkeeper list" shows them${unreadable.join('')}`);
}

/** A backup by its id, as {@link findBackup}, in every store that has it; the copy that a reader would take comes first. */
export async function copiesOf(
  assembly: Assembly,
  id: string,
  signal: AbortSignal,
  options: LookOptions = {},
): Promise<readonly [FoundBackup, ...FoundBackup[]]> {
  const best = await findBackup(assembly, id, signal);
  const { manifest } = best.entry;
  const all = await backupsOf(assembly, manifest.target, signal, options);
  const others = all.filter(({ entry, opened }) => entry.manifest.id === manifest.id && opened !== best.opened);
  return [best, ...others];
}

export function unknownTarget(assembly: Assembly, target: string): CommandError {
  const known = [...targetsWithStores(assembly).keys()].join(', ') || 'none';
  return new CommandError(
    exitCodes.usage.code,
    `no backups are configured for a target "${target}"; there are: ${known}`,
  );
}

function unknownStore(target: string, store: string, known: ReadonlySet<string>): CommandError {
  return new CommandError(
    exitCodes.usage.code,
    `target "${target}" has no backups in a store "${store}"; it has some in: ${[...known].join(', ')}`,
  );
}
