import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { PostgresSession, Row } from '../../targets/postgres/session.ts';
import { rowsDropped } from '../scrape-metrics.ts';
import { queueHeads } from './blocking-chains.ts';
import { type ColumnMetric, columnSamples, labelOf, numberOf } from './columns.ts';
import { secondsSinceSql } from './seconds-since.ts';
import { type PostgresCollector, type PostgresSource, readRows, requireFullView } from './source.ts';

/** Looking for the blockers of a session takes the lock manager's own locks for a moment: not for more than these. */
const mostWaitersFollowed = 100;
/** Shown one by one, the longest waits and the blockers with most sessions behind them first. */
const mostShown = 20;

function gauge<const L extends string>(
  name: string,
  unit: string,
  help: string,
  labels: readonly L[],
  source: string,
): Metric<L> {
  return metric({ name, type: 'gauge', help, labels, source, unit });
}

const perDatabase: readonly ColumnMetric[] = [
  {
    column: 'waiting',
    metric: gauge(
      'pg_blocked_sessions',
      'sessions',
      'Sessions of the database that wait for a lock of another one; 0 for databases without.',
      ['datname'],
      "pg_stat_activity.wait_event_type = 'Lock'",
    ),
  },
  {
    column: 'longest',
    metric: gauge(
      'pg_blocked_sessions_longest_seconds',
      'seconds',
      'Seconds that the longest of them has been waiting (before PostgreSQL 14: that its statement has been running); 0 for databases without.',
      ['datname'],
      'pg_locks.waitstart',
    ),
  },
];

const blockers = gauge(
  'pg_blocking_sessions',
  'sessions',
  'Sessions that others wait for; all prepared transactions together count as one.',
  [],
  'pg_blocking_pids()',
);

const heads = gauge(
  'pg_blocking_heads',
  'sessions',
  'Sessions that others wait for and that wait for nobody themselves: the heads of the queues.',
  [],
  'pg_blocking_pids()',
);

const depth = gauge(
  'pg_blocking_chain_depth',
  'sessions',
  'Sessions that wait one behind the other in the longest queue; 0 when nobody waits, 1 when all wait for the head itself.',
  [],
  'pg_blocking_pids()',
);

const headLabels = ['datname', 'pid', 'usename', 'application_name', 'state'] as const;

const perHead: readonly ColumnMetric[] = [
  {
    column: 'blocked',
    metric: gauge(
      'pg_blocking_head_blocked_sessions',
      'sessions',
      `Sessions that wait for this one, also through others, among the ${mostWaitersFollowed} longest waits; for the ${mostShown} heads of queues with most. Pid 0 is a prepared transaction.`,
      headLabels,
      'pg_blocking_pids()',
    ),
  },
  {
    column: 'transaction',
    metric: gauge(
      'pg_blocking_head_transaction_seconds',
      'seconds',
      'Seconds that the transaction of such a head has been open; absent for prepared transactions.',
      headLabels,
      'pg_stat_activity.xact_start',
    ),
  },
];

const perWait: readonly ColumnMetric[] = [
  {
    column: 'waited',
    metric: gauge(
      'pg_blocking_wait_seconds',
      'seconds',
      `Seconds that one session has been waiting for another, for the ${mostShown} longest waits; without the statements, which may hold data.`,
      [
        'datname',
        'blocked_pid',
        'blocked_usename',
        'blocked_application_name',
        'blocking_pid',
        'blocking_usename',
        'blocking_application_name',
      ],
      'pg_blocking_pids(), pg_locks.waitstart',
    ),
  },
];

const countSql = `
WITH activity AS MATERIALIZED (
  SELECT datname, wait_event_type, backend_type FROM pg_stat_activity
), totals AS (
  SELECT bool_and(backend_type IS NOT NULL) AS sees_all FROM activity
), waiting AS (
  SELECT datname, count(*) AS waiting FROM activity WHERE wait_event_type = 'Lock' GROUP BY datname
)
SELECT d.datname, coalesce(w.waiting, 0) AS waiting, t.sees_all
  FROM totals t CROSS JOIN pg_database d
  LEFT JOIN waiting w ON w.datname = d.datname
 WHERE d.datallowconn`;

