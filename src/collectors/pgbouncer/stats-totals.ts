import { metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples, microsecondsPerSecond } from './columns.ts';
import { limit, weightOf } from './limit.ts';
import { type PgbouncerCollector, readView } from './source.ts';

function counter(column: string, name: string, unit: string, help: string, divisor = 1): ColumnMetric {
  return {
    columns: [column],
    divisor,
    metric: metric({
      name: `pgbouncer_stats_totals_${name}_total`,
      type: 'counter',
      help,
      labels: ['database'],
      source: `SHOW STATS_TOTALS, ${column}`,
      unit,
    }),
  };
}

const columns: readonly ColumnMetric[] = [
  counter('query_count', 'queries_pooled', 'queries', 'Statements that were passed on.'),
  counter(
    'query_time',
    'queries_duration_seconds',
    'seconds',
    'Seconds that servers were busy with statements.',
    microsecondsPerSecond,
  ),
  counter('bytes_received', 'received_bytes', 'bytes', 'Bytes that came from clients.'),
  counter(
    'requests',
    'queries',
    'queries',
    'Kept for its name: no PgBouncer since 1.8 has the column, so there is never a sample; use pgbouncer_stats_totals_queries_pooled_total.',
  ),
  counter('bytes_sent', 'sent_bytes', 'bytes', 'Bytes that went to clients.'),
  counter(
    'wait_time',
    'client_wait_seconds',
    'seconds',
    'Seconds that clients waited for a server, counted once they got one: while nobody gets any it stands still, so look at pgbouncer_pools_client_longest_wait_seconds too.',
    microsecondsPerSecond,
  ),
  counter('xact_count', 'sql_transactions_pooled', 'transactions', 'Transactions that were passed on.'),
  counter(
    'xact_time',
    'server_in_transaction_seconds',
    'seconds',
    'Seconds that servers were in a transaction, idle or busy.',
    microsecondsPerSecond,
  ),
  counter(
    'client_parse_count',
    'client_parses',
    'statements',
    'Statements that clients prepared; counted where max_prepared_statements is not 0. From PgBouncer 1.24 on.',
  ),
  counter(
    'server_parse_count',
    'server_parses',
    'statements',
    'Statements that PgBouncer prepared on servers; from PgBouncer 1.24 on.',
  ),
  counter('bind_count', 'binds', 'statements', 'Prepared statements that were bound; from PgBouncer 1.24 on.'),
  counter(
    'server_assignment_count',
    'server_assignments',
    'assignments',
    'Times that a client was given a server; from PgBouncer 1.23 on.',
  ),
  counter(
    'client_login_count',
    'client_logins',
    'logins',
    'Clients that logged in: much more than clients at a time means that applications do not keep their connections. From PgBouncer 1.26 on.',
  ),
  counter(
    'server_closed_count',
    'server_closed',
    'connections',
    'Connections to servers that were closed; only in versions that have the column.',
  ),
  counter(
    'server_lifetime',
    'server_lifetime_seconds',
    'seconds',
    'Seconds that closed connections to servers had been open, together; only in versions that have the column.',
    microsecondsPerSecond,
  ),
];

export const statsTotals: PgbouncerCollector = {
  name: 'stats_totals',
  about:
    'Work done for each database since the start of PgBouncer. A database that a reload takes out of the configuration loses its figures.',
  scope: 'server',
  metrics: columns.map((column) => column.metric),
  enabledByDefault: true,
  async collect(source, context) {
    const { shown, dropped } = limit('stats_totals', await readView(source, 'STATS_TOTALS', context), {
      limit: source.settings.rowLimit,
      importanceOf: (row) => weightOf(row, ['xact_count']),
    });
    return [...columnSamples(shown, columns), dropped];
  },
};
