import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { chosenIndexes, droppedSample } from './user-relations.ts';
import { metricsOf, selectList, type VersionedColumn } from './versioned-columns.ts';

const statistic = metricsOf({
  prefix: 'pg_statio_user_indexes',
  name: 'pg_statio_user_indexes',
  labels: ['datname', 'schemaname', 'relname', 'indexrelname'],
});

const columns: readonly VersionedColumn[] = [
  statistic('idx_blks_read_total', {
    column: 'idx_blks_read',
    unit: 'blocks',
    expression: 'pg_stat_get_blocks_fetched(i.oid) - pg_stat_get_blocks_hit(i.oid)',
    help: 'Blocks of the index that were not in shared buffers. postgres_exporter has no label datname here.',
  }),
  statistic('idx_blks_hit_total', {
    column: 'idx_blks_hit',
    unit: 'blocks',
    expression: 'pg_stat_get_blocks_hit(i.oid)',
    help: 'Blocks of the index found in shared buffers. postgres_exporter has no label datname here.',
  }),
];

const sql = `
WITH ${chosenIndexes}
SELECT current_database() AS datname, i.schemaname, i.relname, i.indexrelname, i.total, ${selectList(columns, 'i')}
  FROM chosen i`;

export const statioUserIndexes: PostgresCollector = {
  name: 'statio_user_indexes',
  about: 'How far each index is read from shared buffers. The `watch.tableLimit` largest indexes of each database.',
  scope: 'database',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: false,
  async collect(source, context) {
    const rows = await readRows(source, sql, context, [source.settings.tableLimit]);
    return [...columnSamples(rows, columns), droppedSample(source, this.name, rows)];
  },
};
