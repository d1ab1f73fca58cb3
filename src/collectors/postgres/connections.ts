import { type Metric, metric } from '../../core/metric.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows, requireFullView } from './source.ts';

const sessionLabels = [
  'datname',
  'state',
  'usename',
  'application_name',
  'backend_type',
  'wait_event_type',
  'wait_event',
] as const;

const perSession: readonly ColumnMetric[] = [
  {
    column: 'count',
    metric: metric({
      name: 'pg_stat_activity_count',
      type: 'gauge',
      help: 'Sessions of a database in a state, without the one that asks; 0 for each state of each database that has none.',
      labels: sessionLabels,
      source: 'pg_stat_activity',
      unit: 'sessions',
    }),
  },
  {
    column: 'max_tx_duration',
    metric: metric({
      name: 'pg_stat_activity_max_tx_duration',
      type: 'gauge',
      help: 'Seconds that the oldest transaction among these sessions has been open; 0 when none is.',
      labels: sessionLabels,
      source: 'pg_stat_activity.xact_start',
      unit: 'seconds',
    }),
  },
];

function gauge(name: string, help: string, source: string, unit: string): Metric<never> {
  return metric({ name, type: 'gauge', help, labels: [], source, unit });
}

const perServer: readonly ColumnMetric[] = [
  {
    column: 'client_backends',
    metric: gauge(
      'pg_connections_used',
      'Sessions that count against max_connections, our own included.',
      "pg_stat_activity, backend_type 'client backend'",
      'sessions',
    ),
  },
  {
    column: 'saturation',
    metric: gauge(
      'pg_connections_saturation_ratio',
      'Share of the connections open to ordinary roles that is in use: used / (max_connections - reserved). Above 1 when reserved ones are in use.',
      'pg_stat_activity, max_connections, superuser_reserved_connections, reserved_connections',
      'ratio',
    ),
  },
  {
    column: 'oldest_idle_in_transaction',
    metric: gauge(
      'pg_connections_idle_in_transaction_oldest_seconds',
      'Seconds that the longest idle session has held its transaction open without doing anything; 0 when none does.',
      'pg_stat_activity.state_change',
      'seconds',
    ),
  },
];

/** The columns about the server stand in every row: one statement, one view of the sessions. */
function connectionsSql({ version }: PostgresSession): string {
  const reserved = version >= 160_000 ? "current_setting('reserved_connections')::int" : 'NULL::int';
  return `
WITH activity AS MATERIALIZED (
  SELECT pid, datname, state, usename, application_name, backend_type, wait_event_type, wait_event, xact_start, state_change
    FROM pg_stat_activity
), groups AS (
  SELECT datname, state, usename, application_name, backend_type, wait_event_type, wait_event,
         count(*) AS count, max(extract(epoch FROM clock_timestamp() - xact_start)) AS max_tx_duration
    FROM activity
   WHERE pid <> pg_backend_pid()
   GROUP BY datname, state, usename, application_name, backend_type, wait_event_type, wait_event
), limits AS (
  SELECT current_setting('max_connections')::int AS max_connections,
         current_setting('superuser_reserved_connections')::int AS superuser_reserved,
         ${reserved} AS reserved
), totals AS (
  SELECT count(*) FILTER (WHERE backend_type = 'client backend') AS client_backends,
         bool_and(backend_type IS NOT NULL) AS sees_all,
         coalesce(max(extract(epoch FROM clock_timestamp() - state_change))
                    FILTER (WHERE state LIKE 'idle in transaction%'), 0) AS oldest_idle_in_transaction
    FROM activity
)
SELECT d.datname, s.state, g.usename, g.application_name, g.backend_type, g.wait_event_type, g.wait_event,
       coalesce(g.count, 0) AS count, greatest(coalesce(g.max_tx_duration, 0), 0) AS max_tx_duration,
       t.client_backends, t.sees_all, t.oldest_idle_in_transaction,
       t.client_backends::float8
         / greatest(l.max_connections - l.superuser_reserved - coalesce(l.reserved, 0), 1) AS saturation
  FROM limits l CROSS JOIN totals t CROSS JOIN pg_database d
 CROSS JOIN (VALUES ('active'), ('idle'), ('idle in transaction'), ('idle in transaction (aborted)'),
                    ('fastpath function call'), ('disabled')) AS s (state)
  LEFT JOIN groups g ON g.datname = d.datname AND g.state = s.state`;
}

export const connections: PostgresCollector = {
  name: 'connections',
  about: 'Sessions by state, user, application and database, and how near the server is to its limit of connections.',
  scope: 'server',
  metrics: [...perSession, ...perServer].map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, connectionsSql(source.session), context);
    requireFullView(rows, (row) => row['sees_all'] === 't');
    return [...columnSamples(rows, perSession), ...columnSamples(rows.slice(0, 1), perServer)];
  },
};
