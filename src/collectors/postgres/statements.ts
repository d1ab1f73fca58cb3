import { quoteIdentifier, type Row } from '../../targets/postgres/session.ts';
import type { Extension } from './extension.ts';
import type { PostgresWatchSettings } from './settings.ts';

/** Names in pg_stat_statements by the version of the extension. */
export interface StatementColumns {
  readonly view: string;
  /** Ends `total_…` and `max_…`. */
  readonly executionTime: string;
  /** Begins `…_read_time` and `…_write_time`. */
  readonly blocks: string;
  /** The view about the statistics themselves; none before 1.9. */
  readonly infoView: string | undefined;
}

export function statementColumns({ schema, minor }: Extension): StatementColumns {
  const view = `${quoteIdentifier(schema)}.pg_stat_statements`;
  return {
    view,
    executionTime: minor >= 8 ? 'exec_time' : 'time',
    blocks: minor >= 11 ? 'shared_blk' : 'blk',
    infoView: minor >= 9 ? `${view}_info` : undefined,
  };
}

/**
 * FROM and WHERE: all statements `s` and their databases `d`, but for those of dropped databases and those that are
 * excluded by `$1` and `$2`, see {@link excludedValues}. `withText` reads the file with all texts, which may be large.
 */
export function chosenStatements({ view }: StatementColumns, withText: boolean): string {
  const listed = (parameter: string) => `(SELECT jsonb_array_elements_text(${parameter}::jsonb))`;
  return `FROM ${view}(${withText}) s JOIN pg_database d ON d.oid = s.dbid
 WHERE d.datname NOT IN ${listed('$1')} AND pg_get_userbyid(s.userid) NOT IN ${listed('$2')}`;
}

export function excludedValues({ databases, users }: PostgresWatchSettings['slowQueryExclude']): string[] {
  return [JSON.stringify(databases), JSON.stringify(users)];
}

/** Throws where some have no `queryid`: those of others, for a role that may not see them. */
export function requireAllStatements(rows: readonly Row[]): void {
  if (rows.every((row) => row['queryid'] !== null)) return;
  throw new Error('the role does not see the statements of other roles: GRANT pg_monitor (or pg_read_all_stats) to it');
}
