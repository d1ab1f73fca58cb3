import { metric, type Sample, sample } from '../../core/metric.ts';
import type { Row } from '../../targets/libpq/client-session.ts';
import { type ColumnMetric, columnSamples, microsecondsPerSecond, numberOf } from './columns.ts';
import { limit, weightOf } from './limit.ts';
import { type PgbouncerCollector, readView } from './source.ts';

const labels = ['database', 'user'] as const;

function connections(column: string, name: string, help: string): ColumnMetric {
  return {
    columns: [column],
    metric: metric({
      name: `pgbouncer_pools_${name}_connections`,
      type: 'gauge',
      help,
      labels,
      source: `SHOW POOLS, ${column}`,
      unit: 'connections',
    }),
  };
}

const columns: readonly ColumnMetric[] = [
  connections('cl_active', 'client_active', 'Clients that are linked to a server or idle: those that do not wait.'),
  connections('cl_waiting', 'client_waiting', 'Clients that have sent something and wait for a server.'),
  connections(
    'cl_active_cancel_req',
    'client_active_cancel',
    'Clients whose request to cancel was passed on and not answered yet; from PgBouncer 1.18 on.',
  ),
  connections(
    'cl_waiting_cancel_req',
    'client_waiting_cancel',
    'Clients whose request to cancel was not passed on yet; from PgBouncer 1.18 on.',
  ),
  connections('sv_active', 'server_active', 'Connections to the server that are linked to a client.'),
  connections(
    'sv_active_cancel',
    'server_active_cancel',
    'Connections to the server that pass on a request to cancel; from PgBouncer 1.18 on.',
  ),
  connections(
    'sv_being_canceled',
    'server_being_canceled',
    'Connections to the server that wait for requests to cancel before they can be idle; from PgBouncer 1.18 on.',
  ),
  connections('sv_idle', 'server_idle', 'Connections to the server that can be used at once.'),
  connections(
    'sv_used',
    'server_used',
    'Connections to the server that were idle for longer than server_check_delay and are checked before use.',
  ),
  connections(
    'sv_tested',
    'server_testing',
    'Connections to the server that run server_reset_query or server_check_query.',
  ),
  connections('sv_login', 'server_login', 'Connections to the server that are logging in.'),
  {
    columns: ['maxwait'],
    metric: metric({
      name: 'pgbouncer_pools_client_maxwait_seconds',
      type: 'gauge',
      help: 'Whole seconds that the first client in the queue has waited; look at pgbouncer_pools_client_longest_wait_seconds, which does not round down.',
      labels,
      source: 'SHOW POOLS, maxwait',
      unit: 'seconds',
    }),
  },
];

const longestWait = metric({
  name: 'pgbouncer_pools_client_longest_wait_seconds',
  type: 'gauge',
  help: 'Seconds that the first client in the queue has waited for a server; 0 when none waits.',
  labels,
  source: 'SHOW POOLS, maxwait and maxwait_us',
  unit: 'seconds',
});

const info = metric({
  name: 'pgbouncer_pools_info',
  type: 'gauge',
  help: 'Always 1; how connections are shared in the pool: session, transaction or statement.',
  labels: ['database', 'user', 'pool_mode'],
  source: 'SHOW POOLS, pool_mode',
  unit: 'info',
});

/** One client that waits makes a pool more important than any number that does not. */
const waitingWeight = 1e9;

export const pools: PgbouncerCollector = {
  name: 'pools',
  about:
    'Clients and connections to the server by state, and how long clients wait, for each pool: a database and a user.',
  scope: 'server',
  metrics: [...columns.map((column) => column.metric), longestWait, info],
  enabledByDefault: true,
  async collect(source, context) {
    const { shown, dropped } = limit('pools', await readView(source, 'POOLS', context), {
      limit: source.settings.rowLimit,
      importanceOf: (row) => waitingWeight * weightOf(row, ['cl_waiting']) + weightOf(row, ['cl_active', 'sv_active']),
    });
    return [...columnSamples(shown, columns), ...shown.flatMap(poolSamples), dropped];
  },
};

function poolSamples(row: Row): Sample[] {
  const pool = { database: row['database'] ?? '', user: row['user'] ?? '' };
  const seconds = numberOf(row, ['maxwait']);
  const fraction = numberOf(row, ['maxwait_us']);
  const mode = row['pool_mode'];
  return [
    ...(seconds === undefined || fraction === undefined
      ? []
      : [sample(longestWait, seconds + fraction / microsecondsPerSecond, pool)]),
    ...(mode === undefined || mode === null ? [] : [sample(info, 1, { ...pool, pool_mode: mode })]),
  ];
}
