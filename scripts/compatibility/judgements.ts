/** What is to be said of a peer's metric beyond "it is here too". */
export type Judgement =
  /** Kept as it is, because dashboards use it; `twins` tell the same correctly. */
  | { readonly wrong: string; readonly twins: readonly string[] }
  /** Kept under its name, with another type or other labels. */
  | { readonly differs: string }
  | { readonly leftOut: string };

const otherProgram = 'about the process of the exporter, not about the server: see `watchkeeper_*` and `process_*`';
const serverLabel = 'without the label `server`: `target` says which server it is';
const oldVersions = 'PostgreSQL 9 only; 12 is the oldest version that is watched';
const instantAsCounter = 'an instant that is typed as a counter, so that `rate()` of it means nothing';
const millisecondsUnnamed = 'in milliseconds, which the name does not say';
const walPositionAsCounter = 'a position typed as a counter';
const isCounter = { differs: 'as a counter, which it is' } as const;

export const postgresExporter: Readonly<Record<string, Judgement>> = {
  'go_*': { leftOut: 'a Go program has them; a Node.js program has `nodejs_*`' },
  'process_*': { differs: 'about the process of Watchkeeper; only on `/metrics`' },
  postgres_exporter_build_info: { leftOut: otherProgram },
  postgres_exporter_config_last_reload_successful: {
    leftOut: 'see `watchkeeper_config_last_reload_successful`',
  },
  postgres_exporter_config_last_reload_success_timestamp_seconds: {
    leftOut: 'see `watchkeeper_config_last_reload_success_timestamp_seconds`',
  },
  pg_exporter_user_queries_load_error: {
    leftOut:
      'a file with queries that cannot be read is refused with the configuration: see `watchkeeper_config_last_reload_successful`',
  },
  pg_stat_progress_vacuum_max_dead_tuples: {
    wrong: 'bytes from PostgreSQL 17 on, under a name that says tuples: it is absent there',
    twins: ['pg_stat_progress_vacuum_max_dead_tuple_bytes'],
  },
  pg_stat_progress_vacuum_num_dead_tuples: {
    differs:
      'rows in every version; from PostgreSQL 17 on the peer gives bytes: see `pg_stat_progress_vacuum_dead_tuple_bytes`',
  },
  pg_process_idle_seconds: {
    differs: 'of the 50 largest groups, where the peer shows one and fails when nobody is idle',
  },
  pg_stat_activity_autovacuum_timestamp_seconds: {
    differs: 'without the words "(to prevent wraparound)" in the name: see `pg_autovacuum_wraparound_workers`',
  },
  pg_exporter_last_scrape_error: { differs: 'also 1 when a family fails, or when the target is down' },
  pg_exporter_scrapes_total: { differs: 'of each target' },
  pg_scrape_collector_success: { differs: 'with the names of our families' },
  pg_scrape_collector_duration_seconds: {
    differs: 'with the names of our families, and without waiting for a connection',
  },
  pg_stat_database_conflicts_confl_tablespace: { differs: serverLabel },
  pg_stat_database_conflicts_confl_lock: { differs: serverLabel },
  pg_stat_database_conflicts_confl_snapshot: { differs: serverLabel },
  pg_stat_database_conflicts_confl_bufferpin: { differs: serverLabel },
  pg_stat_database_conflicts_confl_deadlock: { differs: serverLabel },
  pg_stat_database_conflicts_confl_active_logicalslot: {
    differs: `a counter, where the peer has no type; ${serverLabel}`,
  },
  pg_static: { differs: `a gauge, where the peer has no type; ${serverLabel}` },
  pg_replication_slots_pg_xlog_location_diff: { leftOut: oldVersions },
  pg_stat_replication_pg_xlog_location_diff: { leftOut: oldVersions },
  pg_xlog_location_bytes: { leftOut: oldVersions },
  pg_database_wraparound_age_datfrozenxid_seconds: {
    wrong: 'a number of transactions that calls itself seconds',
    twins: ['pg_wraparound_xid_age_transactions', 'pg_wraparound_ratio'],
  },
  pg_database_wraparound_age_datminmxid_seconds: {
    wrong: 'a number of multixacts that calls itself seconds',
    twins: ['pg_wraparound_mxid_age_multixacts', 'pg_wraparound_mxid_ratio'],
  },
  pg_long_running_transactions_oldest_timestamp_seconds: {
    wrong: 'an age that calls itself a timestamp',
    twins: ['pg_long_running_transactions_oldest_age_seconds'],
  },
  pg_replication_lag_seconds: {
    wrong: 'reads 0 when the link to the primary is cut',
    twins: ['pg_replication_standby_lag_seconds', 'pg_replication_receiver_up'],
  },
  pg_replication_slots_pg_wal_lsn_diff: {
    wrong: 'bytes, which the name does not say',
    twins: ['pg_replication_slots_retained_bytes'],
  },
  pg_stat_bgwriter_stats_reset_total: {
    wrong: instantAsCounter,
    twins: ['pg_stat_bgwriter_stats_reset_timestamp_seconds'],
  },
  pg_stat_bgwriter_checkpoint_write_time_total: {
    wrong: `${millisecondsUnnamed}; gone from PostgreSQL 17 on`,
    twins: ['pg_checkpoint_write_seconds_total'],
  },
  pg_stat_bgwriter_checkpoint_sync_time_total: {
    wrong: `${millisecondsUnnamed}; gone from PostgreSQL 17 on`,
    twins: ['pg_checkpoint_sync_seconds_total'],
  },
  pg_stat_bgwriter_checkpoints_timed_total: {
    wrong: 'gone from PostgreSQL 17 on',
    twins: ['pg_checkpoints_timed_total'],
  },
  pg_stat_bgwriter_checkpoints_req_total: {
    wrong: 'gone from PostgreSQL 17 on',
    twins: ['pg_checkpoints_requested_total'],
  },
  pg_stat_checkpointer_stats_reset_total: {
    wrong: instantAsCounter,
    twins: ['pg_stat_checkpointer_stats_reset_timestamp_seconds'],
  },
  pg_stat_checkpointer_write_time_total: {
    wrong: millisecondsUnnamed,
    twins: ['pg_checkpoint_write_seconds_total'],
  },
  pg_stat_checkpointer_sync_time_total: { wrong: millisecondsUnnamed, twins: ['pg_checkpoint_sync_seconds_total'] },
  pg_stat_database_blk_read_time: { wrong: millisecondsUnnamed, twins: ['pg_stat_database_blk_read_seconds_total'] },
  pg_stat_database_blk_write_time: { wrong: millisecondsUnnamed, twins: ['pg_stat_database_blk_write_seconds_total'] },
  pg_stat_database_stats_reset: {
    wrong: instantAsCounter,
    twins: ['pg_stat_database_stats_reset_timestamp_seconds'],
  },
  pg_stat_replication_pg_wal_lsn_diff: {
    wrong: 'bytes, which the name does not say',
    twins: ['pg_stat_replication_replay_lsn_bytes'],
  },
  pg_stat_wal_receiver_receive_start_lsn: {
    wrong: walPositionAsCounter,
    twins: ['pg_replication_received_wal_lsn_bytes'],
  },
  pg_stat_wal_receiver_flushed_lsn: { wrong: walPositionAsCounter, twins: ['pg_replication_received_wal_lsn_bytes'] },
  pg_stat_wal_receiver_latest_end_lsn: {
    wrong: walPositionAsCounter,
    twins: ['pg_replication_received_wal_lsn_bytes'],
  },
  pg_stat_wal_receiver_last_msg_send_time: {
    wrong: instantAsCounter,
    twins: ['pg_stat_wal_receiver_last_msg_receipt_age_seconds'],
  },
  pg_stat_wal_receiver_last_msg_receipt_time: {
    wrong: instantAsCounter,
    twins: ['pg_stat_wal_receiver_last_msg_receipt_age_seconds'],
  },
  pg_stat_wal_receiver_latest_end_time: {
    wrong: instantAsCounter,
    twins: ['pg_stat_wal_receiver_last_msg_receipt_age_seconds'],
  },
};

