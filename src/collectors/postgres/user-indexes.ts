import { columnSamples } from './columns.ts';
import { type PostgresCollector, type PostgresSource, readRows } from './source.ts';
import { chosenIndexes, droppedSample } from './user-relations.ts';
import { columnsIn, metricsOf, selectList, type VersionedColumn } from './versioned-columns.ts';

const statistic = metricsOf({
  prefix: 'pg_stat_user_indexes',
  name: 'pg_stat_user_indexes',
  labels: ['datname', 'schemaname', 'relname', 'indexrelname'],
});

const columns: readonly VersionedColumn[] = [
  statistic('idx_scan_total', {
    column: 'idx_scan',
    unit: 'scans',
    expression: 'pg_stat_get_numscans(i.oid)',
    help: 'Scans of the index. Scans on standbys are counted there only.',
  }),
  statistic('idx_tup_read_total', {
    column: 'idx_tup_read',
    unit: 'entries',
    expression: 'pg_stat_get_tuples_returned(i.oid)',
    help: 'Index entries that scans of the index returned.',
  }),
  statistic('idx_tup_fetch_total', {
    column: 'idx_tup_fetch',
    unit: 'rows',
    expression: 'pg_stat_get_tuples_fetched(i.oid)',
    help: 'Live rows fetched by plain scans of the index (not bitmap scans).',
  }),
  statistic('last_idx_scan_timestamp_seconds', {
    column: 'last_idx_scan',
    unit: 'seconds',
    expression: 'extract(epoch FROM pg_stat_get_lastscan(i.oid))',
    since: 160_000,
    help: 'When the index was last scanned, in seconds since 1970; absent when never; from PostgreSQL 16 on.',
  }),
  statistic('estimated_size_bytes', {
    column: 'estimated_size',
    unit: 'bytes',
    source: 'pg_class.relpages',
    expression: "i.pages * current_setting('block_size')::bigint",
    help: 'Bytes of the index as the last vacuum, analyze or index build counted them: asking the file takes a lock. Exact, for all indexes of a table: pg_stat_user_tables_index_size_bytes.',
  }),
];

function indexesSql({ session }: PostgresSource): string {
  return `
WITH ${chosenIndexes}
SELECT current_database() AS datname, i.schemaname, i.relname, i.indexrelname, i.total,
       ${selectList(columnsIn(session, columns), 'i')}
  FROM chosen i`;
}

export const userIndexes: PostgresCollector = {
  name: 'user_indexes',
  about:
    'How much each index is used. The `watch.tableLimit` largest indexes of each database. For those that are not used at all `index_health` is enough.',
  scope: 'database',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: false,
  async collect(source, context) {
    const rows = await readRows(source, indexesSql(source), context, [source.settings.tableLimit]);
    return [...columnSamples(rows, columnsIn(source.session, columns)), droppedSample(source, this.name, rows)];
  },
};
