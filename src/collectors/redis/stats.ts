import { fieldSamples, metricsOf, section } from './fields.ts';
import type { RedisFamily } from './source.ts';

const { gauge, counter } = section('stats');

const traffic = [
  counter('total_connections_received', 'connections', 'Connections that were accepted.', {
    as: 'connections_received_total',
  }),
  counter('rejected_connections', 'connections', 'Connections that were refused because of maxclients.', {
    as: 'rejected_connections_total',
  }),
  counter('total_commands_processed', 'commands', 'Commands that were executed.', { as: 'commands_processed_total' }),
  counter('total_net_input_bytes', 'bytes', 'Bytes read from the network.', { as: 'net_input_bytes_total' }),
  counter('total_net_output_bytes', 'bytes', 'Bytes written to the network.', { as: 'net_output_bytes_total' }),
  counter('total_net_repl_input_bytes', 'bytes', 'Bytes read from the master; from Redis 7.0 on.', {
    as: 'net_repl_input_bytes_total',
  }),
  counter('total_net_repl_output_bytes', 'bytes', 'Bytes written to replicas; from Redis 7.0 on.', {
    as: 'net_repl_output_bytes_total',
  }),
  counter('total_net_cluster_slot_import_bytes', 'bytes', 'Bytes of slots that were imported; from Valkey 9.0 on.', {
    as: 'net_cluster_slot_import_bytes_total',
  }),
  counter('total_net_cluster_slot_export_bytes', 'bytes', 'Bytes of slots that were exported; from Valkey 9.0 on.', {
    as: 'net_cluster_slot_export_bytes_total',
  }),
  gauge(
    'instantaneous_ops_per_sec',
    'commands per second',
    'Commands a second, as the server measured over the last second or two. rate(redis_commands_processed_total) is exact.',
    { as: 'instantaneous_ops_per_second' },
  ),
  gauge('instantaneous_input_kbps', 'bytes per second', 'Bytes read a second, as the server measured.', {
    as: 'instantaneous_input_bytes_per_second',
    factor: 1_024,
  }),
  gauge('instantaneous_output_kbps', 'bytes per second', 'Bytes written a second, as the server measured.', {
    as: 'instantaneous_output_bytes_per_second',
    factor: 1_024,
  }),
  gauge(
    'instantaneous_input_repl_kbps',
    'bytes per second',
    'Bytes read from the master a second; from Redis 7.0 on.',
    {
      as: 'instantaneous_repl_input_bytes_per_second',
      factor: 1_024,
    },
  ),
  gauge(
    'instantaneous_output_repl_kbps',
    'bytes per second',
    'Bytes written to replicas a second; from Redis 7.0 on.',
    {
      as: 'instantaneous_repl_output_bytes_per_second',
      factor: 1_024,
    },
  ),
];

