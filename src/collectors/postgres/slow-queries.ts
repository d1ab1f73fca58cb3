import { type MetricType, metric } from '../../core/metric.ts';
import { quoteIdentifier } from '../../targets/postgres/session.ts';
import { NotApplicable } from '../collector.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';

function perStatement(suffix: string, unit: string, help: string, source: string, type: MetricType = 'counter') {
  const name = `pg_stat_statements_${suffix}`;
  return metric({ name, type, help, labels: ['user', 'datname', 'queryid'], source, unit });
}

const statementColumns: readonly ColumnMetric[] = [
  {
    column: 'calls',
    metric: perStatement('calls_total', 'calls', 'Times the statement was executed.', 'pg_stat_statements.calls'),
  },
  {
    column: 'exec_ms',
    factor: 0.001,
    metric: perStatement(
      'seconds_total',
      'seconds',
      'Seconds spent executing the statement.',
      'pg_stat_statements.total_exec_time',
    ),
  },
  {
    column: 'rows',
    metric: perStatement('rows_total', 'rows', 'Rows that the statement gave or changed.', 'pg_stat_statements.rows'),
  },
  {
    column: 'read_ms',
    factor: 0.001,
    metric: perStatement(
      'block_read_seconds_total',
      'seconds',
      'Seconds the statement spent reading blocks; 0 unless track_io_timing is on.',
      'pg_stat_statements.shared_blk_read_time (blk_read_time before PostgreSQL 17)',
    ),
  },
  {
    column: 'write_ms',
    factor: 0.001,
    metric: perStatement(
      'block_write_seconds_total',
      'seconds',
      'Seconds the statement spent writing blocks; 0 unless track_io_timing is on.',
      'pg_stat_statements.shared_blk_write_time (blk_write_time before PostgreSQL 17)',
    ),
  },
  {
    column: 'max_ms',
    factor: 0.001,
    metric: perStatement(
      'max_seconds',
      'seconds',
      'Seconds of its longest execution since the last reset.',
      'pg_stat_statements.max_exec_time',
      'gauge',
    ),
  },
];

const evictionColumns: readonly ColumnMetric[] = [
  {
    column: 'evictions',
    metric: metric({
      name: 'pg_stat_statements_evictions_total',
      type: 'counter',
      help: 'Times the least executed statements were forgotten because there were more than pg_stat_statements.max; each starts at 0 again.',
      labels: [],
      source: 'pg_stat_statements_info.dealloc (extension 1.9 or newer)',
      unit: 'evictions',
    }),
  },
];

interface Extension {
  readonly schema: string;
  /** `1.10` → 10: it names the columns; after pg_upgrade it stays old until ALTER EXTENSION … UPDATE. */
  readonly minor: number;
}

const extensionSql = `
SELECT n.nspname AS schema, split_part(e.extversion, '.', 2) AS minor
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_stat_statements'`;

/**
 * `false`: the texts stay in their file, which may be large. Rows of one statement (top level or not) are summed; those
 * of dropped databases are left out.
 */
function statementsSql({ schema, minor }: Extension): string {
  const view = `${quoteIdentifier(schema)}.pg_stat_statements`;
  const exec = minor >= 8 ? 'exec_time' : 'time';
  const io = minor >= 11 ? 'shared_blk' : 'blk';
  const evictions = minor >= 9 ? `(SELECT dealloc FROM ${view}_info)` : 'NULL';
  return `
SELECT pg_get_userbyid(top.userid) AS user, top.datname, top.queryid, top.calls, top.exec_ms, top.rows, top.read_ms,
       top.write_ms, top.max_ms, top.hidden, ${evictions} AS evictions
  FROM (SELECT s.userid, d.datname, s.queryid, sum(s.calls) AS calls, sum(s.total_${exec}) AS exec_ms,
               sum(s.rows) AS rows, sum(s.${io}_read_time) AS read_ms, sum(s.${io}_write_time) AS write_ms,
               max(s.max_${exec}) AS max_ms, s.queryid IS NULL AS hidden
          FROM ${view}(false) s JOIN pg_database d ON d.oid = s.dbid
         GROUP BY s.userid, d.datname, s.queryid
         ORDER BY hidden DESC, exec_ms DESC
         LIMIT $1::int) AS top`;
}

export const slowQueries: PostgresCollector = {
  name: 'slow_queries',
  about:
    'The statements that took most time in total, without their texts (`watch.slowQueryLimit` of them). Not applicable where the extension `pg_stat_statements` is not installed in the database of the URL.',
  scope: 'server',
  metrics: [...statementColumns, ...evictionColumns].map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    // The schema must stand in the statement: with a fixed search path nothing of it is found otherwise.
    const [extension] = await readRows(source, extensionSql, context);
    if (extension === undefined) {
      throw new NotApplicable('the extension pg_stat_statements is not installed in this database');
    }
    const found = { schema: extension['schema'] ?? '', minor: Number(extension['minor']) };
    const rows = await readRows(source, statementsSql(found), context, [source.settings.slowQueryLimit]);
    if (rows.some((row) => row['hidden'] === 't')) {
      throw new Error(
        'the role does not see the statements of other roles: GRANT pg_monitor (or pg_read_all_stats) to it',
      );
    }
    return [...columnSamples(rows, statementColumns), ...columnSamples(rows.slice(0, 1), evictionColumns)];
  },
};
