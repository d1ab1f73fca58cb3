import { fieldSamples, metricsOf, section } from './fields.ts';
import type { RedisFamily } from './source.ts';

const { gauge, counter } = section('persistence');

const loading = [
  gauge('loading', 'boolean', 'Whether the server loads its data and answers nothing else meanwhile.', {
    as: 'loading_dump_file',
  }),
  gauge('async_loading', 'boolean', 'Whether the server loads data while it answers from the old; from Redis 7.0 on.'),
  gauge('loading_start_time', 'seconds', 'When loading began, in seconds since 1970; none while nothing is loaded.', {
    as: 'loading_start_timestamp_seconds',
  }),
  gauge('loading_total_bytes', 'bytes', 'Size of the file that is being loaded; none while nothing is.', {
    as: 'loading_size_bytes',
  }),
  gauge('loading_loaded_bytes', 'bytes', 'Bytes that are loaded so far; none while nothing is.'),
  gauge('loading_loaded_perc', 'ratio', 'Share that is loaded so far; none while nothing is.', {
    as: 'loading_progress_ratio',
    factor: 0.01,
  }),
  gauge(
    'loading_eta_seconds',
    'seconds',
    'Seconds that loading is expected to take yet; none while nothing is loaded.',
  ),
];

const rdb = [
  gauge(
    'rdb_changes_since_last_save',
    'changes',
    'Changes since the last snapshot that succeeded: lost in a crash without an append-only file.',
  ),
  gauge('rdb_bgsave_in_progress', 'boolean', 'Whether a snapshot is being written.'),
  gauge(
    'rdb_last_save_time',
    'seconds',
    'When the last snapshot succeeded, in seconds since 1970. On a server that never saved this is its start.',
    {
      as: 'rdb_last_save_timestamp_seconds',
    },
  ),
  gauge('rdb_last_bgsave_status', 'boolean', 'Whether the last snapshot succeeded; 1 also when there was none.', {
    yes: 'ok',
  }),
  gauge('rdb_last_bgsave_time_sec', 'seconds', 'Seconds that the last snapshot took; -1 when there was none.', {
    as: 'rdb_last_bgsave_duration_sec',
  }),
  gauge('rdb_current_bgsave_time_sec', 'seconds', 'Seconds since the present snapshot began; -1 while there is none.', {
    as: 'rdb_current_bgsave_duration_sec',
  }),
  counter('rdb_saves', 'snapshots', 'Snapshots since the start; from Redis 7.0 on.', { as: 'rdb_saves_total' }),
  gauge('rdb_last_cow_size', 'bytes', 'Bytes that were copied for the last snapshot because they changed meanwhile.', {
    as: 'rdb_last_cow_size_bytes',
  }),
  gauge(
    'rdb_last_load_keys_expired',
    'keys',
    'Keys that had expired when the data was loaded at the start; from Redis 7.0 on.',
    {
      as: 'rdb_last_load_expired_keys',
    },
  ),
  gauge('rdb_last_load_keys_loaded', 'keys', 'Keys that were loaded at the start; from Redis 7.0 on.', {
    as: 'rdb_last_load_loaded_keys',
  }),
];

const aof = [
  gauge('aof_enabled', 'boolean', 'Whether an append-only file is written.'),
  gauge('aof_rewrite_in_progress', 'boolean', 'Whether the append-only file is being rewritten.'),
  gauge('aof_rewrite_scheduled', 'boolean', 'Whether a rewrite waits for the present snapshot to end.'),
  gauge('aof_last_rewrite_time_sec', 'seconds', 'Seconds that the last rewrite took; -1 when there was none.', {
    as: 'aof_last_rewrite_duration_sec',
  }),
  gauge('aof_current_rewrite_time_sec', 'seconds', 'Seconds since the present rewrite began; -1 while there is none.', {
    as: 'aof_current_rewrite_duration_sec',
  }),
  counter('aof_rewrites', 'rewrites', 'Rewrites of the append-only file since the start; from Redis 7.0 on.', {
    as: 'aof_rewrites_total',
  }),
  gauge(
    'aof_rewrites_consecutive_failures',
    'rewrites',
    'Rewrites that failed one after the other, the last included.',
  ),
  gauge('aof_last_cow_size', 'bytes', 'Bytes that were copied for the last rewrite because they changed meanwhile.', {
    as: 'aof_last_cow_size_bytes',
  }),
  gauge('aof_current_size', 'bytes', 'Size of the append-only file.', { as: 'aof_current_size_bytes' }),
  gauge('aof_base_size', 'bytes', 'Size of the append-only file after the last rewrite, or at the start.', {
    as: 'aof_base_size_bytes',
  }),
  gauge('aof_pending_rewrite', 'boolean', 'Whether a rewrite was asked for and has not begun.'),
  gauge('aof_buffer_length', 'bytes', 'Bytes that wait to be written to the append-only file.'),
  gauge('aof_rewrite_buffer_length', 'bytes', 'Bytes that came in during the rewrite; before Redis 7.0.'),
  gauge('aof_pending_bio_fsync', 'calls', 'Calls of fsync that wait in the background.'),
  counter('aof_delayed_fsync', 'calls', 'Writes that had to wait because the last fsync was not finished.'),
  gauge('aof_last_bgrewrite_status', 'boolean', 'Whether the last rewrite succeeded; 1 also when there was none.', {
    yes: 'ok',
  }),
  gauge('aof_last_write_status', 'boolean', 'Whether the last write to the append-only file succeeded.', { yes: 'ok' }),
];

const fork = [
  gauge('module_fork_in_progress', 'boolean', 'Whether a module has forked.'),
  gauge(
    'slot_migration_fork_in_progress',
    'boolean',
    'Whether the server has forked to give slots away; Valkey from 9.0 on.',
  ),
  gauge(
    'backup_in_progress',
    'boolean',
    'Whether a backup that the server takes by itself is running; from Redis 8.10 on.',
  ),
  gauge('module_fork_last_cow_size', 'bytes', 'Bytes that were copied for the last fork of a module.'),
  gauge('current_cow_size', 'bytes', 'Bytes copied so far for the present snapshot or rewrite.', {
    as: 'save_cow_size_bytes',
  }),
  gauge('current_cow_peak', 'bytes', 'Most bytes copied so far for the present snapshot or rewrite.', {
    as: 'save_cow_peak_bytes',
  }),
  gauge('current_cow_size_age', 'seconds', 'Seconds since the copied bytes were counted.', {
    as: 'save_cow_size_age_seconds',
  }),
  gauge('current_fork_perc', 'ratio', 'Progress of the present snapshot or rewrite, from 0 to 1.', {
    as: 'save_progress_ratio',
    factor: 0.01,
  }),
  gauge('current_save_keys_processed', 'keys', 'Keys that the present snapshot or rewrite has written.', {
    as: 'save_keys_processed',
  }),
  gauge('current_save_keys_total', 'keys', 'Keys that there were when the present snapshot or rewrite began.', {
    as: 'save_keys_expected',
  }),
];

const fields = [...loading, ...rdb, ...aof, ...fork];

export const persistence: RedisFamily = {
  name: 'persistence',
  about: 'Snapshots, the append-only file, and the progress of saving and loading.',
  metrics: metricsOf(fields),
  enabledByDefault: true,
  read: ({ info }) => fieldSamples(info, fields),
};
