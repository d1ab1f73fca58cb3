import { thresholds } from '../alerts/thresholds.ts';
import { type Board, chosen, targetVariable } from './board.ts';
import { areas, lines, type Panel, stat, table } from './panel.ts';
import { serverStarted } from './postgres.ts';

const limits = thresholds.postgres;
const inDatabase = `${chosen},datname=~"$datname"`;
const rate = (metric: string) => `rate(${metric}{${inDatabase}}[$__rate_interval])`;
const byStatement = (metric: string) => `sum by (target, datname, user, queryid) (${rate(metric)})`;
const statement = '{{target}} {{datname}} {{user}} {{queryid}}';

const now: readonly Panel[] = [
  stat({
    title: 'Running longer than the threshold',
    description: 'Statements that have been running for longer than watch.slowQueryThreshold.',
    unit: 'none',
    limits: { warning: 1 },
    expression: `sum(pg_slow_running_queries{${inDatabase}})`,
    legend: 'sessions',
  }),
  stat({
    title: 'Oldest transaction',
    description: 'Age of the oldest transaction that is open. Old ones keep vacuum from removing anything.',
    unit: 's',
    limits: { warning: limits.transactionSeconds },
    expression: `max(pg_stat_activity_max_tx_duration{${inDatabase}})`,
    legend: 'age',
  }),
  stat({
    title: 'Idle in transaction',
    description: 'Sessions that hold a transaction open without doing anything.',
    unit: 'none',
    expression: `sum(pg_idle_in_transaction_sessions{${inDatabase}})`,
    legend: 'sessions',
  }),
  stat({
    title: 'Blocked sessions',
    description: 'Sessions that wait for a lock which another session holds.',
    unit: 'none',
    limits: { warning: 1 },
    expression: `sum(pg_blocked_sessions{${inDatabase}})`,
    legend: 'sessions',
  }),
  stat({
    title: 'Longest wait for a lock',
    description: 'For how long the session that has waited longest is blocked.',
    unit: 's',
    limits: { warning: limits.blockedSeconds },
    expression: `max(pg_blocked_sessions_longest_seconds{${inDatabase}})`,
    legend: 'wait',
  }),
  stat({
    title: 'Lock table used',
    description: 'Share of the shared lock table that is in use. At 100 % statements fail with “out of shared memory”.',
    unit: 'percentunit',
    limits: { warning: limits.lockTableShare },
    expression: `max(pg_locks_table_used_ratio{${chosen}})`,
    legend: 'share',
  }),
];

const statements: readonly Panel[] = [
  areas({
    title: 'Statements that take most time',
    description:
      'Seconds of execution in each second, of the ten costliest statements (pg_stat_statements). 1 is one session always busy with it.',
    unit: 'none',
    decimals: 2,
    min: 0,
    expression: `topk(10, ${byStatement('pg_stat_statements_seconds_total')})`,
    legend: statement,
  }),
  lines({
    title: 'Mean time of a call',
    description:
      'Of the ten slowest statements that ran. The queryid leads to the text: SELECT query FROM pg_stat_statements WHERE queryid = …',
    unit: 's',
    min: 0,
    limits: { warning: limits.statementSeconds },
    expression: `topk(10, ${byStatement('pg_stat_statements_seconds_total')} / (${byStatement('pg_stat_statements_calls_total')} > 0))`,
    legend: statement,
  }),
  lines({
    title: 'Calls',
    description: 'Of the ten statements that are called most.',
    unit: 'ops',
    min: 0,
    expression: `topk(10, ${byStatement('pg_stat_statements_calls_total')})`,
    legend: statement,
  }),
  lines({
    title: 'Rows',
    description: 'Rows that the ten most productive statements returned or changed.',
    unit: 'ops',
    min: 0,
    expression: `topk(10, ${byStatement('pg_stat_statements_rows_total')})`,
    legend: statement,
  }),
  lines({
    title: 'Reading blocks',
    description:
      'Seconds in each second that the ten statements which read most spent on reading blocks (needs track_io_timing).',
    unit: 'none',
    decimals: 2,
    min: 0,
    expression: `topk(10, ${byStatement('pg_stat_statements_block_read_seconds_total')})`,
    legend: statement,
  }),
  lines({
    title: 'Statements running long',
    description:
      'Age of the longest statement that is running, by database; 0 when none runs longer than watch.slowQueryThreshold.',
    unit: 's',
    min: 0,
    expression: `max by (target, datname) (pg_slow_running_queries_oldest_seconds{${inDatabase}})`,
    legend: '{{target}} {{datname}}',
  }),
];

