import { type AlertGroup, series } from './rule.ts';
import { thresholds } from './thresholds.ts';

const limits = thresholds.pgbouncer;

/** PgBouncer, whose limits are 0 when there are none. */
export const pgbouncerAlerts: AlertGroup = {
  name: 'pgbouncer',
  about: 'PgBouncer.',
  alerts: [
    {
      name: 'PgbouncerDown',
      severity: 'critical',
      expression: 'pgbouncer_up == 0',
      forMinutes: 2,
      summary: 'PgBouncer {{ $labels.target }} cannot be used',
      description: 'Its console lets nobody in or does not answer: applications behind it have no database.',
      fires: { title: 'no login', series: [series('pgbouncer_up', 0)] },
      silent: [{ title: 'one scrape without an answer', series: [series('pgbouncer_up', '1 1 0 1+0x60')] }],
    },
    {
      name: 'PgbouncerClientsWait',
      severity: 'warning',
      expression: `pgbouncer_pools_client_longest_wait_seconds > ${limits.waitSeconds}`,
      forMinutes: 2,
      summary: 'Clients of {{ $labels.database }} wait at PgBouncer {{ $labels.target }}',
      description:
        'User {{ $labels.user }}: the first in the queue has been waiting for {{ $value | humanizeDuration }}.',
      fires: { title: 'ten seconds', series: [series('pgbouncer_pools_client_longest_wait_seconds', 10)] },
      silent: [
        { title: 'a default PgBouncer at rest', series: [series('pgbouncer_pools_client_longest_wait_seconds', 0)] },
        {
          title: 'a burst',
          series: [series('pgbouncer_pools_client_longest_wait_seconds', '0 0 9 0+0x60')],
        },
      ],
    },
    {
      name: 'PgbouncerPoolExhausted',
      severity: 'critical',
      expression: `pgbouncer_pools_client_longest_wait_seconds > ${limits.waitTooLongSeconds}`,
      forMinutes: 1,
      summary: 'The pool of {{ $labels.database }} at PgBouncer {{ $labels.target }} is exhausted',
      description:
        'User {{ $labels.user }}: the first in the queue has been waiting for {{ $value | humanizeDuration }}; after query_wait_timeout clients are thrown out.',
      fires: { title: 'a minute', series: [series('pgbouncer_pools_client_longest_wait_seconds', 60)] },
      silent: [
        {
          title: 'ten seconds, which is a warning',
          series: [series('pgbouncer_pools_client_longest_wait_seconds', 10)],
        },
      ],
    },
    {
      name: 'PgbouncerServerUnreachable',
      severity: 'critical',
      expression:
        'pgbouncer_pools_client_waiting_connections > 0 and pgbouncer_pools_server_active_connections + pgbouncer_pools_server_idle_connections + pgbouncer_pools_server_used_connections + pgbouncer_pools_server_testing_connections == 0',
      forMinutes: 1,
      summary: 'PgBouncer {{ $labels.target }} has no connection to the server of {{ $labels.database }}',
      description: '{{ $value }} clients of user {{ $labels.user }} wait, and no connection to the server stands.',
      fires: {
        title: 'the server is gone',
        series: [
          series('pgbouncer_pools_client_waiting_connections', 4),
          series('pgbouncer_pools_server_active_connections', 0),
          series('pgbouncer_pools_server_idle_connections', 0),
          series('pgbouncer_pools_server_used_connections', 0),
          series('pgbouncer_pools_server_testing_connections', 0),
        ],
      },
      silent: [
        {
          title: 'a pool at rest',
          series: [
            series('pgbouncer_pools_client_waiting_connections', 0),
            series('pgbouncer_pools_server_active_connections', 0),
            series('pgbouncer_pools_server_idle_connections', 0),
            series('pgbouncer_pools_server_used_connections', 0),
            series('pgbouncer_pools_server_testing_connections', 0),
          ],
        },
        {
          title: 'all connections are at work',
          series: [
            series('pgbouncer_pools_client_waiting_connections', 4),
            series('pgbouncer_pools_server_active_connections', 20),
            series('pgbouncer_pools_server_idle_connections', 0),
            series('pgbouncer_pools_server_used_connections', 0),
            series('pgbouncer_pools_server_testing_connections', 0),
          ],
        },
      ],
    },
    {
      name: 'PgbouncerClientsHigh',
      severity: 'warning',
      expression: `pgbouncer_client_connections_saturation_ratio > ${limits.clientsShare}`,
      forMinutes: 5,
      summary: 'PgBouncer {{ $labels.target }} has nearly as many clients as it takes',
      description: '{{ $value | humanizePercentage }} of max_client_conn.',
      fires: { title: '90 of 100', series: [series('pgbouncer_client_connections_saturation_ratio', 0.9)] },
      silent: [{ title: 'few clients', series: [series('pgbouncer_client_connections_saturation_ratio', 0.04)] }],
    },
    {
      name: 'PgbouncerClientsExhausted',
      severity: 'critical',
      expression: `pgbouncer_client_connections_saturation_ratio > ${limits.clientsExhaustedShare}`,
      forMinutes: 1,
      summary: 'PgBouncer {{ $labels.target }} refuses clients',
      description: '{{ $value | humanizePercentage }} of max_client_conn: the next ones are turned away.',
      fires: { title: 'all', series: [series('pgbouncer_client_connections_saturation_ratio', 1)] },
      silent: [
        {
          title: '90 of 100, which is a warning',
          series: [series('pgbouncer_client_connections_saturation_ratio', 0.9)],
        },
      ],
    },
    {
      name: 'PgbouncerDatabaseConnectionsHigh',
      severity: 'warning',
      expression: `pgbouncer_databases_current_connections / (pgbouncer_databases_max_connections > 0) > ${limits.databaseConnectionsShare}`,
      forMinutes: 5,
      summary: 'Database {{ $labels.name }} at PgBouncer {{ $labels.target }} runs out of server connections',
      description: '{{ $value | humanizePercentage }} of max_db_connections are in use.',
      fires: {
        title: '19 of 20',
        series: [
          series('pgbouncer_databases_current_connections', 19),
          series('pgbouncer_databases_max_connections', 20),
        ],
      },
      silent: [
        {
          title: 'a default PgBouncer, where there is no limit',
          series: [
            series('pgbouncer_databases_current_connections', 19),
            series('pgbouncer_databases_max_connections', 0),
          ],
        },
      ],
    },
    {
      name: 'PgbouncerPaused',
      severity: 'warning',
      expression: 'pgbouncer_state{state=~"paused|suspended"} == 1 or pgbouncer_databases_paused == 1',
      forMinutes: 10,
      summary: 'PgBouncer {{ $labels.target }} is paused',
      description: 'Clients wait for RESUME: all of them, or those of the database {{ $labels.name }}.',
      fires: { title: 'a forgotten PAUSE', series: [series('pgbouncer_state', 1, { state: 'paused' })] },
      silent: [
        {
          title: 'active',
          series: [
            series('pgbouncer_state', 1, { state: 'active' }),
            series('pgbouncer_state', 0, { state: 'paused' }),
            series('pgbouncer_databases_paused', 0),
          ],
        },
        {
          title: 'a switch of some minutes',
          series: [series('pgbouncer_state', '1+0x5 0+0x60', { state: 'paused' })],
        },
      ],
    },
  ],
};
