import { expect, test } from 'vitest';
import { redisEngineFamilies } from '../../../src/collectors/redis/index.ts';

const declared = redisEngineFamilies.flatMap(({ metrics }) => metrics);
const labelsOf = new Map(declared.map(({ name, labels }) => [name, labels.join(' ')]));

/**
 * redis_exporter's metrics that are on by default (and total_system_memory_bytes), by their labels: dashboards and alerts
 * know them. What it tells of itself is not among them.
 */
const peers: Readonly<Record<string, readonly string[]>> = {
  '': `
    uptime_in_seconds process_id io_threads_active connected_clients blocked_clients max_clients
    tracking_clients clients_in_timeout_table pubsub_clients watching_clients total_watched_keys
    total_blocking_keys total_blocking_keys_on_nokey client_longest_output_list client_biggest_input_buf
    client_recent_max_output_buffer_bytes client_recent_max_input_buffer_bytes allocator_active_bytes
    allocator_allocated_bytes allocator_resident_bytes allocator_frag_ratio allocator_frag_bytes
    allocator_muzzy_bytes allocator_rss_ratio allocator_rss_bytes memory_used_bytes
    memory_used_rss_bytes memory_used_peak_bytes memory_used_lua_bytes memory_used_vm_eval_bytes
    memory_used_scripts_eval_bytes memory_used_overhead_bytes memory_used_startup_bytes
    memory_used_dataset_bytes number_of_cached_scripts number_of_functions number_of_libraries
    memory_used_vm_functions_bytes memory_used_scripts_bytes memory_used_functions_bytes
    memory_used_vm_total memory_max_bytes memory_max_reservation_bytes
    memory_max_reservation_desired_bytes memory_max_fragmentation_reservation_bytes
    memory_max_fragmentation_reservation_desired_bytes mem_fragmentation_ratio mem_fragmentation_bytes
    mem_clients_slaves mem_clients_normal mem_cluster_links_bytes mem_aof_buffer_bytes
    mem_replication_backlog_bytes expired_stale_percentage mem_not_counted_for_eviction_bytes
    mem_total_replication_buffers_bytes mem_overhead_db_hashtable_rehashing_bytes
    lazyfree_pending_objects lazyfreed_objects active_defrag_running migrate_cached_sockets_total
    defrag_hits defrag_misses defrag_key_hits defrag_key_misses loading_dump_file async_loading
    rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_save_timestamp_seconds
    rdb_last_bgsave_status rdb_last_bgsave_duration_sec rdb_current_bgsave_duration_sec rdb_saves_total
    rdb_last_cow_size_bytes rdb_last_load_expired_keys rdb_last_load_loaded_keys aof_enabled
    aof_rewrite_in_progress aof_rewrite_scheduled aof_last_rewrite_duration_sec
    aof_current_rewrite_duration_sec aof_last_cow_size_bytes aof_current_size_bytes aof_base_size_bytes
    aof_pending_rewrite aof_buffer_length aof_rewrite_buffer_length aof_pending_bio_fsync
    aof_delayed_fsync aof_last_bgrewrite_status aof_last_write_status module_fork_in_progress
    module_fork_last_cow_size current_eviction_exceeded_time_ms pubsub_channels pubsub_patterns
    pubsubshard_channels latest_fork_seconds tracking_total_keys tracking_total_items
    tracking_total_prefixes instantaneous_eventloop_cycles_per_sec instantaneous_eventloop_duration_usec
    connected_slaves replication_backlog_bytes repl_backlog_is_active repl_backlog_first_byte_offset
    repl_backlog_history_bytes master_repl_offset second_repl_offset slave_expires_tracked_keys
    slave_priority replica_resyncs_full replica_partial_resync_accepted replica_partial_resync_denied
    cluster_messages_sent_total cluster_messages_received_total server_threads_total
    long_lock_waits_total current_client_thread connections_received_total commands_processed_total
    rejected_connections_total net_input_bytes_total net_output_bytes_total net_repl_input_bytes_total
    net_repl_output_bytes_total expired_subkeys_total expired_keys_total expired_time_cap_reached_total
    expire_cycle_cpu_time_ms_total evicted_keys_total evicted_clients_total evicted_scripts_total
    eviction_exceeded_time_ms_total keyspace_hits_total keyspace_misses_total eventloop_cycles_total
    eventloop_duration_sum_usec_total eventloop_duration_cmd_sum_usec_total cpu_sys_seconds_total
    cpu_user_seconds_total cpu_sys_children_seconds_total cpu_user_children_seconds_total
    cpu_sys_main_thread_seconds_total cpu_user_main_thread_seconds_total unexpected_error_replies
    total_error_replies dump_payload_sanitizations total_reads_processed total_writes_processed
    io_threaded_reads_processed io_threaded_writes_processed
    client_query_buffer_limit_disconnections_total client_output_buffer_limit_disconnections_total
    reply_buffer_shrinks_total reply_buffer_expands_total acl_access_denied_auth_total
    acl_access_denied_cmd_total acl_access_denied_key_total acl_access_denied_channel_total
    cached_keys_total storage_provider_read_hits storage_provider_read_misses
    active_time_main_thread_seconds_total total_system_memory_bytes start_time_seconds hz configured_hz
    cluster_enabled cluster_connections cluster_state cluster_slots_assigned cluster_slots_ok
    cluster_slots_pfail cluster_slots_fail cluster_known_nodes cluster_size cluster_current_epoch
    cluster_my_epoch config_maxmemory config_maxclients config_io_threads config_repl_backlog_size
    slowlog_length slowlog_last_id last_slow_execution_duration_seconds commandlog_slow_length
    commandlog_large_request_length commandlog_large_reply_length commandlog_execution_slower_than
    commandlog_slow_execution_max_len commandlog_request_larger_than commandlog_large_request_max_len
    commandlog_reply_larger_than commandlog_large_reply_max_len sentinel_masters sentinel_tilt
    sentinel_running_scripts sentinel_scripts_queue_length sentinel_simulate_failure_flags
    mem_replicas_repl_buffer_bytes expired_fields_total
    expired_keys_with_volatile_items_stale_percentage acl_access_denied_tls_cert_total
    acl_access_denied_db_total replicas_repl_buffer_size_bytes replicas_repl_buffer_peak_bytes
    replicas_waiting_psync tls_server_cert_expires_in_seconds tls_client_cert_expires_in_seconds
    tls_ca_cert_expires_in_seconds scripting_engines_count scripting_engines_memory_used_bytes
    scripting_engines_memory_overhead_bytes`
    .trim()
    .split(/\s+/),
  'role redis_version redis_build_id redis_mode os maxmemory_policy tcp_port run_id process_id master_replid valkey_version valkey_release_stage availability_zone':
    `
    instance_info`
      .trim()
      .split(/\s+/),
  'master_host master_port read_only': `
    slave_info`
    .trim()
    .split(/\s+/),
  'slave_ip slave_port slave_state': `
    connected_slave_offset_bytes connected_slave_lag_seconds`
    .trim()
    .split(/\s+/),
  'master_host master_port': `
    master_link_up master_last_io_seconds_ago master_sync_in_progress slave_repl_offset`
    .trim()
    .split(/\s+/),
  db: `
    db_keys db_keys_expiring db_avg_ttl_seconds db_keys_cached db_keys_with_expiring_items`
    .trim()
    .split(/\s+/),
  cmd: `
    commands_total commands_duration_seconds_total commands_rejected_calls_total
    commands_failed_calls_total latency_percentiles_usec commands_latencies_usec`
    .trim()
    .split(/\s+/),
  err: `
    errors_total`
    .trim()
    .split(/\s+/),
  event_name: `
    latency_spike_last latency_spike_duration_seconds`
    .trim()
    .split(/\s+/),
  thread: `
    active_time_io_thread_seconds_total`
    .trim()
    .split(/\s+/),
  'class limit': `
    config_client_output_buffer_limit_bytes config_client_output_buffer_limit_overcome_seconds`
    .trim()
    .split(/\s+/),
  'master_name master_address master_status': `
    sentinel_master_status`
    .trim()
    .split(/\s+/),
  'master_name master_address': `
    sentinel_master_slaves sentinel_master_sentinels sentinel_master_ok_slaves
    sentinel_master_ok_sentinels sentinel_master_setting_ckquorum
    sentinel_master_setting_failover_timeout sentinel_master_setting_parallel_syncs
    sentinel_master_setting_down_after_milliseconds sentinel_master_config_epoch
    sentinel_master_last_ok_ping_reply_seconds`
    .trim()
    .split(/\s+/),
  'master_name message': `
    sentinel_master_ckquorum_status`
    .trim()
    .split(/\s+/),
  'certificate serial': `
    tls_certificate_info`
    .trim()
    .split(/\s+/),
  'engine module abi_version': `
    scripting_engine_info scripting_engine_memory_used_bytes scripting_engine_memory_overhead_bytes`
    .trim()
    .split(/\s+/),
};

test.each(Object.entries(peers))('the metrics of redis_exporter with the labels "%s" have these', (labels, names) => {
  const ours = names.map((name) => `${name}: ${labelsOf.get(`redis_${name}`)}`);

  expect(ours).toEqual(names.map((name) => `${name}: ${labels}`));
});

test('what is only ever counted up is typed as a counter, also where redis_exporter calls it a gauge', () => {
  const names = [
    'rdb_saves_total',
    'cluster_messages_sent_total',
    'defrag_hits',
    'lazyfreed_objects',
    'replica_resyncs_full',
  ];

  const types = names.map((name) => declared.find((one) => one.name === `redis_${name}`)?.type);

  expect(types).toEqual(names.map(() => 'counter'));
});

test('families have different names that can stand in the configuration', () => {
  const names = redisEngineFamilies.map(({ name }) => name);

  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !/^[a-z][a-z_]*$/.test(name))).toEqual([]);
});
