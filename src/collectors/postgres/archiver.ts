import { metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';

const source = 'pg_stat_archiver';

const columns: readonly ColumnMetric[] = [
  {
    column: 'archived_count',
    metric: metric({
      name: 'pg_stat_archiver_archived_count',
      type: 'counter',
      help: 'WAL files that were archived.',
      labels: [],
      source,
      unit: 'files',
    }),
  },
  {
    column: 'failed_count',
    metric: metric({
      name: 'pg_stat_archiver_failed_count',
      type: 'counter',
      help: 'Failed tries to archive a WAL file; stays what it was after a success, so look at pg_archiver_failing.',
      labels: [],
      source,
      unit: 'tries',
    }),
  },
  {
    column: 'last_archive_age',
    metric: metric({
      name: 'pg_stat_archiver_last_archive_age',
      type: 'gauge',
      help: 'Seconds since a WAL file was last archived; absent when none ever was. Grows on an idle server.',
      labels: [],
      source,
      unit: 'seconds',
    }),
  },
  ...(['last_archived', 'last_failed'] as const).map((column) => ({
    column,
    metric: metric({
      name: `pg_archiver_${column}_timestamp_seconds`,
      type: 'gauge',
      help: `When ${column === 'last_failed' ? 'archiving last failed' : 'a WAL file was last archived'}, in seconds since 1970; absent when it never was.`,
      labels: [],
      source: `pg_stat_archiver.${column}_time`,
      unit: 'seconds',
    }),
  })),
  {
    column: 'stats_reset',
    metric: metric({
      name: 'pg_stat_archiver_stats_reset_timestamp_seconds',
      type: 'gauge',
      help: 'When these statistics were reset, in seconds since 1970.',
      labels: [],
      source: 'pg_stat_archiver.stats_reset',
      unit: 'seconds',
    }),
  },
  {
    column: 'enabled',
    metric: metric({
      name: 'pg_archiver_enabled',
      type: 'gauge',
      help: '1 when archive_mode is on: only then do the other metrics of the archiver mean anything.',
      labels: [],
      source: 'archive_mode',
      unit: 'boolean',
    }),
  },
  {
    column: 'failing',
    metric: metric({
      name: 'pg_archiver_failing',
      type: 'gauge',
      help: '1 when archiving is on and the last try failed: WAL piles up on the server.',
      labels: [],
      source,
      unit: 'boolean',
    }),
  },
];

const sql = `
SELECT archived_count, failed_count,
       extract(epoch FROM clock_timestamp() - last_archived_time) AS last_archive_age,
       extract(epoch FROM last_archived_time) AS last_archived, extract(epoch FROM last_failed_time) AS last_failed,
       extract(epoch FROM stats_reset) AS stats_reset,
       current_setting('archive_mode') <> 'off' AS enabled,
       current_setting('archive_mode') <> 'off'
         AND last_failed_time IS NOT NULL
         AND (last_archived_time IS NULL OR last_failed_time > last_archived_time) AS failing
  FROM pg_stat_archiver`;

export const archiver: PostgresCollector = {
  name: 'archiver',
  about: 'Whether WAL is archived.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
