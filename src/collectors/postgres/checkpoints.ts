import { type Metric, metric } from '../../core/metric.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';

const bgwriterView = 'pg_stat_bgwriter';
const checkpointerView = 'pg_stat_checkpointer';

function counter(name: string, unit: string, help: string, source: string): Metric<never> {
  return metric({ name, type: 'counter', help, labels: [], source, unit });
}

function resetAt(name: string, source: string): Metric<never> {
  const help = 'When these statistics were reset, in seconds since 1970.';
  return metric({ name, type: 'gauge', help, labels: [], source, unit: 'seconds' });
}

/** The peer's name says counter, its value is an instant; kept, and a right one stands beside it. */
function peerReset(name: string, source: string): Metric<never> {
  const help = 'As postgres_exporter has it: an instant in seconds since 1970 that calls itself a counter.';
  return metric({ name, type: 'counter', help, labels: [], source, unit: 'seconds' });
}

const bgwriterColumns: readonly ColumnMetric[] = [
  {
    column: 'buffers_clean',
    metric: counter(
      'pg_stat_bgwriter_buffers_clean_total',
      'buffers',
      'Buffers written by the background writer.',
      bgwriterView,
    ),
  },
  {
    column: 'maxwritten_clean',
    metric: counter(
      'pg_stat_bgwriter_maxwritten_clean_total',
      'scans',
      'Cleaning scans that were stopped because too many buffers had been written.',
      bgwriterView,
    ),
  },
  {
    column: 'buffers_alloc',
    metric: counter('pg_stat_bgwriter_buffers_alloc_total', 'buffers', 'Buffers allocated.', bgwriterView),
  },
  { column: 'stats_reset', metric: peerReset('pg_stat_bgwriter_stats_reset_total', bgwriterView) },
  { column: 'stats_reset', metric: resetAt('pg_stat_bgwriter_stats_reset_timestamp_seconds', bgwriterView) },
];

/** Up to 16; 17 moved them to pg_stat_checkpointer and pg_stat_io. */
const oldColumns: readonly ColumnMetric[] = [
  {
    column: 'checkpoints_timed',
    metric: counter(
      'pg_stat_bgwriter_checkpoints_timed_total',
      'checkpoints',
      'Scheduled checkpoints; up to 16.',
      bgwriterView,
    ),
  },
  {
    column: 'checkpoints_req',
    metric: counter(
      'pg_stat_bgwriter_checkpoints_req_total',
      'checkpoints',
      'Requested checkpoints; up to 16.',
      bgwriterView,
    ),
  },
  {
    column: 'checkpoint_write_time',
    metric: counter(
      'pg_stat_bgwriter_checkpoint_write_time_total',
      'milliseconds',
      'Milliseconds of checkpoints spent on writing; up to 16. See pg_checkpoint_write_seconds_total.',
      bgwriterView,
    ),
  },
  {
    column: 'checkpoint_sync_time',
    metric: counter(
      'pg_stat_bgwriter_checkpoint_sync_time_total',
      'milliseconds',
      'Milliseconds of checkpoints spent on syncing; up to 16. See pg_checkpoint_sync_seconds_total.',
      bgwriterView,
    ),
  },
  {
    column: 'buffers_checkpoint',
    metric: counter(
      'pg_stat_bgwriter_buffers_checkpoint_total',
      'buffers',
      'Buffers written by checkpoints; up to 16.',
      bgwriterView,
    ),
  },
  {
    column: 'buffers_backend',
    metric: counter(
      'pg_stat_bgwriter_buffers_backend_total',
      'buffers',
      'Buffers written by sessions themselves; up to 16.',
      bgwriterView,
    ),
  },
  {
    column: 'buffers_backend_fsync',
    metric: counter(
      'pg_stat_bgwriter_buffers_backend_fsync_total',
      'calls',
      'Times a session had to sync a file itself; up to 16.',
      bgwriterView,
    ),
  },
];

