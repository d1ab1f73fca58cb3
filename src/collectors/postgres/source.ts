import { errorCode } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { PostgresSession, Row } from '../../targets/postgres/session.ts';
import { type Collector, NotApplicable, NotPermitted } from '../collector.ts';
import type { PostgresWatchSettings } from './settings.ts';

/** What the PostgreSQL families read from: a session with `search_path = pg_catalog`, and the limits that are theirs. */
export interface PostgresSource {
  readonly session: PostgresSession;
  readonly settings: Pick<
    PostgresWatchSettings,
    | 'statementTimeout'
    | 'slowQueryThreshold'
    | 'slowQueryLimit'
    | 'slowQueryExclude'
    | 'slowQueryTextLength'
    | 'tableLimit'
    | 'findingLimit'
  >;
}

export type PostgresCollector = Collector<PostgresSource>;

/** SQLSTATE insufficient_privilege. */
const forbidden = '42501';

/** Rows of one statement; `values` fill `$1`, `$2`, … A refusal says what to grant. */
export async function readRows(
  { session }: PostgresSource,
  sql: string,
  { signal }: WorkContext,
  values?: readonly (string | number)[],
): Promise<Row[]> {
  try {
    return await session.query(sql, { signal, ...(values === undefined ? {} : { values: values.map(String) }) });
  } catch (error) {
    if (errorCode(error) !== forbidden) throw error;
    throw refusal(error);
  }
}

function refusal(cause: unknown): NotPermitted {
  return new NotPermitted('the role may not look at this: GRANT pg_monitor to it', { cause });
}

/** Throws for a role that sees only a part: a figure that is too low would be worse than none. */
export function requireFullView(rows: readonly Row[], visible: (row: Row) => boolean): void {
  if (rows.every(visible)) return;
  throw new Error('the role does not see the sessions of other roles: GRANT pg_monitor (or pg_read_all_stats) to it');
}

/** Throws where the server is older than `major`, which brought what the family reads. */
export function requireVersion({ session }: PostgresSource, major: number): void {
  if (session.version < major * 10_000) throw new NotApplicable(`only PostgreSQL ${major} or newer has this`);
}
