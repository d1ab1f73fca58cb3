import { expect, test } from 'vitest';
import { metricSections } from '../../../scripts/generate-metrics-reference.ts';
import { postgresCollectors } from '../../../src/collectors/postgres/index.ts';

const declared = metricSections().flatMap(({ metrics }) => metrics);
const labelsOf = new Map(declared.map(({ name, labels }) => [name, labels.join(' ')]));

/** postgres_exporter's metrics in these families: dashboards know these names and labels. */
const peers: Readonly<Record<string, readonly string[]>> = {
  '': [
    'pg_up',
    'pg_exporter_last_scrape_error',
    'pg_exporter_last_scrape_duration_seconds',
    'pg_exporter_scrapes_total',
    ...['buffers_used', 'buffers_unused', 'buffers_dirty', 'buffers_pinned', 'usagecount_avg'].map(
      (suffix) => `pg_buffercache_summary_${suffix}`,
    ),
    'pg_long_running_transactions',
    'pg_long_running_transactions_oldest_timestamp_seconds',
    'pg_postmaster_start_time_seconds',
    'pg_replication_is_replica',
    'pg_replication_lag_seconds',
    'pg_replication_last_replay_seconds',
  ],
  collector: ['pg_scrape_collector_success', 'pg_scrape_collector_duration_seconds'],
  relname: ['pg_stat_activity_autovacuum_timestamp_seconds'],
  'state application_name': ['pg_process_idle_seconds'],
  'queryid query': ['pg_stat_statements_query_id'],
  'datname relname': [
    'heap_blks',
    'heap_blks_scanned',
    'heap_blks_vacuumed',
    'index_vacuums',
    'max_dead_tuples',
    'num_dead_tuples',
  ].map((suffix) => `pg_stat_progress_vacuum_${suffix}`),
  'datname relname phase': ['pg_stat_progress_vacuum_phase'],
  datname: ['pg_database_size_bytes', 'pg_database_connection_limit'],
  'version short_version': ['pg_static'],
  'datname state usename application_name backend_type wait_event_type wait_event': [
    'pg_stat_activity_count',
    'pg_stat_activity_max_tx_duration',
  ],
  'datid datname': [
    'numbackends',
    'xact_commit',
    'xact_rollback',
    'blks_read',
    'blks_hit',
    'tup_returned',
    'tup_fetched',
    'tup_inserted',
    'tup_updated',
    'tup_deleted',
    'conflicts',
    'temp_files',
    'temp_bytes',
    'deadlocks',
    'blk_read_time',
    'blk_write_time',
    'stats_reset',
    'active_time_seconds_total',
    'conflicts_confl_tablespace',
    'conflicts_confl_lock',
    'conflicts_confl_snapshot',
    'conflicts_confl_bufferpin',
    'conflicts_confl_deadlock',
    'conflicts_confl_active_logicalslot',
  ].map((suffix) => `pg_stat_database_${suffix}`),
  'slot_name database': ['pg_replication_slots_active', 'pg_replication_slots_pg_wal_lsn_diff'],
  'slot_name slot_type': [
    'pg_replication_slots_safe_wal_size_bytes',
    'pg_replication_slots_slot_confirmed_flush_lsn',
    'pg_replication_slots_slot_current_wal_lsn',
    'pg_replication_slots_slot_is_active',
  ],
  'slot_name slot_type wal_status': ['pg_replication_slots_wal_status'],
  'application_name client_addr state slot_name pid': [
    'pg_stat_replication_pg_current_wal_lsn_bytes',
    'pg_stat_replication_pg_wal_lsn_diff',
  ],
  'user datname queryid': [
    'calls_total',
    'seconds_total',
    'rows_total',
    'block_read_seconds_total',
    'block_write_seconds_total',
  ].map((suffix) => `pg_stat_statements_${suffix}`),
  'datname schemaname relname': [
    ...[
      'seq_scan',
      'seq_tup_read',
      'idx_scan',
      'idx_tup_fetch',
      'n_tup_ins',
      'n_tup_upd',
      'n_tup_del',
      'n_tup_hot_upd',
      'n_live_tup',
      'n_dead_tup',
      'n_mod_since_analyze',
      'last_vacuum',
      'last_autovacuum',
      'last_analyze',
      'last_autoanalyze',
      'vacuum_count',
      'autovacuum_count',
      'analyze_count',
      'autoanalyze_count',
      'index_size_bytes',
      'table_size_bytes',
    ].map((suffix) => `pg_stat_user_tables_${suffix}`),
    ...['heap', 'idx', 'toast', 'tidx'].flatMap((part) => [
      `pg_statio_user_tables_${part}_blocks_read`,
      `pg_statio_user_tables_${part}_blocks_hit`,
    ]),
  ],
  'upstream_host slot_name status': [
    'flushed_lsn',
    'last_msg_receipt_time',
    'last_msg_send_time',
    'latest_end_lsn',
    'latest_end_time',
    'receive_start_lsn',
    'receive_start_tli',
    'received_tli',
    'upstream_node',
  ].map((suffix) => `pg_stat_wal_receiver_${suffix}`),
};

test.each(Object.entries(peers))(
  'the metrics of postgres_exporter with the labels "%s" have these',
  (labels, names) => {
    const ours = names.map((name) => `${name}: ${labelsOf.get(name)}`);

    expect(ours).toEqual(names.map((name) => `${name}: ${labels}`));
  },
);

test('no name is declared twice', () => {
  const names = declared.map(({ name }) => name);

  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test('names and labels are valid everywhere, and none takes the label that the scrape adds', () => {
  const valid = /^[a-z][a-z0-9_]*$/;

  expect(declared.filter(({ name }) => !valid.test(name))).toEqual([]);
  expect(declared.filter(({ labels }) => labels.some((label) => !valid.test(label) || label.startsWith('__')))).toEqual(
    [],
  );
  const ofTargets = metricSections().filter(({ withTarget }) => withTarget);
  const taken = ofTargets.flatMap(({ metrics }) => metrics).filter(({ labels }) => labels.includes('target'));
  expect(taken).toEqual([]);
});

test('every metric says what it is in a sentence', () => {
  expect(declared.filter(({ help }) => !/^[A-Z0-9].*\.$/s.test(help)).map(({ name }) => name)).toEqual([]);
});

test('a metric whose name ends like a counter is one', () => {
  const named = declared.filter(({ name }) => name.endsWith('_total'));

  // redis_exporter's names for what goes up and down; the help texts say so.
  const kept = ['redis_server_threads_total', 'redis_memory_used_vm_total', 'redis_migrate_cached_sockets_total'];
  expect(named.filter(({ name, type }) => type !== 'counter' && !kept.includes(name))).toEqual([]);
});

test('families have different names that can stand in the configuration', () => {
  const names = postgresCollectors.map(({ name }) => name);

  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !/^[a-z][a-z_]*$/.test(name))).toEqual([]);
});

test('families that look into each database name it', () => {
  const inside = postgresCollectors.filter(({ scope }) => scope === 'database').flatMap(({ metrics }) => metrics);

  expect(inside.filter(({ labels }) => !labels.includes('datname'))).toEqual([]);
});
