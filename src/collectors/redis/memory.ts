import { metric, type Sample, sample } from '../../core/metric.ts';
import type { Info } from '../../targets/redis/info.ts';
import { fieldSamples, metricsOf, section } from './fields.ts';
import type { RedisFamily } from './source.ts';

const { gauge, counter } = section('memory');

const used = [
  gauge('used_memory', 'bytes', 'Bytes that the server has allocated, data and overhead.', { as: 'memory_used_bytes' }),
  gauge('used_memory_rss', 'bytes', 'Bytes that the operating system has given to the process.', {
    as: 'memory_used_rss_bytes',
  }),
  gauge('used_memory_peak', 'bytes', 'Most bytes that were ever allocated.', { as: 'memory_used_peak_bytes' }),
  gauge('used_memory_peak_time', 'seconds', 'When that was, in seconds since 1970; from Redis 8.0 on.', {
    as: 'memory_used_peak_timestamp_seconds',
  }),
  gauge('used_memory_overhead', 'bytes', 'Bytes for buffers and structures, not for data.', {
    as: 'memory_used_overhead_bytes',
  }),
  gauge('used_memory_startup', 'bytes', 'Bytes that an empty server takes.', { as: 'memory_used_startup_bytes' }),
  gauge('used_memory_dataset', 'bytes', 'Bytes of the data: used less overhead.', { as: 'memory_used_dataset_bytes' }),
  gauge('allocator_allocated_lua', 'bytes', 'Bytes that scripts have allocated; from Redis 8.0 on.', {
    as: 'allocator_allocated_lua_bytes',
  }),
  gauge('allocator_active_lua', 'bytes', 'Bytes of the pages that scripts have; from Redis 8.0 on.', {
    as: 'allocator_active_lua_bytes',
  }),
  gauge('allocator_resident_lua', 'bytes', 'Resident bytes of the pages that scripts have; from Redis 8.0 on.', {
    as: 'allocator_resident_lua_bytes',
  }),
  gauge('used_memory_lua', 'bytes', 'Bytes of the script engine.', { as: 'memory_used_lua_bytes' }),
  gauge('used_memory_vm_eval', 'bytes', 'Bytes of the engine of EVAL; from Redis 7.0 on.', {
    as: 'memory_used_vm_eval_bytes',
  }),
  gauge('used_memory_scripts_eval', 'bytes', 'Bytes of the scripts of EVAL; from Redis 7.0 on.', {
    as: 'memory_used_scripts_eval_bytes',
  }),
  gauge('used_memory_vm_functions', 'bytes', 'Bytes of the engine of functions; from Redis 7.0 on.', {
    as: 'memory_used_vm_functions_bytes',
  }),
  gauge('used_memory_scripts', 'bytes', 'Bytes of scripts and functions; from Redis 7.0 on.', {
    as: 'memory_used_scripts_bytes',
  }),
  gauge('used_memory_functions', 'bytes', 'Bytes of functions; from Redis 7.0 on.', {
    as: 'memory_used_functions_bytes',
  }),
  gauge(
    'used_memory_vm_total',
    'bytes',
    'Bytes of all script engines; from Redis 7.0 on. The name ends like a counter.',
    {
      as: 'memory_used_vm_total',
    },
  ),
  gauge('number_of_cached_scripts', 'scripts', 'Scripts that the server keeps; from Redis 7.0 on.'),
  gauge('number_of_functions', 'functions', 'Functions that are loaded; from Redis 7.0 on.'),
  gauge('number_of_libraries', 'libraries', 'Libraries of functions that are loaded; from Redis 7.4 on.'),
];

