import { type Metric, metric } from '../../core/metric.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { secondsSinceSql } from './seconds-since.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { columnsIn, metricsOf, selectList, type VersionedColumn } from './versioned-columns.ts';

const labels = ['datname', 'subname'] as const;
const ofWorker = metricsOf({ prefix: 'pg_subscription', name: 'pg_stat_subscription', labels });
const ofStatistics = metricsOf({ prefix: 'pg_subscription', name: 'pg_stat_subscription_stats', labels });

const columns: readonly VersionedColumn[] = [
  ofWorker('enabled', {
    unit: 'boolean',
    source: 'pg_subscription.subenabled',
    expression: 's.enabled',
    help: 'Whether the subscription is switched on; it switches itself off after an error where that is wished.',
  }),
  ofWorker('worker_up', {
    unit: 'boolean',
    source: 'pg_stat_subscription.pid',
    expression: 'w.pid IS NOT NULL',
    help: 'Whether the worker runs that applies the changes; one that fails again and again is 1 some of the time.',
  }),
  ofWorker('sync_workers', {
    unit: 'processes',
    source: 'pg_stat_subscription.relid',
    expression: 'w.sync_workers',
    help: 'Workers that copy a table for the first time.',
  }),
  ofWorker('received_lsn_bytes', {
    column: 'received_lsn',
    unit: 'bytes',
    expression: 'w.received_lsn',
    help: 'Position in the WAL of the publisher up to which changes were received, in bytes.',
  }),
  ofWorker('latest_end_lsn_bytes', {
    column: 'latest_end_lsn',
    unit: 'bytes',
    expression: 'w.latest_end_lsn',
    help: 'Position in the WAL of the publisher that was confirmed to it last, in bytes.',
  }),
  ofWorker('last_message_age_seconds', {
    column: 'last_msg_receipt_time',
    unit: 'seconds',
    expression: secondsSinceSql('w.last_msg_receipt_time'),
    help: 'Seconds since something came from the publisher; half of wal_receiver_timeout at most while the link stands.',
  }),
  ofStatistics('apply_errors_total', {
    column: 'apply_error_count',
    since: 150_000,
    unit: 'errors',
    help: 'Errors while changes were applied; from PostgreSQL 15 on.',
  }),
  ofStatistics('sync_errors_total', {
    column: 'sync_error_count',
    since: 150_000,
    unit: 'errors',
    help: 'Errors while tables were copied for the first time; from PostgreSQL 15 on.',
  }),
];

const conflicts: Metric = metric({
  name: 'pg_subscription_conflicts_total',
  type: 'counter',
  help: 'Rows that came from the publisher and did not fit to those that were there, by kind; from PostgreSQL 18 on.',
  labels: [...labels, 'conflict'],
  source: 'pg_stat_subscription_stats.confl_*',
  unit: 'rows',
});

const conflictKinds = [
  'insert_exists',
  'update_origin_differs',
  'update_exists',
  'update_missing',
  'delete_origin_differs',
  'delete_missing',
  'multiple_unique_conflicts',
];
const firstWithConflicts = 180_000;

/** Before 14 an ordinary role cannot read which subscription is which when two databases have one of the same name. */
function identitySql({ version }: PostgresSession): string {
  if (version >= 140_000) return 'SELECT oid, subname, subdbid, subenabled AS enabled FROM pg_subscription';
  return `
  SELECT w.subid AS oid, s.subname, min(s.subdbid::int8)::oid AS subdbid, bool_and(s.subenabled) AS enabled
    FROM pg_subscription s JOIN (SELECT DISTINCT subid, subname FROM pg_stat_subscription) w ON w.subname = s.subname
   GROUP BY w.subid, s.subname HAVING count(*) = 1`;
}

/** The main worker has no table, and since 16 there are others that apply for it. */
function subscriptionsSql(session: PostgresSession): string {
  const { version } = session;
  const isMain = version >= 160_000 ? 'relid IS NULL AND leader_pid IS NULL' : 'relid IS NULL';
  const statistics = version >= 150_000 ? 'LEFT JOIN pg_stat_subscription_stats t ON t.subid = s.oid' : '';
  const kinds = version >= firstWithConflicts ? conflictKinds.map((kind) => `, t.confl_${kind} AS ${kind}`) : [];
  return `
WITH subscriptions AS (${identitySql(session)}),
workers AS (
  SELECT subid, max(pid) FILTER (WHERE ${isMain}) AS pid, count(relid) AS sync_workers,
         max(pg_wal_lsn_diff(received_lsn, '0/0')) FILTER (WHERE ${isMain}) AS received_lsn,
         max(pg_wal_lsn_diff(latest_end_lsn, '0/0')) FILTER (WHERE ${isMain}) AS latest_end_lsn,
         max(last_msg_receipt_time) FILTER (WHERE ${isMain}) AS last_msg_receipt_time
    FROM pg_stat_subscription GROUP BY subid
)
SELECT d.datname, s.subname, ${selectList(columnsIn(session, columns), 't')}${kinds.join('')}
  FROM subscriptions s
  JOIN pg_database d ON d.oid = s.subdbid
  LEFT JOIN workers w ON w.subid = s.oid
  ${statistics}`;
}

export const subscriptions: PostgresCollector = {
  name: 'subscriptions',
  about:
    'Logical replication into this server: whether each subscription works. Before PostgreSQL 14 one whose name two databases use is left out.',
  scope: 'server',
  metrics: [...columns.map(({ metric }) => metric), conflicts],
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, subscriptionsSql(source.session), context);
    const ofConflicts = (kind: string): ColumnMetric => ({ metric: conflicts, column: kind });
    const withKind = source.session.version >= firstWithConflicts ? conflictKinds : [];
    return [
      ...columnSamples(rows, columnsIn(source.session, columns)),
      ...withKind.flatMap((conflict) =>
        columnSamples(
          rows.map((row) => ({ ...row, conflict })),
          [ofConflicts(conflict)],
        ),
      ),
    ];
  },
};
