import { type MetricType, metric, sample } from '../../core/metric.ts';
import { rowsDropped } from '../scrape-metrics.ts';
import { type ColumnMetric, columnSamples, numberOf } from './columns.ts';
import { type Extension, findExtension } from './extension.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { chosenStatements, excludedValues, requireAllStatements, statementColumns } from './statements.ts';

function perStatement(suffix: string, unit: string, help: string, source: string, type: MetricType = 'counter') {
  const name = `pg_stat_statements_${suffix}`;
  return metric({ name, type, help, labels: ['user', 'datname', 'queryid'], source, unit });
}

const perStatementColumns: readonly ColumnMetric[] = [
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

/** Rows of one statement (top level or not) are summed. */
function statementsSql(extension: Extension): string {
  const names = statementColumns(extension);
  const { executionTime, blocks, infoView } = names;
  const evictions = infoView === undefined ? 'NULL' : `(SELECT dealloc FROM ${infoView})`;
  return `
SELECT pg_get_userbyid(top.userid) AS user, top.datname, top.queryid, top.calls, top.exec_ms, top.rows, top.read_ms,
       top.write_ms, top.max_ms, top.statements, ${evictions} AS evictions
  FROM (SELECT s.userid, d.datname, s.queryid, sum(s.calls) AS calls, sum(s.total_${executionTime}) AS exec_ms,
               sum(s.rows) AS rows, sum(s.${blocks}_read_time) AS read_ms, sum(s.${blocks}_write_time) AS write_ms,
               max(s.max_${executionTime}) AS max_ms, count(*) OVER () AS statements
          ${chosenStatements(names, false)}
         GROUP BY s.userid, d.datname, s.queryid
         ORDER BY s.queryid IS NULL DESC, exec_ms DESC
         LIMIT $3::int) AS top`;
}

export const slowQueries: PostgresCollector = {
  name: 'slow_queries',
  about:
    'The statements that took most time in total, without their texts (`watch.slowQueryLimit` of them). Not applicable where the extension `pg_stat_statements` is not installed in the database of the URL.',
  scope: 'server',
  metrics: [...perStatementColumns, ...evictionColumns].map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const extension = await findExtension('pg_stat_statements', source, context);
    const { slowQueryExclude, slowQueryLimit } = source.settings;
    const values = [...excludedValues(slowQueryExclude), slowQueryLimit];
    const rows = await readRows(source, statementsSql(extension), context, values);
    requireAllStatements(rows);
    const [first] = rows;
    const statements = first === undefined ? 0 : (numberOf(first, 'statements') ?? 0);
    return [
      ...columnSamples(rows, perStatementColumns),
      ...columnSamples(rows.slice(0, 1), evictionColumns),
      sample(rowsDropped, statements - rows.length, { collector: 'slow_queries', datname: '' }),
    ];
  },
};
