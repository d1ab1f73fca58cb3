import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows, requireVersion } from './source.ts';
import { metricsOf, selectList, type VersionedColumn } from './versioned-columns.ts';

const slot = metricsOf({
  prefix: 'pg_stat_replication_slots',
  name: 'pg_stat_replication_slots',
  labels: ['slot_name'],
});

function counter(column: string, unit: string, help: string): VersionedColumn {
  return slot(`${column}_total`, { column, unit, help });
}

const columns: readonly VersionedColumn[] = [
  counter(
    'spill_txns',
    'transactions',
    'Transactions whose changes did not fit in logical_decoding_work_mem and were written to disk.',
  ),
  counter('spill_count', 'times', 'Times changes were written to disk; a transaction may be more than once.'),
  counter('spill_bytes', 'bytes', 'Bytes of changes that were written to disk.'),
  counter(
    'stream_txns',
    'transactions',
    'Transactions that were sent while they were still in progress, because they did not fit in memory.',
  ),
  counter('stream_count', 'times', 'Times changes of transactions in progress were sent.'),
  counter('stream_bytes', 'bytes', 'Bytes of changes of transactions in progress that were sent.'),
  slot('txns_total', { column: 'total_txns', unit: 'transactions', help: 'Transactions decoded for the slot.' }),
  slot('bytes_total', { column: 'total_bytes', unit: 'bytes', help: 'Bytes of changes decoded for the slot.' }),
  slot('stats_reset_timestamp_seconds', {
    column: 'stats_reset',
    unit: 'seconds',
    expression: 'extract(epoch FROM t.stats_reset)',
    help: 'When these statistics were reset, in seconds since 1970; absent when they never were.',
  }),
];

export const logicalSlots: PostgresCollector = {
  name: 'logical_slots',
  about: 'What decoding costs for each logical replication slot. From PostgreSQL 14 on.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    requireVersion(source, 14);
    const sql = `SELECT t.slot_name, ${selectList(columns, 't')} FROM pg_stat_replication_slots t`;
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
