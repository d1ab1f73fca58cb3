import { matchesWildcard } from '../../core/wildcard.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { DiscoveredDatabases } from '../databases.ts';
import type { PostgresWatchSettings } from './settings.ts';
import { type PostgresSource, readRows } from './source.ts';

/** Which databases of a server are looked into. */
export type DatabaseSelection = PostgresWatchSettings['databases'];

/** Of the providers, for themselves: whoever logs in there is refused, and leaves a line in the log each time. */
const providersOwn: readonly string[] = ['rdsadmin', 'cloudsqladmin', 'azure_maintenance', 'alloydbadmin'];

/** Whether the patterns choose the database; they are told by `*` (any text) and `?` (any character). */
export function isSelected({ include, exclude }: DatabaseSelection, name: string): boolean {
  const fits = (pattern: string) => matchesWildcard(pattern, name);
  return include.some(fits) && !exclude.some(fits) && !providersOwn.includes(name);
}

// Those that an interrupted DROP DATABASE left have the limit -2.
const sql = `
SELECT datname, datallowconn AND datconnlimit <> -2 AND has_database_privilege(oid, 'CONNECT') AS accessible
  FROM pg_database WHERE NOT datistemplate ORDER BY datname`;

/** The databases of the server, told apart by what we may and shall do there. */
export async function discoverDatabases(
  source: PostgresSource,
  context: WorkContext,
  selection: DatabaseSelection,
): Promise<DiscoveredDatabases> {
  const rows = await readRows(source, sql, context);
  const selected = rows.filter(({ datname }) => datname != null && isSelected(selection, datname));
  const accessible = selected.filter((row) => row['accessible'] === 't');
  return {
    watched: accessible.map(({ datname }) => datname ?? ''),
    excluded: rows.length - selected.length,
    inaccessible: selected.length - accessible.length,
  };
}
