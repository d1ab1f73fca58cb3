import { metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, type PostgresSource, readRows } from './source.ts';
import { chosenTables, databaseSample, droppedSample, lockedRelations, statisticsKinds } from './user-relations.ts';

function size(suffix: string, help: string, source: string) {
  const name = `pg_stat_user_tables_${suffix}`;
  return metric({ name, type: 'gauge', help, labels: ['datname', 'schemaname', 'relname'], source, unit: 'bytes' });
}

const columns: readonly ColumnMetric[] = [
  {
    column: 'table_size',
    metric: size(
      'table_size_bytes',
      'Bytes on disk of the table with its TOAST table, without indexes.',
      'pg_table_size()',
    ),
  },
  {
    column: 'index_size',
    metric: size('index_size_bytes', 'Bytes on disk of all indexes of the table.', 'pg_indexes_size()'),
  },
  {
    column: 'toast_size',
    metric: size(
      'toast_size_bytes',
      'Bytes on disk of its TOAST table, where long values are, with the index of it: a part of table_size_bytes. 0 where it has none.',
      'pg_total_relation_size(reltoastrelid)',
    ),
  },
];

const locked = metric({
  name: 'pg_table_sizes_locked_tables',
  type: 'gauge',
  help: 'Tables whose sizes are missing because a session holds an exclusive lock on them or waits for one: measuring would wait too.',
  labels: ['datname'],
  source: 'pg_locks, mode AccessExclusiveLock',
  unit: 'tables',
});

/**
 * The size functions open each relation: behind a held lock, and behind one that is only waited for, they would wait as
 * well. What is locked in between ends the statement by its lock_timeout.
 */
function sizesSql(source: PostgresSource): string {
  return `
WITH ${chosenTables(statisticsKinds(source))},
locked AS MATERIALIZED (${lockedRelations("'AccessExclusiveLock'")}
), locked_tables AS MATERIALIZED (
  SELECT relation FROM locked
  UNION ALL
  SELECT x.indrelid FROM pg_index x WHERE x.indexrelid IN (SELECT relation FROM locked)
), guarded AS MATERIALIZED (
  SELECT t.*, t.oid IN (SELECT relation FROM locked_tables) OR t.reltoastrelid IN (SELECT relation FROM locked_tables)
           AS is_locked
    FROM chosen t
)
SELECT current_database() AS datname, schemaname, relname, total, is_locked,
       CASE WHEN NOT is_locked THEN pg_table_size(oid) END AS table_size,
       CASE WHEN NOT is_locked THEN pg_indexes_size(oid) END AS index_size,
       CASE WHEN is_locked THEN NULL WHEN reltoastrelid = 0 THEN 0 ELSE pg_total_relation_size(reltoastrelid) END AS toast_size
  FROM guarded`;
}

export const tableSizes: PostgresCollector = {
  name: 'table_sizes',
  about:
    'How large each table is on disk. The `watch.tableLimit` largest tables of each database; those that are locked exclusively are left out for that time, so that nothing waits.',
  scope: 'database',
  metrics: [...columns.map(({ metric }) => metric), locked],
  enabledByDefault: true,
  minIntervalMs: 300_000,
  async collect(source, context) {
    const rows = await readRows(source, sizesSql(source), context, [source.settings.tableLimit]);
    const lockedTables = rows.filter((row) => row['is_locked'] === 't').length;
    return [
      ...columnSamples(rows, columns),
      databaseSample(source, locked, lockedTables),
      droppedSample(source, this.name, rows),
    ];
  },
};
