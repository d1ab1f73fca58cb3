import { metric, sample } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { limit, weightOf } from './limit.ts';
import { type PgbouncerCollector, readView } from './source.ts';

function gauge(column: string, name: string, help: string): ColumnMetric {
  return {
    columns: [column],
    metric: metric({
      name: `pgbouncer_users_${name}`,
      type: 'gauge',
      help,
      labels: ['user'],
      source: `SHOW USERS, ${column}`,
      unit: 'connections',
    }),
  };
}

const columns: readonly ColumnMetric[] = [
  gauge(
    'current_connections',
    'current_connections',
    'Connections to servers that the user has now; from PgBouncer 1.23 on.',
  ),
  gauge(
    'max_user_connections',
    'max_connections',
    'Most connections to servers for the user; 0 for no limit. From PgBouncer 1.23 on.',
  ),
  gauge(
    'current_client_connections',
    'current_client_connections',
    'Clients that the user has now; from PgBouncer 1.24 on.',
  ),
  gauge(
    'max_user_client_connections',
    'max_client_connections',
    'Most clients of the user; 0 for no limit. From PgBouncer 1.24 on.',
  ),
  gauge('pool_size', 'pool_size', 'The pool_size of the user; absent where that of the database applies.'),
  gauge(
    'reserve_pool_size',
    'reserve_pool',
    'The reserve_pool_size of the user; absent where that of the database applies.',
  ),
];

const poolMode = metric({
  name: 'pgbouncer_users_info',
  type: 'gauge',
  help: 'Always 1; pool_mode of the user, empty where that of the database applies.',
  labels: ['user', 'pool_mode'],
  source: 'SHOW USERS, pool_mode',
  unit: 'info',
});

export const users: PgbouncerCollector = {
  name: 'users',
  about: 'Limits and use of each user that PgBouncer knows.',
  scope: 'server',
  metrics: [...columns.map((column) => column.metric), poolMode],
  enabledByDefault: true,
  async collect(source, context) {
    const { shown, dropped } = limit('users', await readView(source, 'USERS', context), {
      limit: source.settings.rowLimit,
      importanceOf: (row) => weightOf(row, ['current_client_connections', 'current_connections']),
    });
    const rows = shown.map((row) => ({ ...row, user: row['name'] ?? '' }));
    const modes = shown.map((row) =>
      sample(poolMode, 1, { user: row['name'] ?? '', pool_mode: row['pool_mode'] ?? '' }),
    );
    return [...columnSamples(rows, columns), ...modes, dropped];
  },
};
