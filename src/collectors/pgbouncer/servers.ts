import { metric } from '../../core/metric.ts';
import type { Row } from '../../targets/libpq/client-session.ts';
import { groupBy, limitPools, summed, tlsVersionOf } from './groups.ts';
import { type PgbouncerCollector, readView } from './source.ts';

const connections = metric({
  name: 'pgbouncer_servers',
  type: 'gauge',
  help: 'Connections to servers by database, user, address, state and version of TLS, which is empty where the connection is not encrypted.',
  labels: ['database', 'user', 'addr', 'port', 'state', 'tls'],
  source: 'SHOW SERVERS, state and tls',
  unit: 'connections',
});

const closing = metric({
  name: 'pgbouncer_servers_close_needed',
  type: 'gauge',
  help: 'Connections to servers that are closed as soon as they are free, because of a reload, a changed address or RECONNECT; when it stays above 0, clients hold on to an old server.',
  labels: ['database', 'user'],
  source: 'SHOW SERVERS, close_needed',
  unit: 'connections',
});

const preparedStatements = metric({
  name: 'pgbouncer_server_prepared_statements',
  type: 'gauge',
  help: 'Prepared statements that the connections to servers of a database and user have; from PgBouncer 1.21 on.',
  labels: ['database', 'user'],
  source: 'SHOW SERVERS, prepared_statements',
  unit: 'statements',
});

export const servers: PgbouncerCollector = {
  name: 'servers',
  about: 'Connections to servers: to which, in which state, with which TLS.',
  scope: 'server',
  metrics: [connections, closing, preparedStatements],
  enabledByDefault: true,
  async collect(source, context) {
    const all = await readView(source, 'SERVERS', context);
    const { shown: pools, dropped } = limitPools('servers', all, source.settings.rowLimit);
    const rows = pools.flatMap((pool) => pool.rows);
    const groups = groupBy(rows, (row) => connections.labels.map((label) => labelOf(row, label)));
    return [
      ...groups.map((group) => ({ metric: connections, labelValues: group.labelValues, value: group.rows.length })),
      ...pools.flatMap((pool) => [
        ...summed(closing, pool, 'close_needed'),
        ...summed(preparedStatements, pool, 'prepared_statements'),
      ]),
      dropped,
    ];
  },
};

function labelOf(row: Row, label: string): string {
  return label === 'tls' ? tlsVersionOf(row) : (row[label] ?? '');
}
