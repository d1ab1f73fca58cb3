import { type Metric, metric, sample } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows, requireFullView } from './source.ts';

function gauge<const L extends string>(
  name: string,
  unit: string,
  help: string,
  labels: readonly L[],
  source = 'pg_stat_activity',
): Metric<L> {
  return metric({ name, type: 'gauge', help, labels, source, unit });
}

const threshold = gauge(
  'pg_slow_running_queries_threshold_seconds',
  'seconds',
  'From how many seconds on a running statement counts as slow here.',
  [],
  'setting watch.slowQueryThreshold',
);

const perDatabase: readonly ColumnMetric[] = [
  {
    column: 'slow',
    metric: gauge(
      'pg_slow_running_queries',
      'sessions',
      'Sessions whose present statement has been running longer than the threshold; 0 for databases without.',
      ['datname'],
    ),
  },
  {
    column: 'oldest_slow',
    metric: gauge(
      'pg_slow_running_queries_oldest_seconds',
      'seconds',
      'Seconds that the longest present statement has been running; 0 for databases in which none runs.',
      ['datname'],
    ),
  },
  {
    column: 'idle_in_transaction',
    metric: gauge(
      'pg_idle_in_transaction_sessions',
      'sessions',
      'Sessions that hold a transaction open without doing anything, failed ones included; 0 for databases without.',
      ['datname'],
    ),
  },
  {
    column: 'oldest_idle',
    metric: gauge(
      'pg_idle_in_transaction_oldest_seconds',
      'seconds',
      'Seconds that the longest of them has been doing nothing; 0 for databases without.',
      ['datname'],
    ),
  },
];

const perServer: readonly ColumnMetric[] = [
  {
    column: 'transactions',
    metric: gauge(
      'pg_long_running_transactions',
      'sessions',
      'Open transactions of any age, in sessions that are not idle, as postgres_exporter counts them.',
      [],
    ),
  },
  {
    column: 'oldest_transaction',
    metric: gauge(
      'pg_long_running_transactions_oldest_timestamp_seconds',
      'seconds',
      'Age in seconds of the oldest of them. The name says timestamp: kept for compatibility, see pg_long_running_transactions_oldest_age_seconds.',
      [],
    ),
  },
  {
    column: 'oldest_transaction',
    metric: gauge(
      'pg_long_running_transactions_oldest_age_seconds',
      'seconds',
      'Age in seconds of the oldest open transaction in a session that is not idle; 0 when there is none.',
      [],
    ),
  },
];

const sql = `
WITH activity AS MATERIALIZED (
  SELECT datname, state, backend_type, xact_start, extract(epoch FROM clock_timestamp() - query_start) AS running,
         extract(epoch FROM clock_timestamp() - state_change) AS in_state
    FROM pg_stat_activity
   WHERE pid <> pg_backend_pid()
), sessions AS (
  SELECT datname,
         count(*) FILTER (WHERE state = 'active' AND running > $1::float8) AS slow,
         max(running) FILTER (WHERE state = 'active') AS oldest_slow,
         count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
         max(in_state) FILTER (WHERE state LIKE 'idle in transaction%') AS oldest_idle
    FROM activity
   WHERE backend_type = 'client backend'
   GROUP BY datname
), totals AS (
  SELECT coalesce(bool_and(backend_type IS NOT NULL), true) AS sees_all,
         count(*) FILTER (WHERE is_transaction) AS transactions,
         greatest(coalesce(max(extract(epoch FROM clock_timestamp() - xact_start))
                             FILTER (WHERE is_transaction), 0), 0) AS oldest_transaction
    FROM activity
   CROSS JOIN LATERAL (SELECT state IS DISTINCT FROM 'idle' AND xact_start IS NOT NULL
                          AND backend_type IS DISTINCT FROM 'autovacuum worker' AS is_transaction) AS kind
)
SELECT d.datname, coalesce(s.slow, 0) AS slow, greatest(coalesce(s.oldest_slow, 0), 0) AS oldest_slow,
       coalesce(s.idle_in_transaction, 0) AS idle_in_transaction,
       greatest(coalesce(s.oldest_idle, 0), 0) AS oldest_idle,
       t.sees_all, t.transactions, t.oldest_transaction
  FROM totals t CROSS JOIN pg_database d
  LEFT JOIN sessions s ON s.datname = d.datname
 WHERE d.datallowconn`;

export const runningQueries: PostgresCollector = {
  name: 'running_queries',
  about: 'Statements and transactions that have been running for long, and sessions idle in a transaction.',
  scope: 'server',
  metrics: [threshold, ...[...perDatabase, ...perServer].map(({ metric }) => metric)],
  enabledByDefault: true,
  async collect(source, context) {
    const thresholdSeconds = source.settings.slowQueryThreshold / 1_000;
    const rows = await readRows(source, sql, context, [thresholdSeconds]);
    requireFullView(rows, (row) => row['sees_all'] === 't');
    return [
      sample(threshold, thresholdSeconds, {}),
      ...columnSamples(rows, perDatabase),
      ...columnSamples(rows.slice(0, 1), perServer),
    ];
  },
};
