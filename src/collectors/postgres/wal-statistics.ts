import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows, requireVersion } from './source.ts';
import { columnsIn, metricsOf, selectList, type VersionedColumn } from './versioned-columns.ts';

const statistic = metricsOf({ prefix: 'pg_stat_wal', name: 'pg_stat_wal', labels: [] });

interface FileStatistic {
  readonly column: string;
  readonly inIo: string;
  readonly unit: 'operations' | 'seconds';
  readonly help: string;
}

/** 18 moved what is about files to pg_stat_io; there too, filling segments with zeros beforehand is counted apart. */
function ofFiles(suffix: string, { column, inIo, unit, help }: FileStatistic): VersionedColumn[] {
  const source = `pg_stat_wal.${column} (from PostgreSQL 18 on pg_stat_io.${inIo} of the object wal)`;
  const sum = `(SELECT sum(${inIo}) FROM pg_stat_io WHERE object = 'wal' AND context = 'normal')`;
  const isTime = unit === 'seconds';
  const known = (value: string) =>
    isTime ? `CASE WHEN current_setting('track_wal_io_timing')::bool THEN ${value} END` : value;
  const declared = statistic(suffix, { column, unit, help, source, ...(isTime ? { factor: 0.001 } : {}) });
  return [
    { ...declared, before: 180_000, expression: known(`w.${column}`) },
    { ...declared, since: 180_000, expression: known(sum) },
  ];
}

const columns: readonly VersionedColumn[] = [
  statistic('records_total', { column: 'wal_records', unit: 'records', help: 'WAL records generated.' }),
  statistic('fpi_total', {
    column: 'wal_fpi',
    unit: 'pages',
    help: 'Whole pages written to the WAL, the first time each was changed after a checkpoint.',
  }),
  statistic('bytes_total', { column: 'wal_bytes', unit: 'bytes', help: 'Bytes of WAL generated.' }),
  statistic('buffers_full_total', {
    column: 'wal_buffers_full',
    unit: 'times',
    help: 'Times WAL was written because wal_buffers were full.',
  }),
  ...ofFiles('write_total', {
    column: 'wal_write',
    inIo: 'writes',
    unit: 'operations',
    help: 'Writes of WAL buffers to disk.',
  }),
  ...ofFiles('sync_total', {
    column: 'wal_sync',
    inIo: 'fsyncs',
    unit: 'operations',
    help: 'Syncs of WAL files to disk.',
  }),
  ...ofFiles('write_seconds_total', {
    column: 'wal_write_time',
    inIo: 'write_time',
    unit: 'seconds',
    help: 'Seconds spent writing WAL to disk; absent while track_wal_io_timing is off.',
  }),
  ...ofFiles('sync_seconds_total', {
    column: 'wal_sync_time',
    inIo: 'fsync_time',
    unit: 'seconds',
    help: 'Seconds spent syncing WAL to disk; absent while track_wal_io_timing is off.',
  }),
  statistic('stats_reset_timestamp_seconds', {
    column: 'stats_reset',
    unit: 'seconds',
    expression: 'extract(epoch FROM w.stats_reset)',
    help: 'When these statistics were reset, in seconds since 1970.',
  }),
];

export const walStatistics: PostgresCollector = {
  name: 'wal_statistics',
  about: 'How much WAL is generated, and what writing it takes. From PostgreSQL 14 on.',
  scope: 'server',
  metrics: [...new Set(columns.map(({ metric }) => metric))],
  enabledByDefault: true,
  async collect(source, context) {
    requireVersion(source, 14);
    const known = columnsIn(source.session, columns);
    const sql = `SELECT ${selectList(known, 'w')} FROM pg_stat_wal w`;
    return columnSamples(await readRows(source, sql, context), known);
  },
};
