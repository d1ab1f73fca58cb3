import { thresholds } from '../alerts/thresholds.ts';
import { type Board, chosen, targetVariable } from './board.ts';
import { areas, lines, type Panel, stat, upOrDown } from './panel.ts';

const limits = thresholds.pgbouncer;
const inDatabase = `${chosen},database=~"$database"`;
const rate = (metric: string) => `sum by (target, database) (rate(${metric}{${inDatabase}}[$__rate_interval]))`;
const pools = (metric: string) => `sum by (target, database) (pgbouncer_pools_${metric}{${inDatabase}})`;
const clientLimits = { warning: limits.clientsShare, critical: limits.clientsExhaustedShare };
const waitLimits = { warning: limits.waitSeconds, critical: limits.waitTooLongSeconds };

const now: readonly Panel[] = [
  stat({
    title: 'Up',
    description: 'Whether the console of PgBouncer answers.',
    unit: 'none',
    words: upOrDown,
    text: 'value_and_name',
    expression: `pgbouncer_up{${chosen}}`,
    legend: '{{target}}',
  }),
  stat({
    title: 'Clients',
    description: 'Share of max_client_conn in use. At 100 % the next client is refused.',
    unit: 'percentunit',
    limits: clientLimits,
    expression: `max(pgbouncer_client_connections_saturation_ratio{${chosen}})`,
    legend: 'share',
  }),
  stat({
    title: 'Clients that wait',
    description: 'Clients that wait for a server connection now.',
    unit: 'none',
    expression: `sum(pgbouncer_pools_client_waiting_connections{${inDatabase}})`,
    legend: 'clients',
  }),
  stat({
    title: 'Longest wait',
    description: 'For how long the client at the head of the longest queue has waited.',
    unit: 's',
    limits: waitLimits,
    expression: `max(pgbouncer_pools_client_longest_wait_seconds{${inDatabase}})`,
    legend: 'wait',
  }),
  stat({
    title: 'Queries',
    description: 'Queries that went through in each second.',
    unit: 'ops',
    expression: `sum(${rate('pgbouncer_stats_totals_queries_pooled_total')})`,
    legend: 'queries',
  }),
  stat({
    title: 'Paused databases',
    description: 'Databases that an administrator has paused or disabled: their clients wait or are refused.',
    unit: 'none',
    limits: { warning: 1 },
    expression: `sum(pgbouncer_databases_paused{${chosen}}) + sum(pgbouncer_databases_disabled{${chosen}})`,
    legend: 'databases',
  }),
];

const clients: readonly Panel[] = [
  areas({
    title: 'Clients',
    description: 'Clients that have a server connection or are idle, and those that wait for one.',
    unit: 'none',
    min: 0,
    queries: [
      { expression: pools('client_active_connections'), legend: '{{target}} {{database}} active' },
      { expression: pools('client_waiting_connections'), legend: '{{target}} {{database}} waiting' },
    ],
  }),
  lines({
    title: 'Longest wait',
    description:
      'Of the client at the head of each queue. The pool is too small, or its connections are held by long transactions.',
    unit: 's',
    min: 0,
    limits: waitLimits,
    expression: `max by (target, database, user) (pgbouncer_pools_client_longest_wait_seconds{${inDatabase}})`,
    legend: '{{target}} {{database}} {{user}}',
  }),
  lines({
    title: 'Share of max_client_conn',
    description: 'Clients against the number that PgBouncer lets in.',
    unit: 'percentunit',
    min: 0,
    limits: clientLimits,
    expression: `pgbouncer_client_connections_saturation_ratio{${chosen}}`,
    legend: '{{target}}',
  }),
  lines({
    title: 'Time spent waiting',
    description: 'Seconds that clients waited for a connection, in each second. 1 is one client always waiting.',
    unit: 'none',
    decimals: 2,
    min: 0,
    expression: rate('pgbouncer_stats_totals_client_wait_seconds_total'),
    legend: '{{target}} {{database}}',
  }),
];

const servers: readonly Panel[] = [
  areas({
    title: 'Server connections',
    description: 'By state: active ones are lent to a client, used ones are checked before they are lent again.',
    unit: 'none',
    min: 0,
    queries: ['active', 'idle', 'used', 'testing', 'login'].map((state) => ({
      expression: pools(`server_${state}_connections`),
      legend: `{{target}} {{database}} ${state}`,
    })),
  }),
  lines({
    title: 'Share of the pools in use',
    description:
      'Connections of each database against max_db_connections, or its pool_size where that is unlimited. A pool belongs to one user: several users of a database can have more together.',
    unit: 'percentunit',
    min: 0,
    expression: `max by (target, name) (pgbouncer_databases_current_connections{${chosen}} / ((pgbouncer_databases_max_connections{${chosen}} > 0) or pgbouncer_databases_pool_size{${chosen}}))`,
    legend: '{{target}} {{name}}',
  }),
];

const work: readonly Panel[] = [
  lines({
    title: 'Queries and transactions',
    description: 'That went through in each second.',
    unit: 'ops',
    min: 0,
    queries: [
      { expression: rate('pgbouncer_stats_totals_queries_pooled_total'), legend: '{{target}} {{database}} queries' },
      {
        expression: rate('pgbouncer_stats_totals_sql_transactions_pooled_total'),
        legend: '{{target}} {{database}} transactions',
      },
    ],
  }),
  lines({
    title: 'Mean duration',
    description:
      'Of a query, and of a transaction: much longer transactions than queries hold connections while doing nothing.',
    unit: 's',
    min: 0,
    queries: [
      {
        expression: `${rate('pgbouncer_stats_totals_queries_duration_seconds_total')} / (${rate('pgbouncer_stats_totals_queries_pooled_total')} > 0)`,
        legend: '{{target}} {{database}} query',
      },
      {
        expression: `${rate('pgbouncer_stats_totals_server_in_transaction_seconds_total')} / (${rate('pgbouncer_stats_totals_sql_transactions_pooled_total')} > 0)`,
        legend: '{{target}} {{database}} transaction',
      },
    ],
  }),
  lines({
    title: 'Received from clients',
    description: 'Bytes in each second.',
    unit: 'Bps',
    min: 0,
    expression: rate('pgbouncer_stats_totals_received_bytes_total'),
    legend: '{{target}} {{database}}',
  }),
  lines({
    title: 'Sent to clients',
    description: 'Bytes in each second.',
    unit: 'Bps',
    min: 0,
    expression: rate('pgbouncer_stats_totals_sent_bytes_total'),
    legend: '{{target}} {{database}}',
  }),
];

/** Does the pool serve its clients? */
export const pgbouncerBoard: Board = {
  name: 'pgbouncer',
  title: 'Watchkeeper / PgBouncer',
  description: 'Clients, queues, server connections and work of PgBouncer.',
  variables: [
    targetVariable('pgbouncer_up'),
    { name: 'database', label: 'Database', query: `label_values(pgbouncer_pools_info{${chosen}}, database)` },
  ],
  rows: [
    { title: 'Now', panels: now },
    { title: 'Clients', panels: clients },
    { title: 'Servers', panels: servers },
    { title: 'Work', panels: work },
  ],
};
