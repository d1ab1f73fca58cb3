import { metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PgbouncerCollector, readView } from './source.ts';

function connections(column: string, name: string, help: string): ColumnMetric {
  return {
    columns: [column],
    metric: metric({
      name: `pgbouncer_peer_pools_${name}_connections`,
      type: 'gauge',
      help,
      labels: ['peer_id'],
      source: `SHOW PEER_POOLS, ${column}`,
      unit: 'connections',
    }),
  };
}

const columns: readonly ColumnMetric[] = [
  connections(
    'cl_active_cancel_req',
    'client_active_cancel',
    'Clients whose request to cancel was passed on to the peer and not answered yet.',
  ),
  connections(
    'cl_waiting_cancel_req',
    'client_waiting_cancel',
    'Clients whose request to cancel was not passed on to the peer yet.',
  ),
  connections('sv_active_cancel', 'server_active_cancel', 'Connections to the peer that pass on a request to cancel.'),
  connections('sv_login', 'server_login', 'Connections to the peer that are logging in.'),
];

export const peerPools: PgbouncerCollector = {
  name: 'peer_pools',
  about:
    'Requests to cancel that PgBouncers behind one address pass to each other; from PgBouncer 1.19 on. A peer has a pool once there was something to pass on.',
  scope: 'server',
  metrics: columns.map((column) => column.metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readView(source, 'PEER_POOLS', context);
    // The documentation calls the column "database".
    const named = rows.map((row) => ({ ...row, peer_id: row['peer_id'] ?? row['database'] ?? '' }));
    return columnSamples(named, columns);
  },
};
