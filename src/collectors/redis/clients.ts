import { fieldSamples, metricsOf, section } from './fields.ts';
import type { RedisFamily } from './source.ts';

const { gauge } = section('clients');

const fields = [
  gauge('connected_clients', 'connections', 'Connections of clients, without replicas; our own included.'),
  gauge('blocked_clients', 'connections', 'Clients that wait in a blocking command such as BLPOP.'),
  gauge('maxclients', 'connections', 'Limit of connections, those of replicas and of the cluster included.', {
    as: 'max_clients',
  }),
  gauge('cluster_connections', 'connections', 'Sockets of the cluster bus.'),
  gauge('tracking_clients', 'connections', 'Clients that let the server track their keys.'),
  gauge('clients_in_timeout_table', 'connections', 'Clients that wait with a timeout.'),
  gauge('pubsub_clients', 'connections', 'Clients in publish/subscribe mode; from Redis 7.4 on.'),
  gauge('watching_clients', 'connections', 'Clients that WATCH keys; from Redis 7.4 on.'),
  gauge('total_watched_keys', 'keys', 'Keys that are watched; from Redis 7.4 on.'),
  gauge('total_blocking_keys', 'keys', 'Keys that clients wait for; from Redis 7.2 on.'),
  gauge('total_blocking_keys_on_nokey', 'keys', 'Keys whose deletion ends the waiting of a client; from Redis 7.2 on.'),
  gauge(
    'client_longest_output_list',
    'replies',
    'Longest list of replies that a client has not fetched; before Redis 5.',
  ),
  gauge('client_biggest_input_buf', 'bytes', 'Biggest input buffer of a client; before Redis 5.'),
  gauge('client_recent_max_output_buffer', 'bytes', 'Biggest output buffer of a client in the last seconds.', {
    as: 'client_recent_max_output_buffer_bytes',
  }),
  gauge('client_recent_max_input_buffer', 'bytes', 'Biggest input buffer of a client in the last seconds.', {
    as: 'client_recent_max_input_buffer_bytes',
  }),
  gauge('paused_timeout_milliseconds', 'seconds', 'Seconds that clients still are paused; from Valkey 8.1 on.', {
    as: 'clients_paused_timeout_seconds',
    factor: 0.001,
  }),
  gauge('current_client_thread', 'id', 'Thread that serves our connection; KeyDB only.'),
];

export const clients: RedisFamily = {
  name: 'clients',
  about: 'Connections of clients and their buffers.',
  kind: 'any',
  metrics: metricsOf(fields),
  enabledByDefault: true,
  read: ({ info }) => fieldSamples(info, fields),
};
