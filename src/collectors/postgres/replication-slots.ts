import { type Metric, metric, sample } from '../../core/metric.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import { type ColumnMetric, columnSamples, labelOf } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';

function gauge<const L extends string>(
  suffix: string,
  labels: readonly L[],
  unit: string,
  source: string,
  help: string,
): Metric<L> {
  return metric({ name: `pg_replication_slots_${suffix}`, type: 'gauge', help, labels, source, unit });
}

const retained =
  'Bytes of WAL between the present position and the oldest that the slot still needs; absent for a slot that was never used';

const columns: readonly ColumnMetric[] = [
  {
    column: 'active',
    metric: gauge(
      'active',
      ['slot_name', 'database'],
      'boolean',
      'pg_replication_slots.active',
      'Whether somebody is streaming from the slot.',
    ),
  },
  {
    column: 'active',
    metric: gauge(
      'slot_is_active',
      ['slot_name', 'slot_type'],
      'boolean',
      'pg_replication_slots.active',
      'Whether somebody is streaming from the slot.',
    ),
  },
  {
    column: 'retained',
    metric: gauge(
      'pg_wal_lsn_diff',
      ['slot_name', 'database'],
      'bytes',
      'pg_replication_slots.restart_lsn',
      `${retained}. The same as pg_replication_slots_retained_bytes, which says what it is.`,
    ),
  },
  {
    column: 'retained',
    metric: gauge(
      'retained_bytes',
      ['slot_name', 'slot_type', 'database'],
      'bytes',
      'pg_replication_slots.restart_lsn',
      `${retained}.`,
    ),
  },
  {
    column: 'current_lsn',
    metric: gauge(
      'slot_current_wal_lsn',
      ['slot_name', 'slot_type'],
      'bytes',
      'pg_current_wal_lsn(), on a standby pg_last_wal_receive_lsn()',
      'Position in the WAL of this server, in bytes; the same for every slot.',
    ),
  },
  {
    column: 'confirmed_flush_lsn',
    metric: gauge(
      'slot_confirmed_flush_lsn',
      ['slot_name', 'slot_type'],
      'bytes',
      'pg_replication_slots.confirmed_flush_lsn',
      'Position in the WAL that the reader of the slot has confirmed, in bytes, while it is connected; 0 for physical slots, which know none.',
    ),
  },
  {
    column: 'safe_wal_size',
    metric: gauge(
      'safe_wal_size_bytes',
      ['slot_name', 'slot_type'],
      'bytes',
      'pg_replication_slots.safe_wal_size',
      'Bytes of WAL that can still be written before the slot may be lost; absent without max_slot_wal_keep_size. From PostgreSQL 13 on.',
    ),
  },
  {
    column: 'inactive',
    metric: gauge(
      'inactive_seconds',
      ['slot_name', 'slot_type'],
      'seconds',
      'pg_replication_slots.inactive_since',
      'Seconds since somebody was streaming from the slot; absent while somebody does. From PostgreSQL 17 on.',
    ),
  },
];

const walStatus = gauge(
  'wal_status',
  ['slot_name', 'slot_type', 'wal_status'],
  'info',
  'pg_replication_slots.wal_status',
  'Always 1; the label tells whether the WAL that the slot needs is there: reserved, extended, unreserved or lost. From PostgreSQL 13 on.',
);

function slotsSql({ version }: PostgresSession): string {
  const safeSize = version >= 130_000 ? 'r.safe_wal_size' : 'NULL';
  const status = version >= 130_000 ? 'r.wal_status' : 'NULL';
  const inactiveSince = version >= 170_000 ? 'r.inactive_since' : 'NULL::timestamptz';
  return `
WITH here AS (
  SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS lsn
)
SELECT r.slot_name, r.slot_type, r.database, r.active,
       pg_wal_lsn_diff(h.lsn, '0/0') AS current_lsn,
       pg_wal_lsn_diff(h.lsn, r.restart_lsn) AS retained,
       CASE WHEN r.active THEN coalesce(pg_wal_lsn_diff(r.confirmed_flush_lsn, '0/0'), 0) END AS confirmed_flush_lsn,
       ${safeSize} AS safe_wal_size, ${status} AS wal_status,
       extract(epoch FROM clock_timestamp() - ${inactiveSince}) AS inactive
  FROM here h CROSS JOIN pg_replication_slots r`;
}

export const replicationSlots: PostgresCollector = {
  name: 'replication_slots',
  about: 'What the replication slots of this server hold back.',
  scope: 'server',
  metrics: [...columns.map(({ metric }) => metric), walStatus],
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, slotsSql(source.session), context);
    const withStatus = rows.filter((row) => row['wal_status'] !== null);
    return [
      ...columnSamples(rows, columns),
      ...withStatus.map((row) =>
        sample(walStatus, 1, {
          slot_name: labelOf(row, 'slot_name'),
          slot_type: labelOf(row, 'slot_type'),
          wal_status: labelOf(row, 'wal_status'),
        }),
      ),
    ];
  },
};