const allocator = [
  gauge('allocator_active', 'bytes', 'Bytes in pages of the allocator that are in use.', {
    as: 'allocator_active_bytes',
  }),
  gauge('allocator_allocated', 'bytes', 'Bytes that the allocator has handed out.', {
    as: 'allocator_allocated_bytes',
  }),
  gauge('allocator_resident', 'bytes', 'Bytes of the allocator that are in memory.', {
    as: 'allocator_resident_bytes',
  }),
  gauge('allocator_muzzy', 'bytes', 'Bytes that the allocator may give back; from Redis 7.4 on.', {
    as: 'allocator_muzzy_bytes',
  }),
  gauge('allocator_frag_ratio', 'ratio', 'Active bytes for each allocated one.'),
  gauge('allocator_frag_bytes', 'bytes', 'Active bytes that are not allocated.'),
  gauge('allocator_rss_ratio', 'ratio', 'Resident bytes for each active one.'),
  gauge('allocator_rss_bytes', 'bytes', 'Resident bytes that are not active.'),
  gauge('rss_overhead_ratio', 'ratio', 'Bytes of the process for each resident one of the allocator.'),
  gauge('rss_overhead_bytes', 'bytes', 'Bytes of the process that do not belong to the allocator.'),
  gauge(
    'mem_fragmentation_ratio',
    'ratio',
    'Bytes of the process for each used one. Means nothing on a small data set, see redis_memory_fragmentation_ratio.',
  ),
  gauge(
    'mem_fragmentation_bytes',
    'bytes',
    'Bytes of the process that are not used; negative when memory was swapped out.',
  ),
  gauge(
    'active_defrag_running',
    'percent',
    'Share of CPU time that active defragmentation takes now, in percent; 0 when it does not run.',
  ),
];

const parts = [
  gauge('maxmemory', 'bytes', 'Limit of used memory; 0 when there is none, see redis_memory_limit_bytes.', {
    as: 'memory_max_bytes',
  }),
  gauge('maxmemory_reservation', 'bytes', 'Reserved for what is not data; Azure only.', {
    as: 'memory_max_reservation_bytes',
  }),
  gauge('maxmemory_desired_reservation', 'bytes', 'To be reserved for what is not data; Azure only.', {
    as: 'memory_max_reservation_desired_bytes',
  }),
  gauge('maxfragmentationmemory_reservation', 'bytes', 'Reserved for fragmentation; Azure only.', {
    as: 'memory_max_fragmentation_reservation_bytes',
  }),
  gauge('maxfragmentationmemory_desired_reservation', 'bytes', 'To be reserved for fragmentation; Azure only.', {
    as: 'memory_max_fragmentation_reservation_desired_bytes',
  }),
  gauge('total_system_memory', 'bytes', 'Memory of the machine or, in a container, of its host.', {
    as: 'total_system_memory_bytes',
  }),
  gauge('mem_clients_slaves', 'bytes', 'Bytes of the buffers of replicas.'),
  gauge('mem_clients_normal', 'bytes', 'Bytes of the buffers of clients.'),
  gauge('mem_cluster_links', 'bytes', 'Bytes of the links of the cluster bus.', { as: 'mem_cluster_links_bytes' }),
  gauge('mem_aof_buffer', 'bytes', 'Bytes that wait to be written to the append-only file.', {
    as: 'mem_aof_buffer_bytes',
  }),
  gauge('mem_replication_backlog', 'bytes', 'Bytes of the replication backlog.', {
    as: 'mem_replication_backlog_bytes',
  }),
  gauge('mem_not_counted_for_evict', 'bytes', 'Used bytes that do not count against the limit.', {
    as: 'mem_not_counted_for_eviction_bytes',
  }),
  gauge('mem_total_replication_buffers', 'bytes', 'Bytes of all buffers for replication; from Redis 7.0 on.', {
    as: 'mem_total_replication_buffers_bytes',
  }),
  gauge(
    'mem_replicas_repl_buffer',
    'bytes',
    'Bytes that a replica keeps while it is synchronised; from Valkey 8.0 on.',
    {
      as: 'mem_replicas_repl_buffer_bytes',
    },
  ),
  gauge(
    'mem_replica_full_sync_buffer',
    'bytes',
    'Bytes that a replica keeps while it is given all data; from Redis 8.0 on.',
    {
      as: 'mem_replica_full_sync_buffer_bytes',
    },
  ),
  gauge('mem_cluster_slot_import', 'bytes', 'Bytes of slots that are being imported; from Valkey 9.0 on.', {
    as: 'mem_cluster_slot_import_bytes',
  }),
  gauge('mem_cluster_slot_export', 'bytes', 'Bytes of slots that are being exported; from Valkey 9.0 on.', {
    as: 'mem_cluster_slot_export_bytes',
  }),
  gauge('mem_overhead_db_hashtable_rehashing', 'bytes', 'Bytes for growing the tables of keys; from Redis 7.4 on.', {
    as: 'mem_overhead_db_hashtable_rehashing_bytes',
  }),
  gauge('lazyfree_pending_objects', 'objects', 'Objects that wait to be freed in the background.'),
  counter('lazyfreed_objects', 'objects', 'Objects that were freed in the background.'),
  counter('storage_provider_read_hits', 'reads', 'Reads that the storage provider answered; KeyDB only.'),
  counter('storage_provider_read_misses', 'reads', 'Reads that the storage provider did not answer; KeyDB only.'),
];

