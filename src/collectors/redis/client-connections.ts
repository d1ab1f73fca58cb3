import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import { type ClientFields, listClients, mostListed } from './client-list.ts';
import type { RedisFamily } from './source.ts';

const labels = ['id', 'name'] as const;
type ClientMetric = Metric<(typeof labels)[number]>;

function declare(name: string, unit: string, help: string, field: string): ClientMetric {
  return metric({
    name: `redis_connected_client_${name}`,
    type: 'gauge',
    help,
    labels,
    source: `CLIENT LIST: ${field}`,
    unit,
  });
}

const info = metric({
  name: 'redis_connected_client_info',
  type: 'info',
  help: 'Always 1; the labels tell a connection: its number, the name and the user, the database, whence it comes.',
  labels: ['id', 'name', 'flags', 'db', 'host', 'port', 'user', 'resp'],
  source: 'CLIENT LIST',
  unit: 'info',
});

const numbers = [
  [
    'omem',
    declare('output_buffer_memory_usage_bytes', 'bytes', 'Bytes of replies that the client has not fetched.', 'omem'),
  ],
  [
    'tot-mem',
    declare('total_memory_consumed_bytes', 'bytes', 'Bytes that the connection takes; from Redis 6.2 on.', 'tot-mem'),
  ],
  ['sub', declare('channel_subscriptions_count', 'channels', 'Channels that the client listens to.', 'sub')],
  [
    'psub',
    declare(
      'pattern_matching_subscriptions_count',
      'patterns',
      'Patterns of channels that the client listens to.',
      'psub',
    ),
  ],
  [
    'ssub',
    declare(
      'shard_channel_subscriptions_count',
      'channels',
      'Shard channels that the client listens to; from Redis 7.0.3 on.',
      'ssub',
    ),
  ],
  [
    'watch',
    declare(
      'shard_channel_watched_keys',
      'keys',
      'Keys that the client has under WATCH; from Redis 7.4 on. They have nothing to do with channels.',
      'watch',
    ),
  ],
  ['qbuf', declare('query_buffer_length_bytes', 'bytes', 'Bytes of a query that is not complete yet.', 'qbuf')],
  [
    'qbuf-free',
    declare('query_buffer_free_space_bytes', 'bytes', 'Bytes of the query buffer that are free.', 'qbuf-free'),
  ],
  ['obl', declare('output_buffer_length_bytes', 'bytes', 'Bytes in the fixed reply buffer.', 'obl')],
  ['oll', declare('output_list_length', 'replies', 'Replies that wait because the fixed buffer is full.', 'oll')],
] as const;
const createdAt = declare(
  'created_at_timestamp',
  'seconds',
  'When the connection was opened, in seconds since 1970.',
  'age',
);
const idleSince = declare(
  'idle_since_timestamp',
  'seconds',
  'When the client last sent anything, in seconds since 1970.',
  'idle',
);

const notShown = metric({
  name: 'redis_connected_clients_not_shown',
  type: 'gauge',
  help: 'Connections that have no samples of their own: only the 100 that take most memory do.',
  labels: [],
  source: 'CLIENT LIST',
  unit: 'connections',
});

const mostShown = 100;

export const clientConnections: RedisFamily = {
  name: 'client_connections',
  about: `Connections one by one, the ${mostShown} that take most memory: each new one is a new series, so prefer \`client_names\`. Not asked of a server with more than ${mostListed} connections.`,
  metrics: [info, ...numbers.map(([, of]) => of), createdAt, idleSince, notShown],
  enabledByDefault: false,
  minIntervalMs: 30_000,
  async read(reading, { signal, clock }) {
    const all = await listClients(reading, signal);
    const shown = all.sort((a, b) => weight(b) - weight(a)).slice(0, mostShown);
    const nowSeconds = Math.floor(clock.now().getTime() / 1_000);
    return [
      ...shown.flatMap((client) => clientSamples(client, nowSeconds)),
      sample(notShown, all.length - shown.length, {}),
    ];
  },
};

/** Its memory; before Redis 6.2 the part that can grow. */
function weight(client: ClientFields): number {
  return Number(client.get('tot-mem') ?? client.get('omem') ?? 0);
}

function clientSamples(client: ClientFields, nowSeconds: number): Sample[] {
  const text = (field: string) => client.get(field) ?? '';
  const [id, name, address] = [text('id'), text('name'), text('addr')];
  const colon = address.lastIndexOf(':');
  const about = {
    id,
    name,
    flags: text('flags'),
    db: text('db'),
    host: address.slice(0, Math.max(colon, 0)),
    port: address.slice(colon + 1),
    user: text('user'),
    resp: text('resp'),
  };
  const since = (of: ClientMetric, field: string) =>
    client.has(field) ? [sample(of, nowSeconds - Number(text(field)), { id, name })] : [];
  return [
    sample(info, 1, about),
    ...numbers.flatMap(([field, of]) => (client.has(field) ? [sample(of, Number(text(field)), { id, name })] : [])),
    ...since(createdAt, 'age'),
    ...since(idleSince, 'idle'),
  ];
}
