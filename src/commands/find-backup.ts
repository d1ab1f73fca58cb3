import type { Assembly, OpenedStore } from '../assembly.ts';
import type { CatalogEntry } from '../jobs/catalog.ts';
import { CommandError } from './command-context.ts';
import { exitCodes } from './exit-code.ts';

export interface FoundBackup {
  readonly entry: CatalogEntry;
  readonly opened: OpenedStore;
}

/** Names of the targets that backups are made of, with the stores they lie in. */
export function targetsWithStores(assembly: Assembly): Map<string, Set<string>> {
  const targets = new Map<string, Set<string>>();
  for (const { target, store } of assembly.lineages) targets.set(target, (targets.get(target) ?? new Set()).add(store));
  return targets;
}

/** Every finished backup of a target, newest first, over its stores. */
export async function backupsOf(assembly: Assembly, target: string, signal: AbortSignal): Promise<FoundBackup[]> {
  const stores = targetsWithStores(assembly).get(target);
  if (stores === undefined) throw unknownTarget(assembly, target);
  const found: FoundBackup[] = [];
  for (const name of stores) {
    const opened = assembly.storeOf(name);
    const { entries } = await opened.catalog.read(target, signal);
    found.push(...entries.map((entry) => ({ entry, opened })));
  }
  return found.sort((a, b) => (a.entry.manifest.snapshotAt < b.entry.manifest.snapshotAt ? 1 : -1));
}

/** A backup by its id, or by enough of its beginning to be the only one. */
export async function findBackup(assembly: Assembly, id: string, signal: AbortSignal): Promise<FoundBackup> {
  const matches: FoundBackup[] = [];
  for (const target of targetsWithStores(assembly).keys()) {
    for (const found of await backupsOf(assembly, target, signal)) {
      if (found.entry.manifest.id === id) return found;
      if (found.entry.manifest.id.startsWith(id)) matches.push(found);
    }
  }
  const [only, another] = matches;
  if (only !== undefined && another === undefined) return only;
  const problem = only === undefined ? `there is no backup ${id}` : `${matches.length} backups begin with ${id}`;
  throw new CommandError(exitCodes.usage.code, `${problem}; "watchkeeper list" shows them`);
}

export function unknownTarget(assembly: Assembly, target: string): CommandError {
  const known = [...targetsWithStores(assembly).keys()].join(', ') || 'none';
  return new CommandError(
    exitCodes.usage.code,
    `no backups are configured for a target "${target}"; there are: ${known}`,
  );
}