/** A row for each wait of one session for another, longest first. pg_locks is read once, and only when somebody waits. */
function waitsSql({ version }: PostgresSession): string {
  // Not told for a moment after the wait began.
  const since = version >= 140_000 ? 'coalesce(l.waitstart, clock_timestamp())' : 'a.query_start';
  const start = version >= 140_000 ? 'min(waitstart)' : 'NULL';
  return `
WITH activity AS MATERIALIZED (
  SELECT pid, datname, usename, application_name, state, wait_event_type, xact_start, query_start FROM pg_stat_activity
), waits AS MATERIALIZED (
  SELECT pid, ${start} AS waitstart FROM pg_locks WHERE NOT granted GROUP BY pid
), blocked AS MATERIALIZED (
  SELECT a.pid, a.datname, a.usename, a.application_name,
         ${secondsSinceSql(since)} AS waited
    FROM activity a JOIN waits l ON l.pid = a.pid
   WHERE a.wait_event_type = 'Lock'
   ORDER BY waited DESC NULLS LAST
   LIMIT ${mostWaitersFollowed}
)
SELECT b.datname, b.waited, b.pid AS blocked_pid, b.usename AS blocked_usename,
       b.application_name AS blocked_application_name,
       k.pid AS blocking_pid, coalesce(a.datname, b.datname) AS blocking_datname, a.usename AS blocking_usename,
       a.application_name AS blocking_application_name, a.state AS blocking_state,
       ${secondsSinceSql('a.xact_start')} AS blocking_transaction
  FROM blocked b
 CROSS JOIN LATERAL (SELECT DISTINCT unnest(pg_blocking_pids(b.pid))) AS k (pid)
  LEFT JOIN activity a ON a.pid = k.pid
 ORDER BY b.waited DESC NULLS LAST`;
}

/** Not known where sessions of the database wait and none of them is among those that were followed. */
function withLongest(database: Row, waits: readonly Row[]): Row {
  const ofDatabase = waits.filter((row) => row['datname'] === database['datname']);
  const isKnown = ofDatabase.length > 0 || database['waiting'] === '0';
  const longest = Math.max(0, ...ofDatabase.map((row) => numberOf(row, 'waited') ?? 0));
  return { ...database, longest: isKnown ? String(longest) : null };
}

function chainSamples(rows: readonly Row[]): Sample[] {
  const waits = rows.map((row) => ({ blocked: labelOf(row, 'blocked_pid'), blocker: labelOf(row, 'blocking_pid') }));
  const found = queueHeads(waits);
  const shown = found.slice(0, mostShown).map(({ pid, blocked }): Row => {
    const row = rows.find((one) => one['blocking_pid'] === pid);
    return {
      pid,
      blocked: String(blocked),
      datname: row?.['blocking_datname'] ?? null,
      usename: row?.['blocking_usename'] ?? null,
      application_name: row?.['blocking_application_name'] ?? null,
      state: row?.['blocking_state'] ?? null,
      transaction: row?.['blocking_transaction'] ?? null,
    };
  });
  return [
    sample(blockers, new Set(waits.map(({ blocker }) => blocker)).size, {}),
    sample(heads, found.length, {}),
    sample(depth, Math.max(0, ...found.map((head) => head.depth)), {}),
    ...columnSamples(shown, perHead),
    ...columnSamples(rows.slice(0, mostShown), perWait),
  ];
}

async function waitRows(databases: readonly Row[], source: PostgresSource, context: WorkContext): Promise<Row[]> {
  const somebodyWaits = databases.some((row) => row['waiting'] !== '0');
  return somebodyWaits ? readRows(source, waitsSql(source.session), context) : [];
}

export const blocking: PostgresCollector = {
  name: 'blocking',
  about:
    'Who waits for a lock, for how long, and who is to blame. Waits shorter than the moment between two looks may be missing.',
  scope: 'server',
  metrics: [...[...perDatabase, ...perHead, ...perWait].map(({ metric }) => metric), ...[blockers, heads, depth]],
  enabledByDefault: true,
  async collect(source, context) {
    const databases = await readRows(source, countSql, context);
    requireFullView(databases, (row) => row['sees_all'] === 't');
    const waits = await waitRows(databases, source, context);
    const waiting = databases.reduce((sum, row) => sum + (numberOf(row, 'waiting') ?? 0), 0);
    const notShown = Math.max(0, waiting - mostWaitersFollowed) + Math.max(0, waits.length - mostShown);
    return [
      ...columnSamples(
        databases.map((row) => withLongest(row, waits)),
        perDatabase,
      ),
      ...chainSamples(waits),
      sample(rowsDropped, notShown, { collector: 'blocking', datname: '' }),
    ];
  },
};
