import { isPostgres, type LoadedConfig, type LoadedPostgres } from '../../config/loaded.ts';
import { type PostgresAccess, withDatabase } from '../../targets/libpq/access.ts';
import { CommandError } from '../command-context.ts';
import { exitCodes } from '../exit-code.ts';

/** A database of a configured server. */
export interface Subject {
  readonly target: string;
  readonly database: string;
  readonly access: PostgresAccess;
}

/** What `TARGET` or `TARGET/DATABASE` means; without a database, that of the target's URL, or `database`. */
export function subjectOf(config: LoadedConfig, text: string, database?: string): Subject {
  const slash = text.indexOf('/');
  const name = slash < 0 ? text : text.slice(0, slash);
  const target = postgresTarget(config, name);
  const named = slash < 0 ? (database ?? target.dataAccess.connection.database) : text.slice(slash + 1);
  if (named === '') throw new CommandError(exitCodes.usage.code, `"${text}" names no database: TARGET/DATABASE`);
  return { target: name, database: named, access: withDatabase(target.dataAccess, named) };
}

function postgresTarget({ targets }: LoadedConfig, name: string): LoadedPostgres {
  const target = targets.find((one) => one.name === name);
  if (target !== undefined && isPostgres(target)) return target;
  const known = targets.filter(isPostgres).map((one) => one.name);
  const problem =
    target === undefined
      ? `there is no target "${name}"`
      : `target "${name}" is of engine ${target.engine}, and only databases of PostgreSQL can be compared`;
  throw new CommandError(exitCodes.usage.code, `${problem}; there are: ${known.join(', ') || 'none'}`);
}
