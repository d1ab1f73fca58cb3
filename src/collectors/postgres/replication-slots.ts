import { type Metric, metric, sample } from '../../core/metric.ts';
import type { PostgresSession, Row } from '../../targets/postgres/session.ts';
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
  {
    column: 'inactive_since',
    metric: gauge(
      'inactive_since_timestamp_seconds',
      ['slot_name', 'slot_type'],
      'seconds',
      'pg_replication_slots.inactive_since',
      'When the slot was last streamed from, in seconds since 1970; absent while somebody does. From PostgreSQL 17 on.',
    ),
  },
  {
    column: 'xmin_age',
    metric: gauge(
      'xmin_age_transactions',
      ['slot_name', 'slot_type'],
      'transactions',
      'age(pg_replication_slots.xmin)',
      'Transactions since the oldest one whose rows the slot keeps from vacuum; absent where it keeps none.',
    ),
  },
  {
    column: 'catalog_xmin_age',
    metric: gauge(
      'catalog_xmin_age_transactions',
      ['slot_name', 'slot_type'],
      'transactions',
      'age(pg_replication_slots.catalog_xmin)',
      'Transactions since the oldest one whose catalogue rows the slot keeps from vacuum; absent for physical slots.',
    ),
  },
  {
    column: 'conflicting',
    metric: gauge(
      'conflicting',
      ['slot_name', 'slot_type'],
      'boolean',
      'pg_replication_slots.conflicting',
      'Whether a logical slot on this standby was invalidated by a conflict with recovery; absent for physical slots. From PostgreSQL 16 on.',
    ),
  },
];

const invalidated = gauge(
  'invalidated',
  ['slot_name', 'slot_type', 'reason'],
  'info',
  'pg_replication_slots.invalidation_reason, wal_status',
  'Always 1, for slots that cannot be used any more; the label tells why (before PostgreSQL 17 only wal_removed). From PostgreSQL 13 on.',
);

const walStatus = gauge(
  'wal_status',
  ['slot_name', 'slot_type', 'wal_status'],
  'info',
  'pg_replication_slots.wal_status',
  'Always 1; the label tells whether the WAL that the slot needs is there: reserved, extended, unreserved or lost. From PostgreSQL 13 on.',
);

/** Columns that not every version has, by name, with the version and an expression for those before it. */
const newerColumns = [
  { since: 130_000, expression: 'r.safe_wal_size', name: 'safe_wal_size' },
  { since: 130_000, expression: 'r.wal_status', name: 'wal_status' },
  { since: 160_000, expression: 'r.conflicting', name: 'conflicting' },
  { since: 170_000, expression: 'extract(epoch FROM r.inactive_since)', name: 'inactive_since' },
  { since: 170_000, expression: 'extract(epoch FROM clock_timestamp() - r.inactive_since)', name: 'inactive' },
  { since: 170_000, expression: 'r.invalidation_reason', name: 'invalidation_reason' },
];

function slotsSql({ version }: PostgresSession): string {
  const newer = newerColumns.map(
    ({ since, expression, name }) => `${version >= since ? expression : 'NULL'} AS ${name}`,
  );
  return `
WITH here AS (
  SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS lsn
)
SELECT r.slot_name, r.slot_type, r.database, r.active,
       pg_wal_lsn_diff(h.lsn, '0/0') AS current_lsn,
       pg_wal_lsn_diff(h.lsn, r.restart_lsn) AS retained,
       CASE WHEN r.active THEN coalesce(pg_wal_lsn_diff(r.confirmed_flush_lsn, '0/0'), 0) END AS confirmed_flush_lsn,
       age(r.xmin) AS xmin_age, age(r.catalog_xmin) AS catalog_xmin_age,
       ${newer.join(', ')}
  FROM here h CROSS JOIN pg_replication_slots r`;
}

function identity(row: Row) {
  return { slot_name: labelOf(row, 'slot_name'), slot_type: labelOf(row, 'slot_type') };
}

function invalidation(row: Row): string | null {
  return row['invalidation_reason'] ?? (row['wal_status'] === 'lost' ? 'wal_removed' : null);
}

export const replicationSlots: PostgresCollector = {
  name: 'replication_slots',
  about: 'What the replication slots of this server hold back.',
  scope: 'server',
  metrics: [...columns.map(({ metric }) => metric), walStatus, invalidated],
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, slotsSql(source.session), context);
    return [
      ...columnSamples(rows, columns),
      ...rows.flatMap((row) => {
        const { wal_status } = row;
        return wal_status == null ? [] : [sample(walStatus, 1, { ...identity(row), wal_status })];
      }),
      ...rows.flatMap((row) => {
        const reason = invalidation(row);
        return reason === null ? [] : [sample(invalidated, 1, { ...identity(row), reason })];
      }),
    ];
  },
};
