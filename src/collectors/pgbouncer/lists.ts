import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import type { Row } from '../../targets/libpq/client-session.ts';
import { namedSamples, numberOf } from './columns.ts';
import { type PgbouncerCollector, readView } from './source.ts';

function gauge(list: string, name: string, unit: string, help: string): readonly [string, { readonly metric: Metric }] {
  const of = metric({
    name: `pgbouncer_${name}`,
    type: 'gauge',
    help,
    labels: [],
    source: `SHOW LISTS, ${list}`,
    unit,
  });
  return [list, { metric: of }];
}

const figures = Object.fromEntries([
  gauge('databases', 'databases', 'databases', 'Databases, with those that were made by "*".'),
  gauge('users', 'users', 'users', 'Users that are known.'),
  gauge('pools', 'pools', 'pools', 'Pools.'),
  gauge('peers', 'peers', 'peers', 'PgBouncers that requests to cancel are passed to; from PgBouncer 1.19 on.'),
  gauge('peer_pools', 'peer_pools', 'pools', 'Pools of connections to them; from PgBouncer 1.19 on.'),
  gauge(
    'free_clients',
    'free_clients',
    'slots',
    'Memory kept for clients that are gone; no measure of how many more may come.',
  ),
  gauge('used_clients', 'used_clients', 'clients', 'Clients, with those that log in, and this one.'),
  gauge('login_clients', 'login_clients', 'clients', 'Clients that are logging in.'),
  gauge(
    'free_servers',
    'free_servers',
    'slots',
    'Memory kept for connections to servers that are closed; no measure of how many more may be opened.',
  ),
  gauge('used_servers', 'used_servers', 'connections', 'Connections to servers.'),
  gauge('dns_names', 'cached_dns_names', 'names', 'Host names in the cache.'),
  gauge('dns_zones', 'cached_dns_zones', 'zones', 'Zones of host names in the cache.'),
  gauge('dns_queries', 'in_flight_dns_queries', 'queries', 'Questions to name servers that are not answered yet.'),
]);

const saturation = metric({
  name: 'pgbouncer_client_connections_saturation_ratio',
  type: 'gauge',
  help: 'Share of max_client_conn that is in use: at 1 clients are refused, with the exception of the console.',
  labels: [],
  source: 'SHOW LISTS, used_clients; SHOW CONFIG, max_client_conn',
  unit: 'ratio',
});

export const lists: PgbouncerCollector = {
  name: 'lists',
  about: 'How many of everything there are, and how near PgBouncer is to its limit of clients.',
  scope: 'server',
  metrics: [...Object.values(figures).map((list) => list.metric), saturation],
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readView(source, 'LISTS', context);
    const config = await readView(source, 'CONFIG', context);
    return [...namedSamples(rows, 'list', 'items', figures), ...saturationSamples(rows, config)];
  },
};

function saturationSamples(rows: readonly Row[], config: readonly Row[]): Sample[] {
  const used = valueIn(
    rows.find((row) => row['list'] === 'used_clients'),
    'items',
  );
  const limit = valueIn(
    config.find((row) => row['key'] === 'max_client_conn'),
    'value',
  );
  return used === undefined || limit === undefined || limit === 0 ? [] : [sample(saturation, used / limit, {})];
}

function valueIn(row: Row | undefined, column: string): number | undefined {
  return row === undefined ? undefined : numberOf(row, [column]);
}
