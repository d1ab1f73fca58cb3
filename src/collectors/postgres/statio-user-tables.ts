import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { chosenTables, droppedSample } from './user-relations.ts';
import { metricsOf, selectList, type VersionedColumn } from './versioned-columns.ts';

const statistic = metricsOf({
  prefix: 'pg_statio_user_tables',
  name: 'pg_statio_user_tables',
  labels: ['datname', 'schemaname', 'relname'],
  type: 'counter',
});

const hit = (relation: string) => `pg_stat_get_blocks_hit(${relation})`;
const read = (relation: string) => `pg_stat_get_blocks_fetched(${relation}) - pg_stat_get_blocks_hit(${relation})`;

/** The table, or its TOAST table: then 0 where it has none, as postgres_exporter has it. */
function ofRelation(expression: string): string {
  return `coalesce(${expression}, 0)`;
}

/** Summed over the indexes of a relation. The view multiplies them with one another before PostgreSQL 15. */
function ofIndexes(expression: string, relation: string): string {
  return `coalesce((SELECT sum(${expression}) FROM pg_index x WHERE x.indrelid = ${relation}), 0)`;
}

function blocks(part: string, column: string, expression: string, help: string): VersionedColumn {
  return statistic(part, { column, unit: 'blocks', expression, help });
}

const notInBuffers = 'that were not in shared buffers';
const inBuffers = 'found in shared buffers';

const columns: readonly VersionedColumn[] = [
  blocks('heap_blocks_read', 'heap_blks_read', ofRelation(read('t.oid')), `Blocks of the table ${notInBuffers}.`),
  blocks('heap_blocks_hit', 'heap_blks_hit', ofRelation(hit('t.oid')), `Blocks of the table ${inBuffers}.`),
  blocks(
    'idx_blocks_read',
    'idx_blks_read',
    ofIndexes(read('x.indexrelid'), 't.oid'),
    `Blocks of its indexes ${notInBuffers}.`,
  ),
  blocks(
    'idx_blocks_hit',
    'idx_blks_hit',
    ofIndexes(hit('x.indexrelid'), 't.oid'),
    `Blocks of its indexes ${inBuffers}.`,
  ),
  blocks(
    'toast_blocks_read',
    'toast_blks_read',
    ofRelation(read('t.reltoastrelid')),
    `Blocks of its TOAST table ${notInBuffers}; 0 where it has none.`,
  ),
  blocks(
    'toast_blocks_hit',
    'toast_blks_hit',
    ofRelation(hit('t.reltoastrelid')),
    `Blocks of its TOAST table ${inBuffers}; 0 where it has none.`,
  ),
  blocks(
    'tidx_blocks_read',
    'tidx_blks_read',
    ofIndexes(read('x.indexrelid'), 't.reltoastrelid'),
    `Blocks of the index of its TOAST table ${notInBuffers}; 0 where it has none.`,
  ),
  blocks(
    'tidx_blocks_hit',
    'tidx_blks_hit',
    ofIndexes(hit('x.indexrelid'), 't.reltoastrelid'),
    `Blocks of the index of its TOAST table ${inBuffers}; 0 where it has none.`,
  ),
];

const sql = `
WITH ${chosenTables()}
SELECT current_database() AS datname, t.schemaname, t.relname, t.total, ${selectList(columns, 't')}
  FROM chosen t`;

export const statioUserTables: PostgresCollector = {
  name: 'statio_user_tables',
  about:
    'How far each table is read from shared buffers: the table, its indexes, its TOAST table. The `watch.tableLimit` largest tables of each database.',
  scope: 'database',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, sql, context, [source.settings.tableLimit]);
    return [...columnSamples(rows, columns), droppedSample(source, this.name, rows)];
  },
};
