import { metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { limit, weightOf } from './limit.ts';
import { type PgbouncerCollector, readView } from './source.ts';

function gauge(columns: readonly string[], name: string, unit: string, help: string): ColumnMetric {
  return {
    columns,
    metric: metric({
      name: `pgbouncer_databases_${name}`,
      type: 'gauge',
      help,
      labels: ['name', 'host', 'port', 'database', 'force_user', 'pool_mode'],
      source: `SHOW DATABASES, ${columns.join(' or ')}`,
      unit,
    }),
  };
}

const columns: readonly ColumnMetric[] = [
  gauge(
    ['pool_size'],
    'pool_size',
    'connections',
    'Most connections to the server that one pool of the database may have.',
  ),
  gauge(['min_pool_size'], 'min_pool_size', 'connections', 'Connections to the server that are kept open.'),
  gauge(
    ['reserve_pool_size', 'reserve_pool'],
    'reserve_pool',
    'connections',
    'More connections that a pool may have when clients have waited for reserve_pool_timeout.',
  ),
  gauge(
    ['server_lifetime'],
    'server_lifetime_seconds',
    'seconds',
    'Seconds after which an unused connection to the server is closed; from PgBouncer 1.23 on.',
  ),
  gauge(
    ['max_connections'],
    'max_connections',
    'connections',
    'Most connections to the server that all pools of the database may have (max_db_connections); 0 for no limit.',
  ),
  gauge(
    ['current_connections'],
    'current_connections',
    'connections',
    'Connections to the server that the database has now.',
  ),
  gauge(
    ['max_client_connections'],
    'max_client_connections',
    'connections',
    'Most clients that the database may have (max_db_client_connections); 0 for no limit. From PgBouncer 1.24 on.',
  ),
  gauge(
    ['current_client_connections'],
    'current_client_connections',
    'connections',
    'Clients that the database has now; from PgBouncer 1.24 on.',
  ),
  gauge(
    ['paused'],
    'paused',
    'boolean',
    '1 when the database was paused by name; PAUSE for all databases is told by pgbouncer_state.',
  ),
  gauge(['disabled'], 'disabled', 'boolean', '1 when new clients of the database are refused.'),
];

export const databases: PgbouncerCollector = {
  name: 'databases',
  about:
    'Limits and use of each database of the configuration, and those that were made by "*". The label pool_mode is empty where the default applies: see pgbouncer_pools_info.',
  scope: 'server',
  metrics: columns.map((column) => column.metric),
  enabledByDefault: true,
  async collect(source, context) {
    const { shown, dropped } = limit('databases', await readView(source, 'DATABASES', context), {
      limit: source.settings.rowLimit,
      importanceOf: (row) => weightOf(row, ['current_connections', 'current_client_connections']),
    });
    return [...columnSamples(shown, columns), dropped];
  },
};