const limit = metric({
  name: 'redis_memory_limit_bytes',
  type: 'gauge',
  help: 'Limit of used memory; no sample when there is none.',
  labels: [],
  source: 'INFO memory: maxmemory',
  unit: 'bytes',
});
const limitUsed = metric({
  name: 'redis_memory_limit_used_ratio',
  type: 'gauge',
  help: 'Share of the limit that is in use, as eviction counts it: buffers of replicas and of the append-only file apart. No sample without a limit.',
  labels: [],
  source: 'INFO memory: (used_memory - mem_not_counted_for_evict) / maxmemory',
  unit: 'ratio',
});
const fragmentation = metric({
  name: 'redis_memory_fragmentation_ratio',
  type: 'gauge',
  help: 'Bytes of the process for each used one, from 100 MiB of used memory on: below, the program itself weighs more than the data. Below 1 memory was swapped out.',
  labels: [],
  source: 'INFO memory: used_memory_rss / used_memory',
  unit: 'ratio',
});
const overhead = metric({
  name: 'redis_memory_overhead_ratio',
  type: 'gauge',
  help: 'Share of used memory, what an empty server takes apart, that is buffers and structures and not data.',
  labels: [],
  source: 'INFO memory: (used_memory_overhead - used_memory_startup) / (used_memory - used_memory_startup)',
  unit: 'ratio',
});
const policy = metric({
  name: 'redis_memory_policy_info',
  type: 'info',
  help: 'Always 1; the label tells what is evicted when the limit is reached. noeviction: writes fail then.',
  labels: ['policy'],
  source: 'INFO memory: maxmemory_policy',
  unit: 'info',
});

const smallestFragmentedBytes = 100 * 2 ** 20;
const fields = [...used, ...allocator, ...parts];

export const memory: RedisFamily = {
  name: 'memory',
  about: 'Memory: used, resident, peak, the limit and how near it is, fragmentation, overhead, the policy of eviction.',
  metrics: [limit, limitUsed, fragmentation, overhead, policy, ...metricsOf(fields)],
  enabledByDefault: true,
  read: ({ info }) => [...derivedSamples(info), ...fieldSamples(info, fields)],
};

function derivedSamples(info: Info): Sample[] {
  const samples: Sample[] = [];
  const usedBytes = info.number('used_memory');
  const maxBytes = info.number('maxmemory') ?? 0;
  if (usedBytes !== undefined && maxBytes > 0) {
    const counted = usedBytes - (info.number('mem_not_counted_for_evict') ?? 0);
    samples.push(sample(limit, maxBytes, {}), sample(limitUsed, counted / maxBytes, {}));
  }
  const residentBytes = info.number('used_memory_rss');
  if (usedBytes !== undefined && residentBytes !== undefined && usedBytes >= smallestFragmentedBytes) {
    samples.push(sample(fragmentation, residentBytes / usedBytes, {}));
  }
  const [overheadBytes, emptyBytes] = [info.number('used_memory_overhead'), info.number('used_memory_startup')];
  if (usedBytes !== undefined && overheadBytes !== undefined && emptyBytes !== undefined && usedBytes > emptyBytes) {
    samples.push(sample(overhead, (overheadBytes - emptyBytes) / (usedBytes - emptyBytes), {}));
  }
  const evicts = info.text('maxmemory_policy');
  if (evicts !== undefined) samples.push(sample(policy, 1, { policy: evicts }));
  return samples;
}
