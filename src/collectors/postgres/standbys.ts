import { type Metric, metric, sample } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { secondsSinceSql } from './seconds-since.ts';
import { type PostgresCollector, readRows, requireFullView } from './source.ts';

function perStandby(suffix: string, unit: string, source: string, help: string): Metric {
  // Only the process id tells two receivers of one host and name apart; a new one begins with each reconnect.
  const labels = ['application_name', 'client_addr', 'state', 'slot_name', 'pid'] as const;
  return metric({ name: `pg_stat_replication_${suffix}`, type: 'gauge', help, labels, source, unit });
}

const count = metric({
  name: 'pg_stat_replication_streaming',
  type: 'gauge',
  help: 'Standbys and other receivers that are streaming from this server now.',
  labels: [],
  source: 'pg_stat_replication.state',
  unit: 'connections',
});

const bySyncState = metric({
  name: 'pg_stat_replication_standbys',
  type: 'gauge',
  help: 'Receivers by what they are to commits: sync and quorum are waited for, potential would take their place, async are not; 0 for each state that none has.',
  labels: ['sync_state'],
  source: 'pg_stat_replication.sync_state',
  unit: 'connections',
});

const syncRequired = metric({
  name: 'pg_stat_replication_synchronous_required',
  type: 'gauge',
  help: 'Whether synchronous_standby_names is set: then commits hang while there are not enough standbys of the state sync or quorum.',
  labels: [],
  source: 'synchronous_standby_names',
  unit: 'boolean',
});

const syncStates = ['async', 'potential', 'sync', 'quorum'];

const columns: readonly ColumnMetric[] = [
  {
    column: 'current_lsn',
    metric: perStandby(
      'pg_current_wal_lsn_bytes',
      'bytes',
      'pg_current_wal_lsn(), on a standby pg_last_wal_receive_lsn()',
      'Position in the WAL of this server, in bytes; the same for every receiver.',
    ),
  },
  {
    column: 'behind',
    metric: perStandby(
      'pg_wal_lsn_diff',
      'bytes',
      'pg_current_wal_lsn() - pg_stat_replication.replay_lsn',
      'Bytes of WAL that the standby has still to replay.',
    ),
  },
  ...['sent', 'write', 'flush', 'replay'].map((step) => ({
    column: `${step}_lsn`,
    metric: perStandby(
      `${step}_lsn_bytes`,
      'bytes',
      `pg_stat_replication.${step}_lsn`,
      `Position in the WAL of the last ${step} known of the standby, in bytes.`,
    ),
  })),
  ...['write', 'flush', 'replay'].map((step) => ({
    column: `${step}_behind`,
    metric: perStandby(
      `${step}_lag_bytes`,
      'bytes',
      `pg_current_wal_lsn() - pg_stat_replication.${step}_lsn`,
      `Bytes of WAL that this server has and the standby has still to ${step}.`,
    ),
  })),
  ...['write', 'flush', 'replay'].map((step) => ({
    column: `${step}_lag`,
    metric: perStandby(
      `${step}_lag_seconds`,
      'seconds',
      `pg_stat_replication.${step}_lag`,
      `Seconds that recent WAL took until the standby told of its ${step}; 0 when it is idle and has all, absent before the first message.`,
    ),
  })),
  {
    column: 'reply_age',
    metric: perStandby(
      'reply_age_seconds',
      'seconds',
      'pg_stat_replication.reply_time',
      'Seconds since the standby sent its last message (it sends one every 10 s at least); grows when the link is cut silently. Told by the clocks of both.',
    ),
  },
];

const sql = `
WITH here AS (
  SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END AS lsn
), receivers AS (
  SELECT pid, application_name, client_addr, state, sync_state, sent_lsn, write_lsn, flush_lsn, replay_lsn,
         write_lag, flush_lag, replay_lag, reply_time
    FROM pg_stat_replication
)
SELECT current_setting('synchronous_standby_names') <> '' AS sync_required,
       r.pid, r.application_name, r.client_addr, r.state, r.sync_state, s.slot_name,
       pg_wal_lsn_diff(h.lsn, '0/0') AS current_lsn,
       pg_wal_lsn_diff(h.lsn, r.replay_lsn) AS behind,
       pg_wal_lsn_diff(r.sent_lsn, '0/0') AS sent_lsn,
       pg_wal_lsn_diff(r.write_lsn, '0/0') AS write_lsn,
       pg_wal_lsn_diff(r.flush_lsn, '0/0') AS flush_lsn,
       pg_wal_lsn_diff(r.replay_lsn, '0/0') AS replay_lsn,
       pg_wal_lsn_diff(h.lsn, r.write_lsn) AS write_behind,
       pg_wal_lsn_diff(h.lsn, r.flush_lsn) AS flush_behind,
       pg_wal_lsn_diff(h.lsn, r.replay_lsn) AS replay_behind,
       coalesce(extract(epoch FROM r.write_lag), CASE WHEN r.write_lsn >= r.sent_lsn THEN 0 END) AS write_lag,
       coalesce(extract(epoch FROM r.flush_lag), CASE WHEN r.flush_lsn >= r.sent_lsn THEN 0 END) AS flush_lag,
       coalesce(extract(epoch FROM r.replay_lag), CASE WHEN r.replay_lsn >= r.sent_lsn THEN 0 END) AS replay_lag,
       ${secondsSinceSql('r.reply_time')} AS reply_age
  FROM here h LEFT JOIN receivers r ON true
  LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid`;

export const standbys: PostgresCollector = {
  name: 'standbys',
  about: 'The standbys that stream from this server, as it sees them.',
  scope: 'server',
  metrics: [count, bySyncState, syncRequired, ...columns.map(({ metric }) => metric)],
  enabledByDefault: true,
  async collect(source, context) {
    const all = await readRows(source, sql, context);
    const rows = all.filter((row) => row['pid'] !== null);
    requireFullView(rows, (row) => row['state'] !== null);
    const inState = (column: string, state: string) => rows.filter((row) => row[column] === state).length;
    return [
      sample(count, inState('state', 'streaming'), {}),
      ...syncStates.map((sync_state) => sample(bySyncState, inState('sync_state', sync_state), { sync_state })),
      ...columnSamples(all.slice(0, 1), [{ metric: syncRequired, column: 'sync_required' }]),
      ...columnSamples(rows, columns),
    ];
  },
};
