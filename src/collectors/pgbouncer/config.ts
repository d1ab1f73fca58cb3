import { type Metric, metric, type Sample } from '../../core/metric.ts';
import type { Row } from '../../targets/libpq/client-session.ts';
import { namedSamples } from './columns.ts';
import { type PgbouncerCollector, readView } from './source.ts';

interface ConfigMetric {
  readonly metric: Metric;
}

function setting(key: string, name: string, unit: string, help: string): readonly [string, ConfigMetric] {
  const of = { type: 'gauge', help, labels: [], source: `SHOW CONFIG, ${key}`, unit } as const;
  return [key, { metric: metric({ name: `pgbouncer_config_${name}`, ...of }) }];
}

function seconds(key: string, help: string): readonly [string, ConfigMetric] {
  return setting(key, `${key}_seconds`, 'seconds', help);
}

const settings = Object.fromEntries([
  setting('max_client_conn', 'max_client_connections', 'connections', 'Most clients that PgBouncer takes.'),
  setting(
    'max_user_connections',
    'max_user_connections',
    'connections',
    'Most connections to servers for one user; 0 for no limit, so do not divide by it.',
  ),
  setting(
    'max_user_client_connections',
    'max_user_client_connections',
    'connections',
    'Most clients of one user; 0 for no limit. From PgBouncer 1.24 on.',
  ),
  setting(
    'max_db_connections',
    'max_db_connections',
    'connections',
    'Most connections to servers for one database; 0 for no limit.',
  ),
  setting(
    'max_db_client_connections',
    'max_db_client_connections',
    'connections',
    'Most clients of one database; 0 for no limit. From PgBouncer 1.24 on.',
  ),
  setting('default_pool_size', 'default_pool_size', 'connections', 'Most connections to servers for one pool.'),
  setting('min_pool_size', 'min_pool_size', 'connections', 'Connections that a pool keeps open.'),
  setting('reserve_pool_size', 'reserve_pool_size', 'connections', 'More connections that a pool in need may have.'),
  setting(
    'max_prepared_statements',
    'max_prepared_statements',
    'statements',
    'Prepared statements that are kept on each connection; 0: clients cannot use any across transactions. From PgBouncer 1.21 on.',
  ),
  setting('listen_backlog', 'listen_backlog', 'connections', 'Clients that may wait to be accepted.'),
  setting('max_packet_size', 'max_packet_size_bytes', 'bytes', 'Largest packet that is passed on.'),
  setting('pkt_buf', 'packet_buffer_bytes', 'bytes', 'Buffer of each connection that is in use.'),
  setting('so_reuseport', 'so_reuseport', 'boolean', '1 when several processes may share the port.'),
  setting('peer_id', 'peer_id', 'id', 'Its number among its peers; 0 for none. From PgBouncer 1.19 on.'),
  seconds('reserve_pool_timeout', 'Seconds that a client waits before the reserve is used; 0 for never.'),
  seconds('query_wait_timeout', 'Seconds that a client waits for a server before it is thrown out; 0 for ever.'),
  seconds('query_timeout', 'Seconds after which a statement is ended with its connection; 0 for never.'),
  seconds('transaction_timeout', 'Seconds after which a transaction is ended; 0 for never. From PgBouncer 1.25 on.'),
  seconds('idle_transaction_timeout', 'Seconds after which an idle transaction is ended; 0 for never.'),
  seconds('client_idle_timeout', 'Seconds after which an idle client is thrown out; 0 for never.'),
  seconds('client_login_timeout', 'Seconds that a client has for its login.'),
  seconds('cancel_wait_timeout', 'Seconds that a request to cancel waits for a server. From PgBouncer 1.19 on.'),
  seconds('server_lifetime', 'Seconds after which an unused connection to a server is closed.'),
  seconds('server_idle_timeout', 'Seconds after which an idle connection to a server is closed; 0 for never.'),
  seconds('server_connect_timeout', 'Seconds that a connection to a server may take with its login.'),
  seconds('server_login_retry', 'Seconds between two tries to log in to a server that refused one.'),
  seconds('server_check_delay', 'Seconds after which an idle connection is checked before use.'),
  seconds('autodb_idle_timeout', 'Seconds after which a database made by "*" is forgotten when nobody uses it.'),
  seconds('pool_idle_timeout', 'Seconds after which an unused pool is forgotten; 0 for never. From PgBouncer 1.26 on.'),
  seconds('dns_max_ttl', 'Seconds that an address of a host is kept.'),
  seconds('stats_period', 'Seconds over which PgBouncer itself makes averages.'),
]);

const infoLabels = ['pool_mode', 'auth_type', 'client_tls_sslmode', 'server_tls_sslmode'] as const;

const info = metric({
  name: 'pgbouncer_config_info',
  type: 'gauge',
  help: 'Always 1; settings that are words: how connections are shared, how clients log in, and TLS towards clients and servers.',
  labels: infoLabels,
  source: `SHOW CONFIG, ${infoLabels.join(', ')}`,
  unit: 'info',
});

export const config: PgbouncerCollector = {
  name: 'config',
  about: 'Settings that limit clients, connections and waiting.',
  scope: 'server',
  metrics: [...Object.values(settings).map((one) => one.metric), info],
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readView(source, 'CONFIG', context);
    return [...namedSamples(rows, 'key', 'value', settings), infoSample(rows)];
  },
};

function infoSample(rows: readonly Row[]): Sample {
  const values = new Map(rows.map((row) => [row['key'], row['value'] ?? '']));
  const labelValues = infoLabels.map((label) => values.get(label) ?? '');
  return { metric: info, labelValues, value: 1 };
}
