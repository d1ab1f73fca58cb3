import { secondsSince } from '../../core/clock.ts';
import { type Metric, metric } from '../../core/metric.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { Row } from '../../targets/postgres/session.ts';
import { type ColumnMetric, columnSamples, numberOf } from './columns.ts';
import { type PostgresCollector, type PostgresSource, readRows, requireFullView } from './source.ts';

function gauge(suffix: string, unit: string, source: string, help: string): Metric<never> {
  return metric({ name: `pg_replication_${suffix}`, type: 'gauge', help, labels: [], source, unit });
}

const columns: readonly ColumnMetric[] = [
  {
    column: 'is_replica',
    metric: gauge(
      'is_replica',
      'boolean',
      'pg_is_in_recovery()',
      'Whether this server is a standby (1) or a primary (0).',
    ),
  },
  {
    column: 'peer_lag',
    metric: gauge(
      'lag_seconds',
      'seconds',
      'pg_last_xact_replay_timestamp(), pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()',
      'Replication lag as postgres_exporter tells it: 0 whenever all that was received is replayed, so also when the link is cut. Kept for compatibility, see pg_replication_standby_lag_seconds.',
    ),
  },
  {
    column: 'last_replay',
    metric: gauge(
      'last_replay_seconds',
      'seconds',
      'pg_last_xact_replay_timestamp()',
      'Seconds since the newest replayed transaction was committed on the primary; grows while the primary is idle. 0 on a server that never replayed one.',
    ),
  },
  {
    column: 'standby_lag',
    metric: gauge(
      'standby_lag_seconds',
      'seconds',
      'pg_stat_wal_receiver, pg_last_xact_replay_timestamp()',
      'Seconds that this standby is behind: 0 while the link to the primary stands and all that came is replayed, however idle the primary is; otherwise the age of the newest replayed transaction, which grows while the link is cut (a link that swallows everything counts as cut after wal_receiver_timeout). Absent on a primary.',
    ),
  },
  {
    column: 'receiver_up',
    metric: gauge(
      'receiver_up',
      'boolean',
      'pg_stat_wal_receiver.status',
      'Whether this standby is streaming from its primary; 0 also where it is fed from an archive only. Absent on a primary.',
    ),
  },
  {
    column: 'replay_paused',
    metric: gauge(
      'replay_paused',
      'boolean',
      'pg_is_wal_replay_paused()',
      'Whether somebody has paused the replay of this standby. Absent on a primary.',
    ),
  },
  {
    column: 'current_lsn',
    metric: gauge(
      'current_wal_lsn_bytes',
      'bytes',
      'pg_current_wal_lsn()',
      'Position in the WAL up to which this primary has written, in bytes; subtract the position of a standby for its lag. Absent on a standby.',
    ),
  },
  {
    column: 'received_lsn',
    metric: gauge(
      'received_wal_lsn_bytes',
      'bytes',
      'pg_last_wal_receive_lsn()',
      'Position in the WAL up to which this standby has received, in bytes. Absent on a primary and where nothing was streamed.',
    ),
  },
  {
    column: 'replayed_lsn',
    metric: gauge(
      'replayed_wal_lsn_bytes',
      'bytes',
      'pg_last_wal_replay_lsn()',
      'Position in the WAL up to which this standby has replayed, in bytes. Absent on a primary.',
    ),
  },
];

// A standby that has replayed no transaction since its start is as old as that at least.
const sql = `
WITH receiver AS (
  SELECT count(*) = count(status) AS sees_all, coalesce(bool_or(status = 'streaming'), false) AS streaming
    FROM pg_stat_wal_receiver
), state AS (
  SELECT pg_is_in_recovery() AS is_replica,
         pg_last_wal_receive_lsn() AS received,
         pg_last_wal_replay_lsn() AS replayed,
         extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS last_replay,
         extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) AS since_start
)
SELECT r.sees_all, s.is_replica, s.received,
       CASE WHEN NOT s.is_replica OR s.received = s.replayed THEN 0 ELSE greatest(0, s.last_replay) END AS peer_lag,
       greatest(0, s.last_replay) AS last_replay,
       CASE WHEN NOT s.is_replica THEN NULL
            WHEN r.streaming AND s.replayed >= s.received THEN 0
            ELSE greatest(0, coalesce(s.last_replay, s.since_start)) END AS standby_lag,
       CASE WHEN s.is_replica THEN r.streaming AND s.replayed < s.received AND NOT pg_is_wal_replay_paused()
            END AS is_replaying,
       CASE WHEN s.is_replica THEN r.streaming END AS receiver_up,
       CASE WHEN s.is_replica THEN pg_is_wal_replay_paused() END AS replay_paused,
       CASE WHEN NOT s.is_replica THEN pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') END AS current_lsn,
       CASE WHEN s.is_replica THEN pg_wal_lsn_diff(s.received, '0/0') END AS received_lsn,
       CASE WHEN s.is_replica THEN pg_wal_lsn_diff(s.replayed, '0/0') END AS replayed_lsn
  FROM state s CROSS JOIN receiver r`;

/** Between two looks at a replay that is under way, and the most of them, so that a standby that is far behind costs little. */
const lookAgainMs = 50;
const looks = 10;
/** Below this the age of the newest replayed transaction does as it is. */
const smallLagSeconds = 1;

/**
 * The first WAL after a quiet hour is in replay for an instant, during which the newest replayed transaction is an hour
 * old: no lag. Where that instant passes while we look, the lag is the time since what had come by then was not replayed.
 */
async function lagOnceReplayed(row: Row, source: PostgresSource, context: WorkContext): Promise<number | undefined> {
  const lag = numberOf(row, 'standby_lag') ?? 0;
  if (row['is_replaying'] !== 't' || lag <= smallLagSeconds) return undefined;
  const startedMs = context.clock.monotonicMs();
  for (let look = 0; look < looks; look++) {
    await context.clock.sleep(lookAgainMs, context.signal);
    const question = 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS replayed';
    const [answer] = await readRows(source, question, context, [row['received'] ?? '']);
    if (answer?.['replayed'] === 't') return secondsSince(context.clock, startedMs);
  }
  return undefined;
}

export const replication: PostgresCollector = {
  name: 'replication',
  about: 'Where this server stands in the replication: its role, its position, and how far it is behind.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, sql, context);
    requireFullView(rows, (row) => row['sees_all'] === 't');
    const [row] = rows;
    const lag = row === undefined ? undefined : await lagOnceReplayed(row, source, context);
    return columnSamples(lag === undefined ? rows : [{ ...row, standby_lag: String(lag) }], columns);
  },
};