/** From 17 on. */
const newColumns: readonly ColumnMetric[] = [
  {
    column: 'checkpoints_timed',
    metric: counter(
      'pg_stat_checkpointer_num_timed_total',
      'checkpoints',
      'Scheduled checkpoints, those included that were skipped because there was nothing to write; from 17 on.',
      checkpointerView,
    ),
  },
  {
    column: 'checkpoints_req',
    metric: counter(
      'pg_stat_checkpointer_num_requested_total',
      'checkpoints',
      'Requested checkpoints; from 17 on.',
      checkpointerView,
    ),
  },
  {
    column: 'restartpoints_timed',
    metric: counter(
      'pg_stat_checkpointer_restartpoints_timed_total',
      'restartpoints',
      'Scheduled restartpoints; from 17 on.',
      checkpointerView,
    ),
  },
  {
    column: 'restartpoints_req',
    metric: counter(
      'pg_stat_checkpointer_restartpoints_req_total',
      'restartpoints',
      'Requested restartpoints; from 17 on.',
      checkpointerView,
    ),
  },
  {
    column: 'restartpoints_done',
    metric: counter(
      'pg_stat_checkpointer_restartpoints_done_total',
      'restartpoints',
      'Restartpoints that were performed; from 17 on.',
      checkpointerView,
    ),
  },
  {
    column: 'checkpoint_write_time',
    metric: counter(
      'pg_stat_checkpointer_write_time_total',
      'milliseconds',
      'Milliseconds spent on writing; from 17 on.',
      checkpointerView,
    ),
  },
  {
    column: 'checkpoint_sync_time',
    metric: counter(
      'pg_stat_checkpointer_sync_time_total',
      'milliseconds',
      'Milliseconds spent on syncing; from 17 on.',
      checkpointerView,
    ),
  },
  {
    column: 'buffers_checkpoint',
    metric: counter(
      'pg_stat_checkpointer_buffers_written_total',
      'buffers',
      'Buffers written by checkpoints; from 17 on.',
      checkpointerView,
    ),
  },
  { column: 'checkpointer_reset', metric: peerReset('pg_stat_checkpointer_stats_reset_total', checkpointerView) },
  {
    column: 'checkpointer_reset',
    metric: resetAt('pg_stat_checkpointer_stats_reset_timestamp_seconds', checkpointerView),
  },
];

/** From 18 on, besides. */
const newestColumns: readonly ColumnMetric[] = [
  {
    column: 'num_done',
    metric: counter(
      'pg_stat_checkpointer_num_done_total',
      'checkpoints',
      'Checkpoints that were performed, those left out that were skipped; from 18 on.',
      checkpointerView,
    ),
  },
  {
    column: 'slru_written',
    metric: counter(
      'pg_stat_checkpointer_slru_written_total',
      'buffers',
      'SLRU buffers written by checkpoints; from 18 on.',
      checkpointerView,
    ),
  },
];

/** The same figures under one name in every version, in base units. */
const ownColumns: readonly ColumnMetric[] = [
  {
    column: 'checkpoints_timed',
    metric: counter(
      'pg_checkpoints_timed_total',
      'checkpoints',
      'Scheduled checkpoints, in every version.',
      'pg_stat_bgwriter, pg_stat_checkpointer',
    ),
  },
  {
    column: 'checkpoints_req',
    metric: counter(
      'pg_checkpoints_requested_total',
      'checkpoints',
      'Requested checkpoints, in every version: WAL came faster than max_wal_size allows.',
      'pg_stat_bgwriter, pg_stat_checkpointer',
    ),
  },
  {
    column: 'checkpoint_write_time',
    factor: 0.001,
    metric: counter(
      'pg_checkpoint_write_seconds_total',
      'seconds',
      'Seconds of checkpoints spent on writing, in every version.',
      'pg_stat_bgwriter, pg_stat_checkpointer',
    ),
  },
  {
    column: 'checkpoint_sync_time',
    factor: 0.001,
    metric: counter(
      'pg_checkpoint_sync_seconds_total',
      'seconds',
      'Seconds of checkpoints spent on syncing, in every version.',
      'pg_stat_bgwriter, pg_stat_checkpointer',
    ),
  },
];

const oldSql = `
SELECT checkpoints_timed, checkpoints_req, checkpoint_write_time, checkpoint_sync_time, buffers_checkpoint,
       buffers_clean, maxwritten_clean, buffers_backend, buffers_backend_fsync, buffers_alloc,
       extract(epoch FROM stats_reset) AS stats_reset
  FROM pg_stat_bgwriter`;

const newSql = (more: string) => `
SELECT c.num_timed AS checkpoints_timed, c.num_requested AS checkpoints_req, c.restartpoints_timed, c.restartpoints_req,
       c.restartpoints_done, c.write_time AS checkpoint_write_time, c.sync_time AS checkpoint_sync_time,
       c.buffers_written AS buffers_checkpoint, extract(epoch FROM c.stats_reset) AS checkpointer_reset,
       b.buffers_clean, b.maxwritten_clean, b.buffers_alloc, extract(epoch FROM b.stats_reset) AS stats_reset${more}
  FROM pg_stat_checkpointer c, pg_stat_bgwriter b`;

const allColumns = [...bgwriterColumns, ...oldColumns, ...newColumns, ...newestColumns, ...ownColumns];

function queryFor({ version }: PostgresSession): { sql: string; ofVersion: readonly ColumnMetric[] } {
  if (version < 170_000) return { sql: oldSql, ofVersion: oldColumns };
  if (version < 180_000) return { sql: newSql(''), ofVersion: newColumns };
  return { sql: newSql(', c.num_done, c.slru_written'), ofVersion: [...newColumns, ...newestColumns] };
}

export const checkpoints: PostgresCollector = {
  name: 'checkpoints',
  about: 'Checkpoints and the background writer.',
  scope: 'server',
  metrics: allColumns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const { sql, ofVersion } = queryFor(source.session);
    const rows = await readRows(source, sql, context);
    return columnSamples(rows, [...bgwriterColumns, ...ofVersion, ...ownColumns]);
  },
};
