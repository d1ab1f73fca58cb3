import { metric, sample } from '../../core/metric.ts';
import { columnSamples, labelOf } from './columns.ts';
import { relationName } from './relation-name.ts';
import { type PostgresCollector, readRows, requireFullView } from './source.ts';
import { columnsIn, metricsOf, selectList, type VersionedColumn } from './versioned-columns.ts';

const labels = ['datname', 'relname'] as const;
const progress = metricsOf({ prefix: 'pg_stat_progress_vacuum', name: 'pg_stat_progress_vacuum', labels });

const columns: readonly VersionedColumn[] = [
  progress('heap_blks', {
    column: 'heap_blks_total',
    unit: 'blocks',
    help: 'Blocks of the table when the scan began.',
  }),
  progress('heap_blks_scanned', { unit: 'blocks', help: 'Blocks scanned, or found not to need it.' }),
  progress('heap_blks_vacuumed', { unit: 'blocks', help: 'Blocks vacuumed.' }),
  progress('index_vacuums', {
    column: 'index_vacuum_count',
    unit: 'rounds',
    help: 'Rounds through the indexes that are done: more than one means that there was too little memory for the dead rows.',
  }),
  progress('max_dead_tuples', {
    before: 170_000,
    unit: 'rows',
    help: 'Dead rows for which there is memory before the indexes must be gone through. Absent from PostgreSQL 17 on, where postgres_exporter gives bytes under this name: see pg_stat_progress_vacuum_max_dead_tuple_bytes.',
  }),
  ...deadRows(),
  progress('max_dead_tuple_bytes', {
    since: 170_000,
    unit: 'bytes',
    help: 'Memory for dead rows before the indexes must be gone through; from PostgreSQL 17 on.',
  }),
  progress('dead_tuple_bytes', {
    since: 170_000,
    unit: 'bytes',
    help: 'Memory that the dead rows take which were collected since the last round through the indexes; from PostgreSQL 17 on.',
  }),
  progress('num_dead_item_ids', {
    since: 170_000,
    unit: 'rows',
    help: 'Dead rows collected since the last round through the indexes; from PostgreSQL 17 on.',
  }),
  progress('indexes', {
    column: 'indexes_total',
    since: 170_000,
    unit: 'indexes',
    help: 'Indexes to be gone through in this round; from PostgreSQL 17 on.',
  }),
  progress('indexes_processed', {
    since: 170_000,
    unit: 'indexes',
    help: 'Indexes that were gone through in this round; from PostgreSQL 17 on.',
  }),
  progress('delay_seconds', {
    column: 'delay_time',
    factor: 0.001,
    since: 180_000,
    unit: 'seconds',
    help: 'Seconds that it slept because of vacuum_cost_delay; 0 unless track_cost_delay_timing is on. From PostgreSQL 18 on.',
  }),
];

/** The name is the same in every version, the column is not. */
function deadRows(): VersionedColumn[] {
  const column = 'num_dead_tuples';
  const declared = progress(column, {
    unit: 'rows',
    source: 'pg_stat_progress_vacuum.num_dead_tuples (from PostgreSQL 17 on num_dead_item_ids)',
    help: 'Dead rows collected since the last round through the indexes; from PostgreSQL 17 on postgres_exporter gives bytes under this name.',
  });
  return [
    { ...declared, before: 170_000 },
    { ...declared, since: 170_000, expression: 't.num_dead_item_ids' },
  ];
}

const phases = [
  'initializing',
  'scanning heap',
  'vacuuming indexes',
  'vacuuming heap',
  'cleaning up indexes',
  'truncating heap',
  'performing final cleanup',
];

const phaseMetric = metric({
  name: 'pg_stat_progress_vacuum_phase',
  type: 'gauge',
  help: '1 for the phase in which the vacuum is, 0 for the others.',
  labels: [...labels, 'phase'],
  source: 'pg_stat_progress_vacuum.phase',
  unit: 'boolean',
});

export const progressVacuum: PostgresCollector = {
  name: 'progress_vacuum',
  about:
    'How far each VACUUM and autovacuum is. A table of another database than that of the URL is told by its number. For other commands see `progress`.',
  scope: 'server',
  metrics: [...new Set(columns.map(({ metric }) => metric)), phaseMetric],
  enabledByDefault: true,
  async collect(source, context) {
    const known = columnsIn(source.session, columns);
    const { name, joins } = relationName('t.datname', 't.relid');
    const sql = `
SELECT t.datname, ${name} AS relname, t.phase, ${selectList(known, 't')}
  FROM pg_stat_progress_vacuum t
  ${joins}`;
    const rows = await readRows(source, sql, context);
    requireFullView(rows, (row) => row['phase'] !== null);
    return [
      ...columnSamples(rows, known),
      ...rows.flatMap((row) =>
        phases.map((phase) =>
          sample(phaseMetric, row['phase'] === phase ? 1 : 0, {
            datname: labelOf(row, 'datname'),
            relname: labelOf(row, 'relname'),
            phase,
          }),
        ),
      ),
    ];
  },
};
