import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { columnsIn, metricsOf, selectList, type VersionedColumn } from './versioned-columns.ts';

const labels = ['datid', 'datname'] as const;
const statistic = metricsOf({ prefix: 'pg_stat_database', name: 'pg_stat_database', labels, type: 'counter' });

const milliseconds = { unit: 'seconds', factor: 0.001 } as const;

const statistics: readonly VersionedColumn[] = [
  statistic('numbackends', {
    type: 'gauge',
    unit: 'sessions',
    help: 'Sessions connected to the database, our own included.',
  }),
  statistic('xact_commit', { unit: 'transactions', help: 'Transactions committed.' }),
  statistic('xact_rollback', { unit: 'transactions', help: 'Transactions rolled back.' }),
  statistic('blks_read', { unit: 'blocks', help: 'Blocks read from outside of shared buffers.' }),
  statistic('blks_hit', { unit: 'blocks', help: 'Blocks found in shared buffers.' }),
  statistic('tup_returned', {
    unit: 'rows',
    help: 'Live rows fetched by sequential scans and index entries returned by index scans.',
  }),
  statistic('tup_fetched', { unit: 'rows', help: 'Live rows fetched by index scans.' }),
  statistic('tup_inserted', { unit: 'rows', help: 'Rows inserted.' }),
  statistic('tup_updated', { unit: 'rows', help: 'Rows updated.' }),
  statistic('tup_deleted', { unit: 'rows', help: 'Rows deleted.' }),
  statistic('conflicts', {
    unit: 'queries',
    help: 'Queries cancelled because of conflicts with recovery; only on standbys.',
  }),
  statistic('temp_files', { unit: 'files', help: 'Temporary files made by queries.' }),
  statistic('temp_bytes', { unit: 'bytes', help: 'Bytes written to temporary files by queries.' }),
  statistic('deadlocks', { unit: 'deadlocks', help: 'Deadlocks detected.' }),
  statistic('blk_read_time', {
    unit: 'milliseconds',
    help: 'Milliseconds spent reading data files; 0 unless track_io_timing is on. See pg_stat_database_blk_read_seconds_total.',
  }),
  statistic('blk_write_time', {
    unit: 'milliseconds',
    help: 'Milliseconds spent writing data files; 0 unless track_io_timing is on. See pg_stat_database_blk_write_seconds_total.',
  }),
  statistic('stats_reset', {
    unit: 'seconds',
    expression: 'coalesce(extract(epoch FROM s.stats_reset), 0)',
    help: 'When the statistics were reset, in seconds since 1970, 0 for never: no counter. Kept for compatibility, see pg_stat_database_stats_reset_timestamp_seconds.',
  }),
  statistic('active_time_seconds_total', {
    ...milliseconds,
    column: 'active_time',
    since: 140_000,
    help: 'Seconds that sessions spent executing statements; from PostgreSQL 14 on.',
  }),
];

