import { type Metric, type MetricType, metric } from '../../core/metric.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import { NotApplicable } from '../collector.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { secondsSinceSql } from './seconds-since.ts';
import { type PostgresCollector, readRows, requireFullView } from './source.ts';

function receiver(suffix: string, type: MetricType, unit: string, help: string, source = suffix): Metric {
  const labels = ['upstream_host', 'slot_name', 'status'] as const;
  const name = `pg_stat_wal_receiver_${suffix}`;
  return metric({ name, type, help, labels, source: `pg_stat_wal_receiver.${source}`, unit });
}

const columns: readonly ColumnMetric[] = [
  {
    column: 'receive_start_lsn',
    metric: receiver(
      'receive_start_lsn',
      'counter',
      'bytes',
      'Position in the WAL from which streaming began, in bytes.',
    ),
  },
  {
    column: 'receive_start_tli',
    metric: receiver('receive_start_tli', 'gauge', 'timeline', 'Timeline on which streaming began.'),
  },
  {
    column: 'flushed_lsn',
    metric: receiver(
      'flushed_lsn',
      'counter',
      'bytes',
      'Position in the WAL up to which this standby has received and flushed, in bytes (in postgres_exporter modulo 2^52).',
      'flushed_lsn (received_lsn before PostgreSQL 13)',
    ),
  },
  {
    column: 'received_tli',
    metric: receiver('received_tli', 'gauge', 'timeline', 'Timeline of the last WAL received.'),
  },
  {
    column: 'last_msg_send_time',
    metric: receiver(
      'last_msg_send_time',
      'counter',
      'seconds',
      'When the upstream server sent its last message, by its clock, in seconds since 1970.',
    ),
  },
  {
    column: 'last_msg_receipt_time',
    metric: receiver(
      'last_msg_receipt_time',
      'counter',
      'seconds',
      'When this standby received that message, in seconds since 1970.',
    ),
  },
  {
    column: 'last_msg_age',
    metric: receiver(
      'last_msg_receipt_age_seconds',
      'gauge',
      'seconds',
      'Seconds since this standby received a message from its upstream server; half of wal_receiver_timeout at most while the link stands.',
      'last_msg_receipt_time',
    ),
  },
  {
    column: 'latest_end_lsn',
    metric: receiver(
      'latest_end_lsn',
      'counter',
      'bytes',
      'Position in the WAL that the upstream server told last, in bytes.',
    ),
  },
  {
    column: 'latest_end_time',
    metric: receiver('latest_end_time', 'counter', 'seconds', 'When it told that, in seconds since 1970.'),
  },
  {
    column: 'upstream_node',
    metric: receiver(
      'upstream_node',
      'gauge',
      'node',
      'Number N of the upstream server where the slot is called repmgr_slot_N.',
      'slot_name',
    ),
  },
];

function receiverSql({ version }: PostgresSession): string {
  const flushed = version >= 130_000 ? 'r.flushed_lsn' : 'r.received_lsn';
  return `
SELECT pg_is_in_recovery() AS is_replica, r.pid, r.sender_host AS upstream_host, r.slot_name, r.status,
       pg_wal_lsn_diff(r.receive_start_lsn, '0/0') AS receive_start_lsn, r.receive_start_tli,
       pg_wal_lsn_diff(${flushed}, '0/0') AS flushed_lsn, r.received_tli,
       extract(epoch FROM r.last_msg_send_time) AS last_msg_send_time,
       extract(epoch FROM r.last_msg_receipt_time) AS last_msg_receipt_time,
       ${secondsSinceSql('r.last_msg_receipt_time')} AS last_msg_age,
       pg_wal_lsn_diff(r.latest_end_lsn, '0/0') AS latest_end_lsn,
       extract(epoch FROM r.latest_end_time) AS latest_end_time,
       substring(r.slot_name FROM '^repmgr_slot_([0-9]+)$') AS upstream_node
  FROM (SELECT) AS here LEFT JOIN pg_stat_wal_receiver r ON true`;
}

export const walReceiver: PostgresCollector = {
  name: 'wal_receiver',
  about:
    'What a standby receives from the server upstream. No samples while it does not stream (see `pg_replication_receiver_up`); not applicable to a primary.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, receiverSql(source.session), context);
    if (rows.every((row) => row['is_replica'] === 'f')) throw new NotApplicable('the server is a primary');
    const receivers = rows.filter((row) => row['pid'] !== null);
    requireFullView(receivers, (row) => row['status'] !== null);
    return columnSamples(receivers, columns);
  },
};
