import { metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows, requireFullView } from './source.ts';
import { metricsOf } from './versioned-columns.ts';

const started: ColumnMetric = {
  column: 'started',
  metric: metric({
    name: 'pg_stat_activity_autovacuum_timestamp_seconds',
    type: 'gauge',
    help: 'When the autovacuum worker that is at the table began with it, in seconds since 1970; of several tables of one name the earliest. For the database, the schema and how far it is see pg_progress_info.',
    labels: ['relname'],
    source: "pg_stat_activity.xact_start, query 'autovacuum: …'",
    unit: 'seconds',
  }),
};

const total = metricsOf({ prefix: 'pg_autovacuum', name: 'pg_stat_activity', labels: [] });

const totals = [
  total('enabled', {
    unit: 'boolean',
    source: 'autovacuum, track_counts',
    help: '1 when autovacuum is on (both settings that it needs): off, tables bloat and statistics age. Single tables may have it off all the same.',
  }),
  total('oldest_seconds', {
    column: 'oldest',
    unit: 'seconds',
    source: 'pg_stat_activity.xact_start',
    help: 'Seconds that the longest autovacuum worker has been at its table; 0 when none runs.',
  }),
  total('wraparound_workers', {
    column: 'wraparound',
    unit: 'processes',
    source: 'pg_stat_activity.query',
    help: 'Autovacuum workers that run to prevent wraparound: these do not give way to a session that waits for a lock.',
  }),
];

// A worker between two tables has no transaction. "autovacuum: VACUUM public.orders (to prevent wraparound)"
const sql = `
WITH activity AS MATERIALIZED (
  SELECT backend_type, xact_start, query FROM pg_stat_activity
), totals AS (
  SELECT bool_and(backend_type IS NOT NULL) AS sees_all,
         current_setting('autovacuum')::bool AND current_setting('track_counts')::bool AS enabled,
         greatest(coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)) FILTER (
           WHERE backend_type = 'autovacuum worker'), 0), 0) AS oldest,
         count(*) FILTER (WHERE backend_type = 'autovacuum worker'
                            AND query LIKE 'autovacuum: %(to prevent wraparound)') AS wraparound
    FROM activity
), tables AS (
  SELECT regexp_replace(split_part(query, '.', 2), ' \\(to prevent wraparound\\)$', '') AS relname,
         extract(epoch FROM min(xact_start)) AS started
    FROM activity
   WHERE backend_type = 'autovacuum worker' AND query LIKE 'autovacuum: %' AND xact_start IS NOT NULL
   GROUP BY 1
)
SELECT t.sees_all, t.enabled, t.oldest, t.wraparound, r.relname, r.started
  FROM totals t LEFT JOIN tables r ON true`;

export const autovacuum: PostgresCollector = {
  name: 'autovacuum',
  about: 'What autovacuum does now.',
  scope: 'server',
  metrics: [started.metric, ...totals.map(({ metric }) => metric)],
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, sql, context);
    requireFullView(rows, (row) => row['sees_all'] === 't');
    return [...columnSamples(rows, [started]), ...columnSamples(rows.slice(0, 1), totals)];
  },
};