/** What postgres_exporter has under a wrong name or unit, or not at all. */
const additions: readonly VersionedColumn[] = [
  statistic('blk_read_seconds_total', {
    ...milliseconds,
    column: 'blk_read_time',
    help: 'Seconds spent reading data files; 0 unless track_io_timing is on.',
  }),
  statistic('blk_write_seconds_total', {
    ...milliseconds,
    column: 'blk_write_time',
    help: 'Seconds spent writing data files; 0 unless track_io_timing is on.',
  }),
  statistic('stats_reset_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    column: 'reset_at',
    source: 'pg_stat_database.stats_reset',
    expression: 'extract(epoch FROM s.stats_reset)',
    help: 'When the statistics were reset, in seconds since 1970; absent when they never were.',
  }),
  statistic('blks_hit_ratio', {
    type: 'gauge',
    unit: 'ratio',
    source: 'pg_stat_database.blks_hit, blks_read',
    expression: 's.blks_hit::float8 / nullif(s.blks_hit + s.blks_read, 0)',
    help: 'Share of block reads that shared buffers answered since the last reset; for the present use rate() of blks_hit and blks_read.',
  }),
  statistic('checksum_failures_total', {
    unit: 'failures',
    column: 'checksum_failures',
    help: 'Data page checksum failures, with an empty datname those of the catalogues that all databases share (before PostgreSQL 18 only those that a base backup noticed); absent where checksums are off.',
  }),
  statistic('session_time_seconds_total', {
    ...milliseconds,
    column: 'session_time',
    since: 140_000,
    help: 'Seconds that sessions were open, counted when their state changes; from PostgreSQL 14 on.',
  }),
  statistic('idle_in_transaction_time_seconds_total', {
    ...milliseconds,
    column: 'idle_in_transaction_time',
    since: 140_000,
    help: 'Seconds that sessions sat idle in a transaction; from PostgreSQL 14 on.',
  }),
  statistic('sessions_total', {
    unit: 'sessions',
    column: 'sessions',
    since: 140_000,
    help: 'Sessions established; from PostgreSQL 14 on.',
  }),
  statistic('sessions_abandoned_total', {
    unit: 'sessions',
    column: 'sessions_abandoned',
    since: 140_000,
    help: 'Sessions ended because the connection to the client was lost; from PostgreSQL 14 on.',
  }),
  statistic('sessions_fatal_total', {
    unit: 'sessions',
    column: 'sessions_fatal',
    since: 140_000,
    help: 'Sessions ended by fatal errors; from PostgreSQL 14 on.',
  }),
  statistic('sessions_killed_total', {
    unit: 'sessions',
    column: 'sessions_killed',
    since: 140_000,
    help: 'Sessions ended by an operator; from PostgreSQL 14 on.',
  }),
  statistic('checksum_last_failure_timestamp_seconds', {
    type: 'gauge',
    unit: 'seconds',
    column: 'checksum_last_failure',
    expression: 'extract(epoch FROM s.checksum_last_failure)',
    help: 'When the last data page checksum failure was noticed, in seconds since 1970; absent when none was.',
  }),
  statistic('parallel_workers_to_launch_total', {
    unit: 'workers',
    column: 'parallel_workers_to_launch',
    since: 180_000,
    help: 'Parallel workers that queries asked for; from PostgreSQL 18 on.',
  }),
  statistic('parallel_workers_launched_total', {
    unit: 'workers',
    column: 'parallel_workers_launched',
    since: 180_000,
    help: 'Parallel workers that they got: fewer when max_parallel_workers are busy; from PostgreSQL 18 on.',
  }),
];

const conflicts: readonly VersionedColumn[] = [
  conflict('tablespace', 'dropped tablespaces'),
  conflict('lock', 'lock timeouts'),
  conflict('snapshot', 'old snapshots'),
  conflict('bufferpin', 'pinned buffers'),
  conflict('deadlock', 'deadlocks'),
  conflict('active_logicalslot', 'logical replication slots; from PostgreSQL 16 on', 160_000),
];

function conflict(cause: string, what: string, since?: number): VersionedColumn {
  return statistic(`conflicts_confl_${cause}`, {
    unit: 'queries',
    column: `confl_${cause}`,
    source: `pg_stat_database_conflicts.confl_${cause}`,
    expression: `c.confl_${cause}`,
    help: `Queries cancelled on this standby because of ${what}. The label server of postgres_exporter is left out: target tells it.`,
    ...(since === undefined ? {} : { since }),
  });
}

const columns = [...statistics, ...additions, ...conflicts];

export const database: PostgresCollector = {
  name: 'database',
  about:
    'Statistics of each database: transactions, rows, cache hits, temporary files, deadlocks, conflicts with recovery.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const known = columnsIn(source.session, columns);
    const sql = `
SELECT s.datid, s.datname, ${selectList(known, 's')}
  FROM pg_stat_database s LEFT JOIN pg_stat_database_conflicts c ON c.datid = s.datid`;
    const rows = await readRows(source, sql, context);
    const databases = rows.filter((row) => row['datname'] !== null);
    // The catalogues that all databases share, of which postgres_exporter tells nothing, can be damaged too.
    const shared = rows.filter((row) => row['datname'] === null);
    const checksums = known.filter(({ column }) => column.startsWith('checksum_'));
    return [...columnSamples(databases, known), ...columnSamples(shared, checksums)];
  },
};
