import type { WorkContext } from '../../core/work-context.ts';
import { type DatabaseSelection, databasesSql, isSelected } from '../../targets/postgres/databases.ts';
import type { DiscoveredDatabases } from '../databases.ts';
import { type PostgresSource, readRows } from './source.ts';

/** The databases of the server, told apart by what we may and shall do there. */
export async function discoverDatabases(
  source: PostgresSource,
  context: WorkContext,
  selection: DatabaseSelection,
): Promise<DiscoveredDatabases> {
  const rows = await readRows(source, databasesSql, context);
  const selected = rows.filter(({ datname }) => datname != null && isSelected(selection, datname));
  const accessible = selected.filter((row) => row['accessible'] === 't');
  return {
    watched: accessible.map(({ datname }) => datname ?? ''),
    excluded: rows.length - selected.length,
    inaccessible: selected.length - accessible.length,
  };
}
