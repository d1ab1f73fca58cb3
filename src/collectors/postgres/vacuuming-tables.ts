import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows, requireFullView } from './source.ts';
import { metricsOf, selectList } from './versioned-columns.ts';

const vacuum = metricsOf({
  prefix: 'pg_vacuuming_table',
  name: 'pg_stat_progress_vacuum',
  labels: ['datname', 'schemaname', 'relname', 'part'],
});

const columns = [
  vacuum('scanned_ratio', {
    unit: 'ratio',
    source: 'pg_stat_progress_vacuum.heap_blks_scanned, heap_blks_total',
    expression: 'p.heap_blks_scanned::float8 / nullif(p.heap_blks_total, 0)',
    help: 'Share of the table that its VACUUM or autovacuum has scanned, from 0 to 1. part: table, or toast for the long values of the table.',
  }),
  vacuum('index_rounds', {
    unit: 'rounds',
    source: 'pg_stat_progress_vacuum.index_vacuum_count',
    expression: 'p.index_vacuum_count',
    help: 'Times it has gone through the indexes: more than one means that maintenance_work_mem (autovacuum_work_mem) is too small for its dead rows.',
  }),
  vacuum('seconds', {
    unit: 'seconds',
    source: 'pg_stat_activity.xact_start',
    expression: 'extract(epoch FROM clock_timestamp() - a.xact_start)',
    help: 'Seconds since it began with the table.',
  }),
];

// The names are only to be had in the database of the table.
const sql = `
SELECT p.datname, p.phase IS NOT NULL AS is_seen, n.nspname AS schemaname, c.relname,
       CASE WHEN t.oid IS NULL THEN 'table' ELSE 'toast' END AS part, ${selectList(columns, 'p')}
  FROM pg_stat_progress_vacuum p
  LEFT JOIN pg_class t ON t.oid = p.relid AND t.relkind = 't'
  JOIN pg_class c ON c.oid = CASE WHEN t.oid IS NULL THEN p.relid
                                  ELSE (SELECT o.oid FROM pg_class o WHERE o.reltoastrelid = t.oid) END
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_stat_activity a ON a.pid = p.pid
 WHERE p.datname = current_database()`;

export const vacuumingTables: PostgresCollector = {
  name: 'vacuuming_tables',
  about:
    'Which tables are being vacuumed, by name in every database (`progress_vacuum` knows the names of one database only), and how far that is.',
  scope: 'database',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, sql, context);
    requireFullView(rows, (row) => row['is_seen'] === 't');
    return columnSamples(rows, columns);
  },
};