export const pgbouncerExporter: Readonly<Record<string, Judgement>> = {
  pgbouncer_pools_client_maxwait_seconds: {
    wrong: 'rounded down to whole seconds',
    twins: ['pgbouncer_pools_client_longest_wait_seconds'],
  },
  pgbouncer_stats_totals_queries_total: {
    wrong: 'read from a column that no PgBouncer since 1.8 has, so that there is never a sample',
    twins: ['pgbouncer_stats_totals_queries_pooled_total'],
  },
  pgbouncer_stats_totals_client_wait_seconds_total: {
    wrong: 'not counted before the client gets a server, so that it stands still while nobody gets any',
    twins: ['pgbouncer_pools_client_longest_wait_seconds'],
  },
  pgbouncer_exporter_build_info: { leftOut: otherProgram },
  'pgbouncer_process_*': {
    leftOut: 'reads a process of its own machine; the process of PgBouncer is the job of a node exporter',
  },
};

export const redisExporter: Readonly<Record<string, Judgement>> = {
  'go_*': { leftOut: 'a Go program has them; a Node.js program has `nodejs_*`' },
  'process_*': { differs: 'about the process of Watchkeeper; only on `/metrics`' },
  redis_exporter_build_info: { leftOut: otherProgram },
  redis_target_scrape_request_errors_total: {
    leftOut: 'requests for one target are answered with its figures or an HTTP status: see `up` of Prometheus',
  },
  redis_exporter_last_scrape_ping_time_seconds: {
    leftOut: 'nothing is asked only to see how long it takes: see `watchkeeper_collector_duration_seconds`',
  },
  redis_exporter_last_scrape_error: {
    differs:
      'without the text of the error in the label `err`, which makes a series of each: the log has it. Also 1 when a family fails',
  },
  redis_exporter_scrapes_total: { differs: 'of each target' },
  redis_exporter_last_scrape_connect_time_seconds: { differs: 'of the last login: connections are kept' },
  'redis_tile38_*': { leftOut: 'about Tile38, a database of its own that only speaks the same protocol' },
  redis_rdb_current_size_bytes: {
    leftOut: 'reads a file on the machine of the exporter, which is rarely that of the server',
  },
  redis_key_value_as_string: {
    leftOut: 'what stands in a database does not become a label: values that are numbers are in `redis_key_value`',
  },
  redis_memory_max_bytes: {
    wrong: '0 where there is no limit, so that a ratio to it is infinite',
    twins: ['redis_memory_limit_bytes', 'redis_memory_limit_used_ratio'],
  },
  redis_mem_fragmentation_ratio: {
    wrong: 'large on any server with little data',
    twins: ['redis_memory_fragmentation_ratio'],
  },
  redis_connected_slave_lag_seconds: {
    wrong: 'the age of the last acknowledgement, which is 0 or 1 also while the replica falls behind',
    twins: ['redis_connected_slave_lag_bytes'],
  },
  redis_latency_percentiles_usec: {
    wrong: 'of quantiles 50, 99 and 99.9, where 0.5, 0.99 and 0.999 are meant',
    twins: ['redis_commands_latency_seconds'],
  },
  redis_slowlog_length: {
    wrong: 'never more than `slowlog-max-len`, and 0 after a reset',
    twins: ['redis_slowlog_entries_total'],
  },
  redis_slowlog_last_id: {
    wrong: '0 also while the log is empty, so that a reset looks like a restart',
    twins: ['redis_slowlog_entries_total'],
  },
  redis_db_keys_cached: { differs: 'of KeyDB alone, where the peer takes whatever stands fourth' },
  redis_commands_latencies_usec: {
    differs: 'with the right sum also for commands with a `-`, `_` or `.` in their names, where the peer gives 0',
  },
  redis_module_info: { differs: 'also of modules that use or are used by several others, which the peer drops' },
  redis_stream_group_lag: { differs: 'with no sample where the server does not know it, where the peer gives 0' },
  redis_sentinel_master_ckquorum_status: {
    differs: 'with the first word of the message: each number in the rest would make a new series',
  },
  'redis_key_group_*': {
    differs: 'with groups that are found by themselves: what names have in common, numbers and identifiers apart',
  },
  redis_connected_client_info: { differs: 'of the 100 connections that take most memory' },
  redis_search_active_queries_total: { differs: 'as a gauge, which it is' },
  redis_script_values: { differs: 'by EVAL_RO, so that no script can write' },
  redis_sentinel_config_key_value: { differs: 'without any setting that may hold a password or a command' },
  redis_config_key_value: { differs: 'without any setting that may hold a password or a command, not only four' },
  redis_lazyfreed_objects: isCounter,
  redis_defrag_hits: isCounter,
  redis_defrag_misses: isCounter,
  redis_defrag_key_hits: isCounter,
  redis_defrag_key_misses: isCounter,
  redis_rdb_saves_total: isCounter,
  redis_aof_delayed_fsync: isCounter,
  redis_replica_resyncs_full: isCounter,
  redis_replica_partial_resync_accepted: isCounter,
  redis_replica_partial_resync_denied: isCounter,
  redis_cluster_messages_sent_total: isCounter,
  redis_cluster_messages_received_total: isCounter,
  'redis_cluster_stats_messages_*': isCounter,
  redis_long_lock_waits_total: isCounter,
};
