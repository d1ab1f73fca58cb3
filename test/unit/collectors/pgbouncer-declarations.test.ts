import { expect, test } from 'vitest';
import { pgbouncerCollectors } from '../../../src/collectors/pgbouncer/index.ts';
import { pgbouncerUp } from '../../../src/collectors/pgbouncer/watch.ts';

const declared = [pgbouncerUp, ...pgbouncerCollectors.flatMap(({ metrics }) => metrics)];
const shapeOf = new Map(declared.map(({ name, type, labels }) => [name, [type, ...labels].join(' ')]));

/** pgbouncer_exporter's metrics: dashboards know these names, types and labels. */
const peers: Readonly<Record<string, readonly string[]>> = {
  gauge: [
    'up',
    'databases',
    'users',
    'pools',
    'free_clients',
    'used_clients',
    'login_clients',
    'free_servers',
    'used_servers',
    'cached_dns_names',
    'cached_dns_zones',
    'in_flight_dns_queries',
    'config_max_client_connections',
    'config_max_user_connections',
  ],
  'gauge version': ['version_info'],
  'gauge database user application_name state': ['client_connections'],
  'gauge name host port database force_user pool_mode': [
    'databases_pool_size',
    'databases_reserve_pool',
    'databases_max_connections',
    'databases_current_connections',
    'databases_paused',
    'databases_disabled',
  ],
  'counter database': [
    'queries_pooled',
    'queries_duration_seconds',
    'received_bytes',
    'queries',
    'sent_bytes',
    'client_wait_seconds',
    'sql_transactions_pooled',
    'server_in_transaction_seconds',
    'client_parses',
    'server_parses',
    'binds',
    'server_assignments',
  ].map((name) => `stats_totals_${name}_total`),
  'gauge database user': [
    'client_active_connections',
    'client_active_cancel_connections',
    'client_waiting_connections',
    'client_waiting_cancel_connections',
    'server_active_connections',
    'server_active_cancel_connections',
    'server_being_canceled_connections',
    'server_idle_connections',
    'server_used_connections',
    'server_testing_connections',
    'server_login_connections',
    'client_maxwait_seconds',
  ].map((name) => `pools_${name}`),
};

test.each(Object.entries(peers))('the metrics of pgbouncer_exporter that are "%s" are so here', (shape, names) => {
  const ours = names.map((name) => `${name}: ${shapeOf.get(`pgbouncer_${name}`)}`);

  expect(ours).toEqual(names.map((name) => `${name}: ${shape}`));
});

test('families have different names that can stand in the configuration', () => {
  const names = pgbouncerCollectors.map(({ name }) => name);

  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !/^[a-z][a-z_]*$/.test(name))).toEqual([]);
});
