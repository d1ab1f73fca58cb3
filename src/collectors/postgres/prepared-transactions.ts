import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { metricsOf } from './versioned-columns.ts';

const prepared = metricsOf({ prefix: 'pg_prepared_transactions', name: 'pg_prepared_xacts', labels: ['datname'] });

const columns = [
  prepared('open', {
    unit: 'transactions',
    source: 'pg_prepared_xacts',
    help: 'Transactions that were prepared (two-phase commit) and neither committed nor rolled back yet; 0 for databases without.',
  }),
  prepared('oldest_seconds', {
    column: 'oldest',
    unit: 'seconds',
    source: 'pg_prepared_xacts.prepared',
    help: 'Seconds since the oldest of them was prepared: it keeps its locks and dead rows until somebody ends it; 0 for databases without.',
  }),
];

const sql = `
WITH prepared AS (
  SELECT database, count(*) AS open, max(extract(epoch FROM clock_timestamp() - prepared)) AS oldest
    FROM pg_prepared_xacts GROUP BY database
)
SELECT d.datname, coalesce(p.open, 0) AS open, greatest(coalesce(p.oldest, 0), 0) AS oldest
  FROM pg_database d LEFT JOIN prepared p ON p.database = d.datname
 WHERE d.datallowconn`;

export const preparedTransactions: PostgresCollector = {
  name: 'prepared_transactions',
  about: 'Transactions that wait for the second phase of their commit.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
