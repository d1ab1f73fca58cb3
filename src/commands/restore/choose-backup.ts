import type { Assembly } from '../../assembly.ts';
import { isProven } from '../../jobs/catalog.ts';
import { CommandError } from '../command-context.ts';
import { exitCodes } from '../exit-code.ts';
import { backupsOf, type FoundBackup, findBackup, type LookOptions, targetsWithStores } from '../find-backup.ts';

/** Backups that a person may mean: `what` is a backup's id (or its beginning), `TARGET`, `TARGET/DATABASE`, or nothing. */
export async function candidatesOf(
  assembly: Assembly,
  what: string | undefined,
  signal: AbortSignal,
  options: LookOptions = {},
): Promise<readonly FoundBackup[]> {
  const targets = [...targetsWithStores(assembly).keys()];
  if (what === undefined)
    return (await Promise.all(targets.map((one) => backupsOf(assembly, one, signal, options)))).flat();
  const target = targets.find((name) => what === name || what.startsWith(`${name}/`));
  if (target === undefined) return [await findBackup(assembly, what, signal, options)];
  const all = await backupsOf(assembly, target, signal, options);
  if (what === target) return all;
  const database = what.slice(target.length + 1);
  const found = all.filter(({ entry }) => entry.manifest.database === database);
  if (found.length > 0) return found;
  const known = [...new Set(all.map(({ entry }) => `${target}/${entry.manifest.database}`))].join(', ') || 'none';
  throw new CommandError(exitCodes.usage.code, `there is no backup of ${what}; there are backups of: ${known}`);
}

/**
 * The one to restore: that of the id, or of a database the newest proven one. An unproven one is taken only when it is
 * named by its id: on the bad day nobody should find out that it does not restore.
 */
export function chooseBackup(candidates: readonly FoundBackup[], what: string): FoundBackup {
  const databases = new Set(candidates.map(({ entry }) => entry.manifest.database));
  const [newest] = candidates;
  if (newest === undefined) throw new CommandError(exitCodes.usage.code, `there is no backup of ${what}`);
  if (newest.entry.manifest.id.startsWith(what)) return newest;
  if (databases.size > 1) {
    const choices = [...databases].map((database) => `${newest.entry.manifest.target}/${database}`).join(', ');
    throw new CommandError(exitCodes.usage.code, `${what} has several databases: say which (${choices})`);
  }
  const proven = candidates.find(({ entry }) => isProven(entry));
  if (proven !== undefined) return proven;
  const { id } = newest.entry.manifest;
  throw new CommandError(
    exitCodes.refused.code,
    `no backup of ${what} is proven: name the one to restore by its id. The newest is ${id} ("watchkeeper verify ${id}" proves it)`,
  );
}