const keys = [
  counter(
    'keyspace_hits',
    'lookups',
    'Lookups of keys that were there. Hit ratio: rate(hits) / (rate(hits) + rate(misses)).',
    {
      as: 'keyspace_hits_total',
    },
  ),
  counter('keyspace_misses', 'lookups', 'Lookups of keys that were not there.', { as: 'keyspace_misses_total' }),
  counter('expired_keys', 'keys', 'Keys that expired.', { as: 'expired_keys_total' }),
  counter('expired_subkeys', 'fields', 'Fields of hashes that expired; from Redis 7.4 on.', {
    as: 'expired_subkeys_total',
  }),
  counter('expired_fields', 'fields', 'Fields of hashes that expired; from Valkey 9.0 on.', {
    as: 'expired_fields_total',
  }),
  gauge('expired_stale_perc', 'percent', 'Estimated share of keys that have expired and still are there, in percent.', {
    as: 'expired_stale_percentage',
  }),
  gauge(
    'expired_keys_with_volatile_items_stale_perc',
    'percent',
    'The same for keys with items that expire, in percent; from Valkey 9.0 on.',
    {
      as: 'expired_keys_with_volatile_items_stale_percentage',
    },
  ),
  counter('expired_time_cap_reached_count', 'cycles', 'Times that removing expired keys ran out of time.', {
    as: 'expired_time_cap_reached_total',
  }),
  counter('expire_cycle_cpu_milliseconds', 'milliseconds', 'Milliseconds of CPU time spent on removing expired keys.', {
    as: 'expire_cycle_cpu_time_ms_total',
  }),
  counter('evicted_keys', 'keys', 'Keys that were evicted because of maxmemory.', { as: 'evicted_keys_total' }),
  counter(
    'evicted_clients',
    'connections',
    'Clients that were evicted because of maxmemory-clients; from Redis 7.0 on.',
    {
      as: 'evicted_clients_total',
    },
  ),
  counter('evicted_scripts', 'scripts', 'Scripts that were evicted; from Redis 7.4 on.', {
    as: 'evicted_scripts_total',
  }),
  counter('total_eviction_exceeded_time', 'milliseconds', 'Milliseconds in which used memory was above maxmemory.', {
    as: 'eviction_exceeded_time_ms_total',
  }),
  gauge(
    'current_eviction_exceeded_time',
    'milliseconds',
    'Milliseconds since used memory went above maxmemory; 0 when it is below.',
    {
      as: 'current_eviction_exceeded_time_ms',
    },
  ),
  counter('cached_keys', 'keys', 'Keys that are cached; KeyDB only.', { as: 'cached_keys_total' }),
];

const publishing = [
  gauge('pubsub_channels', 'channels', 'Channels with subscribers.'),
  gauge('pubsub_patterns', 'patterns', 'Patterns with subscribers.'),
  gauge('pubsubshard_channels', 'channels', 'Shard channels with subscribers; from Redis 7.0.3 on.'),
  gauge('tracking_total_keys', 'keys', 'Keys that are tracked for client-side caches.'),
  gauge('tracking_total_items', 'items', 'Clients for each tracked key, summed up.'),
  gauge('tracking_total_prefixes', 'prefixes', 'Prefixes that are tracked in broadcasting mode.'),
];

