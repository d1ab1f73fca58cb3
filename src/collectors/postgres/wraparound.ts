import { type Metric, metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';

function gauge(name: string, unit: string, help: string, source: string): Metric<'datname'> {
  return metric({ name, type: 'gauge', help, labels: ['datname'], source, unit });
}

const columns: readonly ColumnMetric[] = [
  {
    column: 'xid_age',
    metric: gauge(
      'pg_database_wraparound_age_datfrozenxid_seconds',
      'transactions',
      'As postgres_exporter has it: a number of transactions that calls itself seconds. See pg_wraparound_xid_age_transactions.',
      'age(pg_database.datfrozenxid)',
    ),
  },
  {
    column: 'mxid_age',
    metric: gauge(
      'pg_database_wraparound_age_datminmxid_seconds',
      'multixacts',
      'As postgres_exporter has it: a number of multixacts that calls itself seconds. See pg_wraparound_mxid_age_multixacts.',
      'mxid_age(pg_database.datminmxid)',
    ),
  },
  {
    column: 'xid_age',
    metric: gauge(
      'pg_wraparound_xid_age_transactions',
      'transactions',
      'Transactions since the oldest row of the database that is not frozen.',
      'age(pg_database.datfrozenxid)',
    ),
  },
  {
    column: 'mxid_age',
    metric: gauge(
      'pg_wraparound_mxid_age_multixacts',
      'multixacts',
      'Multixacts since the oldest one that the database may still hold.',
      'mxid_age(pg_database.datminmxid)',
    ),
  },
  {
    column: 'mxid_ratio',
    metric: gauge(
      'pg_wraparound_mxid_ratio',
      'ratio',
      'Share of the multixact ids that are used up until the server refuses to make more, 0 to 1.',
      'mxid_age(pg_database.datminmxid) / 2^31',
    ),
  },
  {
    column: 'xid_ratio',
    metric: gauge(
      'pg_wraparound_ratio',
      'ratio',
      'Share of the transaction ids that are used up until the server refuses to write, 0 to 1.',
      'age(pg_database.datfrozenxid) / 2^31',
    ),
  },
  {
    column: 'emergency_ratio',
    metric: gauge(
      'pg_wraparound_autovacuum_ratio',
      'ratio',
      'Age against autovacuum_freeze_max_age: above 1 an autovacuum that does not give way is due.',
      'age(pg_database.datfrozenxid), autovacuum_freeze_max_age',
    ),
  },
];

const sql = `
SELECT datname, age(datfrozenxid) AS xid_age, mxid_age(datminmxid) AS mxid_age,
       age(datfrozenxid) / 2147483648.0 AS xid_ratio, mxid_age(datminmxid) / 2147483648.0 AS mxid_ratio,
       age(datfrozenxid) / current_setting('autovacuum_freeze_max_age')::float8 AS emergency_ratio
  FROM pg_database WHERE datallowconn`;

export const wraparound: PostgresCollector = {
  name: 'wraparound',
  about: 'How far transaction ids are used up.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