const waiting: readonly Panel[] = [
  areas({
    title: 'What active sessions wait for',
    description: 'Active sessions by kind of wait event; without one they are at work on a processor.',
    unit: 'none',
    min: 0,
    expression: `sum by (target, wait_event_type) (pg_stat_activity_count{${inDatabase},state="active"})`,
    legend: '{{target}} {{wait_event_type}}',
  }),
  lines({
    title: 'Open transactions',
    description: 'Age of the oldest transaction, and of the oldest that does nothing.',
    unit: 's',
    min: 0,
    limits: { warning: limits.idleInTransactionSeconds, critical: limits.transactionSeconds },
    queries: [
      { expression: `max by (target) (pg_stat_activity_max_tx_duration{${inDatabase}})`, legend: '{{target}} open' },
      {
        expression: `max by (target) (pg_idle_in_transaction_oldest_seconds{${inDatabase}})`,
        legend: '{{target}} idle in transaction',
      },
    ],
  }),
  areas({
    title: 'Locks held, by mode',
    description: 'Access exclusive ones stop everything on their table.',
    unit: 'none',
    min: 0,
    expression: `sum by (target, mode) (pg_locks_count{${inDatabase}}) > 0`,
    legend: '{{target}} {{mode}}',
  }),
  lines({
    title: 'Locks waited for',
    description: 'Requests for a lock that are not granted, by mode.',
    unit: 'none',
    min: 0,
    expression: `sum by (target, mode) (pg_locks_waiting{${inDatabase}})`,
    legend: '{{target}} {{mode}}',
  }),
  lines({
    title: 'Blocked sessions',
    description: 'Sessions that wait for another one, and for how long the one that has waited longest does.',
    unit: 'none',
    min: 0,
    expression: `sum by (target, datname) (pg_blocked_sessions{${inDatabase}})`,
    legend: '{{target}} {{datname}}',
  }),
  lines({
    title: 'Deadlocks',
    description:
      'Deadlocks within half an hour: the server cancelled one of the sessions. Transactions take locks in different orders.',
    unit: 'none',
    min: 0,
    limits: { warning: limits.deadlocksInHalfAnHour },
    expression: `sum by (target, datname) (increase(pg_stat_database_deadlocks{${inDatabase}}[30m]))`,
    legend: '{{target}} {{datname}}',
  }),
  table({
    title: 'Who blocks',
    description:
      'Sessions at the head of a queue, now: they wait for nobody and others wait for them. Ending one: SELECT pg_terminate_backend(pid).',
    unit: 'none',
    height: 7,
    labels: ['target', 'datname', 'pid', 'usename', 'application_name', 'state'],
    queries: [
      {
        legend: 'Blocked',
        expression: `max by (target, datname, pid, usename, application_name, state) (pg_blocking_head_blocked_sessions{${inDatabase}})`,
        column: { unit: 'none' },
      },
      {
        legend: 'Transaction open for',
        expression: `max by (target, datname, pid, usename, application_name, state) (pg_blocking_head_transaction_seconds{${inDatabase}})`,
        column: { unit: 's', limits: { warning: limits.blockedSeconds } },
      },
    ],
  }),
];

const access: readonly Panel[] = [
  lines({
    title: 'Rows read by scans of whole tables',
    description: 'The ten tables of which most rows are read without an index.',
    unit: 'ops',
    min: 0,
    expression: `topk(10, sum by (target, datname, schemaname, relname) (${rate('pg_stat_user_tables_seq_tup_read')}))`,
    legend: '{{target}} {{datname}} {{schemaname}}.{{relname}}',
  }),
  lines({
    title: 'Scans by index',
    description: 'The ten tables whose indexes are used most.',
    unit: 'ops',
    min: 0,
    expression: `topk(10, sum by (target, datname, schemaname, relname) (${rate('pg_stat_user_tables_idx_scan')}))`,
    legend: '{{target}} {{datname}} {{schemaname}}.{{relname}}',
  }),
  lines({
    title: 'Missing indexes',
    description: 'Findings by kind: large tables read from end to end, and foreign keys without an index.',
    unit: 'none',
    min: 0,
    expression: `sum by (target, datname, kind) (pg_missing_index_findings{${inDatabase}})`,
    legend: '{{target}} {{datname}} {{kind}}',
  }),
  lines({
    title: 'What keeps vacuum from removing rows',
    description: 'Transactions that each kind of holder is behind: sessions, slots, prepared transactions, standbys.',
    unit: 'none',
    min: 0,
    limits: { warning: limits.xminHorizonTransactions },
    expression: `max by (target, holder) (pg_xmin_horizon_age_transactions{${chosen}})`,
    legend: '{{target}} {{holder}}',
  }),
];

/** Which statements take the time, who waits for whom? */
export const queriesBoard: Board = {
  name: 'queries',
  title: 'Watchkeeper / PostgreSQL queries and locks',
  description: 'Which statements take the time, who waits for whom, and what is read without an index.',
  variables: [
    targetVariable('pg_up'),
    { name: 'datname', label: 'Database', query: `label_values(pg_stat_database_numbackends{${chosen}}, datname)` },
  ],
  annotations: [serverStarted],
  rows: [
    { title: 'Now', panels: now },
    { title: 'Statements', panels: statements },
    { title: 'Waiting', panels: waiting },
    { title: 'Access to tables', panels: access },
  ],
};
