import {
  isPostgres,
  type LoadedConfig,
  type LoadedDynamodb,
  type LoadedPostgres,
  type LoadedRedis,
  type LoadedTarget,
} from '../../config/loaded.ts';
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
  const { name, part } = splitName(text);
  const target = postgresTarget(config, name);
  const named = part ?? database ?? target.dataAccess.connection.database;
  if (named === '') throw new CommandError(exitCodes.usage.code, `"${text}" names no database: TARGET/DATABASE`);
  return { target: name, database: named, access: withDatabase(target.dataAccess, named) };
}

/** `TARGET`, or `TARGET/PART`. */
function splitName(text: string): { readonly name: string; readonly part: string | undefined } {
  const slash = text.indexOf('/');
  return slash < 0 ? { name: text, part: undefined } : { name: text.slice(0, slash), part: text.slice(slash + 1) };
}

/** A target that can be compared, and what of it was named. */
export type ComparedTarget = (LoadedPostgres | LoadedDynamodb | LoadedRedis) & {
  readonly part: string | undefined;
};

/** The target that a subject of the command line is of. */
export function comparedTarget({ targets }: LoadedConfig, text: string): ComparedTarget {
  const { name, part } = splitName(text);
  const target = targets.find((one) => one.name === name);
  if (target !== undefined && isComparable(target)) return { ...target, part };
  const known = targets.filter(isComparable).map((one) => one.name);
  const problem =
    target === undefined
      ? `there is no target "${name}"`
      : `target "${name}" is of engine ${target.engine}, and only postgres, dynamodb and redis can be compared`;
  throw new CommandError(exitCodes.usage.code, `${problem}; there are: ${known.join(', ') || 'none'}`);
}

function isComparable(target: LoadedTarget): target is LoadedPostgres | LoadedDynamodb | LoadedRedis {
  return target.engine === 'postgres' || target.engine === 'dynamodb' || target.engine === 'redis';
}

function postgresTarget({ targets }: LoadedConfig, name: string): LoadedPostgres {
  const target = targets.find((one) => one.name === name);
  if (target !== undefined && isPostgres(target)) return target;
  const known = targets.filter(isPostgres).map((one) => one.name);
  const problem =
    target === undefined
      ? `there is no target "${name}"`
      : `target "${name}" is of engine ${target.engine}, and a backup of it cannot be compared`;
  throw new CommandError(exitCodes.usage.code, `${problem}; there are: ${known.join(', ') || 'none'}`);
}
