import { errorCode, errorMessage } from '../../../core/errors.ts';
import type { WorkContext } from '../../../core/work-context.ts';
import { isSelected } from '../../../targets/postgres/databases.ts';
import type { Settings, Table } from '../../../targets/postgres/session.ts';
import { NotApplicable, NotPermitted } from '../../collector.ts';
import type { PostgresSource } from '../source.ts';
import type { CustomFamily, CustomStatement, TextPlace } from './family.ts';
import { fitsVersion } from './versions.ts';

/** Of all values of one result together: a page has to be made of them. */
const charactersLimit = 8 * 1_024 * 1_024;

/**
 * What the family's statement gives: in a transaction that may only read, with the search path that the user's SQL expects;
 * whatever it sets is undone, so that nothing of it is left for our own families. Throws with the file, the line and what
 * the server says, but never with data.
 */
export async function runStatement(
  family: CustomFamily,
  { session, settings }: PostgresSource,
  { signal }: WorkContext,
): Promise<Table> {
  const { scope, databases, rowLimit } = family;
  if (scope === 'database' && !isSelected({ include: [...databases], exclude: [] }, session.database)) {
    throw new NotApplicable('not for this database');
  }
  const statement = family.statements.find(({ versions }) => fitsVersion(versions, session.version));
  if (statement === undefined) throw new NotApplicable('not for this version of the server');
  const timeoutMs = Math.min(family.timeoutMs ?? settings.statementTimeout, settings.statementTimeout);
  const limits = { rows: rowLimit, characters: charactersLimit };
  try {
    return await session.queryForeign(statement.sql, { signal, limits, settings: settingsOf(family, timeoutMs) });
  } catch (error) {
    throw explained(family, statement, timeoutMs, error);
  }
}

/** The styles are those that we read; a role may have others. */
function settingsOf({ searchPath }: CustomFamily, timeoutMs: number): Settings {
  return {
    search_path: searchPath,
    datestyle: 'ISO',
    intervalstyle: 'postgres',
    statement_timeout: String(Math.max(1, Math.ceil(timeoutMs))),
  };
}

function explained(
  { name, file }: CustomFamily,
  { sql, place }: CustomStatement,
  timeoutMs: number,
  error: unknown,
): Error {
  const where = placeOfError(sql, place, positionOf(error));
  const what = `${file}:${where.line}: the statement of "${name}" fails${where.within}`;
  switch (errorCode(error)?.slice(0, 2)) {
    case undefined:
      return new Error(what, { cause: error });
    // Data exceptions quote the value.
    case '22':
      return new Error(`${what}: ${errorMessage(error).replace(/".*"/su, '"…"')}`);
    case '42': {
      const told = `${what}: ${errorMessage(error)}${remedy(errorCode(error))}`;
      return errorCode(error) === forbidden ? new NotPermitted(told) : new Error(told);
    }
    case '57':
      return new Error(`${what}: ${errorMessage(error)}, its time is ${timeoutMs} ms`);
    default:
      return new Error(what, { cause: error });
  }
}

/** SQLSTATE insufficient_privilege. */
const forbidden = '42501';

/** The other two are undefined_table and undefined_function. */
function remedy(code: string | undefined): string {
  if (code === forbidden) return '; the role that watches needs the right to read it (GRANT SELECT)';
  return code === '42P01' || code === '42883' ? '; a schema may be missing in its searchPath' : '';
}

/** Counted from 1, in characters of the statement. */
function positionOf(error: unknown): number | undefined {
  const position = Number((error as { readonly position?: string }).position);
  return position > 0 ? position : undefined;
}

/** The line of the file where that is certain; otherwise the one where the statement begins, and the place in it. */
function placeOfError(sql: string, { line, isVerbatim }: TextPlace, position: number | undefined) {
  if (position === undefined) return { line, within: '' };
  const before = [...sql].slice(0, position - 1);
  const lines = before.join('').split('\n');
  const column = [...(lines.at(-1) ?? '')].length + 1;
  if (isVerbatim) return { line: line + lines.length - 1, within: ` at its line ${lines.length}, character ${column}` };
  return {
    line,
    within: lines.length === 1 ? ` at its character ${column}` : ` at its line ${lines.length}, character ${column}`,
  };
}
