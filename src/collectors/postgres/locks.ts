import { metric } from '../../core/metric.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';

const byMode: readonly ColumnMetric[] = [
  {
    column: 'total',
    metric: metric({
      name: 'pg_locks_count',
      type: 'gauge',
      help: 'Locks held or waited for in the database, by mode; 0 where there is none. The two are told apart by pg_locks_waiting. Locks that belong to no database are not among them, see pg_locks_held_by_type.',
      labels: ['datname', 'mode'],
      source: 'pg_locks',
      unit: 'locks',
    }),
  },
  {
    column: 'waiting',
    metric: metric({
      name: 'pg_locks_waiting',
      type: 'gauge',
      help: 'Locks that are waited for in the database, by mode.',
      labels: ['datname', 'mode'],
      source: 'pg_locks',
      unit: 'locks',
    }),
  },
];

const byType: readonly ColumnMetric[] = ['held', 'waiting'].map((column) => ({
  column,
  metric: metric({
    name: `pg_locks_${column}_by_type`,
    type: 'gauge',
    help: `Locks of the whole server that are ${column === 'held' ? 'held' : 'waited for'}, by what is locked; 0 where there is none.`,
    labels: ['locktype'],
    source: 'pg_locks',
    unit: 'locks',
  }),
}));

const perServer: readonly ColumnMetric[] = [
  {
    column: 'table_used',
    metric: metric({
      name: 'pg_locks_table_used_ratio',
      type: 'gauge',
      help: 'Locked objects against the number for which the lock table is sized: near 1 statements begin to fail with "out of shared memory" and ask for more max_locks_per_transaction. Somewhat above 1 is possible, because there is some room to spare.',
      labels: [],
      source: 'pg_locks, max_locks_per_transaction, max_connections and other settings',
      unit: 'ratio',
    }),
  },
];

/** Processes for which the lock table is sized, as the server counts them. */
function processes({ version }: PostgresSession): string {
  const workers = version >= 180_000 ? 'autovacuum_worker_slots' : 'autovacuum_max_workers';
  const settings = ['max_connections', 'max_prepared_transactions', workers, 'max_worker_processes', 'max_wal_senders'];
  return settings.map((name) => `current_setting('${name}')::int`).join(' + ');
}

// pg_locks takes the lock manager's own locks: it is read once, and everything else is computed from what was read. What a
// session locked by the fast path, and predicate locks, do not stand in the table.
function locksSql(session: PostgresSession): string {
  return `
WITH all_locks AS MATERIALIZED (
  SELECT locktype, database, relation, page, tuple, virtualxid, transactionid, classid, objid, objsubid,
         lower(mode) AS mode, granted, fastpath
    FROM pg_locks
), held AS (
  SELECT database, mode, count(*) AS total, count(*) FILTER (WHERE NOT granted) AS waiting
    FROM all_locks WHERE database IS NOT NULL GROUP BY 1, 2
), types AS (
  SELECT locktype, count(*) FILTER (WHERE granted) AS held, count(*) FILTER (WHERE NOT granted) AS waiting
    FROM all_locks GROUP BY locktype
), objects AS (
  SELECT DISTINCT locktype, database, relation, page, tuple, virtualxid, transactionid, classid, objid, objsubid
    FROM all_locks WHERE NOT fastpath AND mode <> 'sireadlock'
)
SELECT d.datname, m.mode, coalesce(h.total, 0) AS total, coalesce(h.waiting, 0) AS waiting,
       NULL AS locktype, NULL::int8 AS held, NULL::float8 AS table_used
  FROM pg_database d
 CROSS JOIN (VALUES ('accesssharelock'), ('rowsharelock'), ('rowexclusivelock'), ('shareupdateexclusivelock'),
                    ('sharelock'), ('sharerowexclusivelock'), ('exclusivelock'), ('accessexclusivelock'),
                    ('sireadlock')) AS m (mode)
  LEFT JOIN held h ON h.database = d.oid AND h.mode = m.mode
 WHERE d.datallowconn
 UNION ALL
SELECT NULL, NULL, NULL, coalesce(t.waiting, 0), k.locktype, coalesce(t.held, 0), NULL
  FROM (VALUES ('relation'), ('extend'), ('frozenid'), ('page'), ('tuple'), ('transactionid'), ('virtualxid'), ('spectoken'),
               ('object'), ('userlock'), ('advisory'), ('applytransaction')) AS k (locktype)
  LEFT JOIN types t ON t.locktype = k.locktype
 UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL,
       (SELECT count(*) FROM objects)::float8
         / (current_setting('max_locks_per_transaction')::float8 * (${processes(session)}))`;
}

export const locks: PostgresCollector = {
  name: 'locks',
  about: 'Locks by mode and by what is locked, those that are waited for, and how full the lock table is.',
  scope: 'server',
  metrics: [...byMode, ...byType, ...perServer].map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, locksSql(source.session), context);
    const having = (column: string) => rows.filter((row) => row[column] !== null);
    return [
      ...columnSamples(having('datname'), byMode),
      ...columnSamples(having('locktype'), byType),
      ...columnSamples(having('table_used'), perServer),
    ];
  },
};
