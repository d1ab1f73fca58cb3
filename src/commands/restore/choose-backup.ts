import type { Assembly } from '../../assembly.ts';
import type { SecretSource } from '../../core/secret.ts';
import { isComplete, isProven } from '../../jobs/catalog.ts';
import { CommandError } from '../command-context.ts';
import { exitCodes } from '../exit-code.ts';
import { backupsOf, type FoundBackup, findBackup, type LookOptions, targetsWithStores } from '../find-backup.ts';
import { type Extents, extentsOf } from './extents.ts';

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
 * The one to restore: that of the id, or of a database the newest proven one that holds all of it. One that is not proven, or
 * holds a part only, is taken only when it is named by its id: on the bad day nobody should find out what is missing.
 */
export async function chooseBackup(
  candidates: readonly FoundBackup[],
  what: string,
  identities: readonly SecretSource[],
  signal: AbortSignal,
): Promise<FoundBackup> {
  const databases = new Set(candidates.map(({ entry }) => entry.manifest.database));
  const [newest] = candidates;
  if (newest === undefined) throw new CommandError(exitCodes.usage.code, `there is no backup of ${what}`);
  if (newest.entry.manifest.id.startsWith(what)) return newest;
  if (databases.size > 1) {
    const choices = [...databases].map((database) => `${newest.entry.manifest.target}/${database}`).join(', ');
    throw new CommandError(exitCodes.usage.code, `${what} has several databases: say which (${choices})`);
  }
  const extents = await extentsOf(candidates, identities, signal);
  const complete = candidates.filter((one) => extents.get(one)?.kind !== 'part');
  const [chosen] = complete.filter(({ entry }) => isProven(entry));
  if (chosen === undefined) {
    const whole = complete.find(({ entry }) => isComplete(entry)) ?? complete[0];
    throw noneProven(whole ?? newest, what, extents);
  }
  if (extents.get(chosen)?.kind === 'reduced') requireNoWhole(chosen, complete, extents);
  return chosen;
}

function noneProven(newest: FoundBackup, what: string, extents: Extents): CommandError {
  const { id } = newest.entry.manifest;
  const extent = extents.get(newest);
  if (extent?.kind === 'part') {
    const message = `no backup holds all of ${what}: name the one to restore by its id. The newest, ${id}, holds ${extent.text}`;
    return new CommandError(exitCodes.refused.code, message);
  }
  // A proof of what lacks a part would only fail.
  const hint = isComplete(newest.entry)
    ? ` ("watchkeeper verify ${id}" proves it)`
    : `, of which the store lacks ${newest.entry.missingParts.join(', ')}`;
  return new CommandError(
    exitCodes.refused.code,
    `no backup of ${what} is proven: name the one to restore by its id. The newest is ${id}${hint}`,
  );
}

/** Where some backups leave something out and others do not, only a person can say which is meant. */
function requireNoWhole(chosen: FoundBackup, complete: readonly FoundBackup[], extents: Extents): void {
  const whole = complete.filter((one) => extents.get(one)?.kind === 'whole');
  const other = whole.find(({ entry }) => isProven(entry)) ?? whole[0];
  if (other === undefined) return;
  const describe = ({ entry: { manifest } }: FoundBackup) => `${manifest.id} (state of ${manifest.snapshotAt})`;
  const message = [
    `the newest proven backup, ${describe(chosen)}, holds ${extents.get(chosen)?.text}`,
    `the newest ${isProven(other.entry) ? 'proven' : 'one, not proven,'} that leaves nothing out is ${describe(other)}`,
    'name the one to restore by its id',
  ].join('; ');
  throw new CommandError(exitCodes.refused.code, message);
}