const background = [
  gauge('latest_fork_usec', 'seconds', 'Seconds that the last fork took; nobody is served meanwhile.', {
    as: 'latest_fork_seconds',
    factor: 0.000_001,
  }),
  counter('total_forks', 'forks', 'Forks since the start; from Redis 6.2 on.', { as: 'forks_total' }),
  gauge('migrate_cached_sockets', 'sockets', 'Sockets that are open for MIGRATE. The name ends like a counter.', {
    as: 'migrate_cached_sockets_total',
  }),
  gauge('slave_expires_tracked_keys', 'keys', 'Keys with an expiry that a writable replica tracks.'),
  counter('active_defrag_hits', 'values', 'Values that defragmentation moved.', { as: 'defrag_hits' }),
  counter('active_defrag_misses', 'values', 'Values that defragmentation began to move and left.', {
    as: 'defrag_misses',
  }),
  counter('active_defrag_key_hits', 'keys', 'Keys that defragmentation worked on.', { as: 'defrag_key_hits' }),
  counter('active_defrag_key_misses', 'keys', 'Keys that defragmentation skipped.', { as: 'defrag_key_misses' }),
  counter('total_active_defrag_time', 'seconds', 'Seconds in which memory was fragmented beyond the limit.', {
    as: 'active_defrag_time_seconds_total',
    factor: 0.001,
  }),
  gauge(
    'current_active_defrag_time',
    'seconds',
    'Seconds since memory is fragmented beyond the limit; 0 when it is not.',
    {
      as: 'active_defrag_current_seconds',
      factor: 0.001,
    },
  ),
  counter('io_threaded_freed_objects', 'objects', 'Objects that threads freed; Valkey from 8.0 on.', {
    as: 'io_threaded_freed_objects_total',
  }),
  counter('io_threaded_accept_processed', 'connections', 'Connections that threads accepted; Valkey from 8.1 on.', {
    as: 'io_threaded_accepts_total',
  }),
  counter('io_threaded_poll_processed', 'polls', 'Waits for events that threads did; Valkey from 8.0 on.', {
    as: 'io_threaded_polls_total',
  }),
  counter('eventloop_cycles', 'cycles', 'Cycles of the event loop; from Redis 7.0 on.', {
    as: 'eventloop_cycles_total',
  }),
  counter('eventloop_duration_sum', 'microseconds', 'Microseconds in the event loop; from Redis 7.0 on.', {
    as: 'eventloop_duration_sum_usec_total',
  }),
  counter('eventloop_duration_cmd_sum', 'microseconds', 'Microseconds in commands; from Redis 7.0 on.', {
    as: 'eventloop_duration_cmd_sum_usec_total',
  }),
  gauge(
    'instantaneous_eventloop_cycles_per_sec',
    'cycles per second',
    'Cycles of the event loop a second; from Redis 7.0 on.',
  ),
  gauge(
    'instantaneous_eventloop_duration_usec',
    'microseconds',
    'Microseconds of a cycle of the event loop; from Redis 7.0 on.',
  ),
  counter('total_reads_processed', 'reads', 'Reads from clients. A counter whose name does not say so.'),
  counter('total_writes_processed', 'writes', 'Writes to clients. A counter whose name does not say so.'),
  counter('io_threaded_reads_processed', 'reads', 'Reads by threads. A counter whose name does not say so.'),
  counter('io_threaded_writes_processed', 'writes', 'Writes by threads. A counter whose name does not say so.'),
  counter(
    'io_threaded_total_prefetch_batches',
    'batches',
    'Batches of keys that were fetched ahead; from Redis 8.2 and Valkey 8.0 on.',
    {
      as: 'io_threaded_prefetch_batches_total',
    },
  ),
  counter(
    'io_threaded_total_prefetch_entries',
    'keys',
    'Keys that were fetched ahead; from Redis 8.2 and Valkey 8.0 on.',
    {
      as: 'io_threaded_prefetch_entries_total',
    },
  ),
  counter('long_lock_waits', 'waits', 'Long waits for a lock; KeyDB only.', { as: 'long_lock_waits_total' }),
];

const errors = [
  counter(
    'unexpected_error_replies',
    'errors',
    'Errors of commands that come from the master or the append-only file. A counter whose name does not say so.',
  ),
  counter('total_error_replies', 'errors', 'Errors that were answered. A counter whose name does not say so.'),
  counter(
    'dump_payload_sanitizations',
    'payloads',
    'Payloads that were looked through by RESTORE or when loading. A counter whose name does not say so.',
  ),
  counter(
    'client_query_buffer_limit_disconnections',
    'connections',
    'Clients cut off because their query was too long; from Redis 7.4 on.',
    {
      as: 'client_query_buffer_limit_disconnections_total',
    },
  ),
  counter(
    'client_output_buffer_limit_disconnections',
    'connections',
    'Clients cut off because they did not fetch their replies; from Redis 7.4 on.',
    {
      as: 'client_output_buffer_limit_disconnections_total',
    },
  ),
  counter('reply_buffer_shrinks', 'buffers', 'Reply buffers made smaller; from Redis 7.0 on.', {
    as: 'reply_buffer_shrinks_total',
  }),
  counter('reply_buffer_expands', 'buffers', 'Reply buffers made larger; from Redis 7.0 on.', {
    as: 'reply_buffer_expands_total',
  }),
  ...(['auth', 'cmd', 'key', 'channel', 'tls_cert', 'db'] as const).map((what) =>
    counter(`acl_access_denied_${what}`, 'denials', `Denials by access control, reason: ${what}.`, {
      as: `acl_access_denied_${what}_total`,
    }),
  ),
];

const fields = [...traffic, ...keys, ...publishing, ...background, ...errors];

export const stats: RedisFamily = {
  name: 'stats',
  about:
    'Traffic, hits and misses, expired and evicted keys, errors and denials. CONFIG RESETSTAT sets these counters back.',
  kind: 'any',
  metrics: metricsOf(fields),
  enabledByDefault: true,
  read: ({ info }) => fieldSamples(info, fields),
};
