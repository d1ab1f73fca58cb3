import { metric, sample } from '../../core/metric.ts';
import { labelOf } from './columns.ts';
import { type Extension, findExtension } from './extension.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { chosenStatements, excludedValues, requireAllStatements, statementColumns } from './statements.ts';

const text = metric({
  name: 'pg_stat_statements_query_id',
  type: 'counter',
  help: 'Always 1; the label query tells the beginning of the text of a statement that slow_queries shows, with $1, $2 and so on for its constants. Statements that may hold passwords (all but SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, TABLE and WITH) are left out.',
  labels: ['queryid', 'query'],
  source: 'pg_stat_statements.query',
  unit: 'info',
});

/** A statement is looked at as far as this, in characters, to find out of what kind it is. */
const lookedAt = 10_000;

/** The same statements as slow_queries shows. Comments at the beginning are cut off: some tools write what changes into them. */
function textsSql(extension: Extension): string {
  const names = statementColumns(extension);
  return `
WITH top AS (
  SELECT s.queryid, min(left(s.query, ${lookedAt})) AS query
    ${chosenStatements(names, true)}
   GROUP BY s.userid, d.datname, s.queryid
   ORDER BY s.queryid IS NULL DESC, sum(s.total_${names.executionTime}) DESC
   LIMIT $3::int
), texts AS (
  SELECT queryid, regexp_replace(min(query), '^(\\s|/\\*([^*]|\\*[^/])*\\*/|--[^\\n]*(\\n|$))+', '') AS query
    FROM top GROUP BY queryid
)
SELECT queryid, left(query, $4::int) AS query FROM texts
 WHERE queryid IS NULL OR query ~* '^\\(*\\s*(select|insert|update|delete|merge|values|table|with)\\M'`;
}

export const slowQueryTexts: PostgresCollector = {
  name: 'slow_query_texts',
  about:
    'The texts of the statements that `slow_queries` shows. Off unless wished: the server reads all texts it knows for it, and texts are long labels.',
  scope: 'server',
  metrics: [text],
  enabledByDefault: false,
  minIntervalMs: 600_000,
  async collect(source, context) {
    const { slowQueryExclude, slowQueryLimit, slowQueryTextLength } = source.settings;
    const extension = await findExtension('pg_stat_statements', source, context);
    const values = [...excludedValues(slowQueryExclude), slowQueryLimit, slowQueryTextLength];
    const rows = await readRows(source, textsSql(extension), context, values);
    requireAllStatements(rows);
    return rows.map((row) => sample(text, 1, { queryid: labelOf(row, 'queryid'), query: labelOf(row, 'query') }));
  },
};
