import { metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';

const columns: readonly ColumnMetric[] = [
  {
    column: 'size',
    metric: metric({
      name: 'pg_database_size_bytes',
      type: 'gauge',
      help: 'Bytes on disk of the database; measured every five minutes, because each file is looked at.',
      labels: ['datname'],
      source: 'pg_database_size()',
      unit: 'bytes',
    }),
  },
  {
    column: 'connection_limit',
    metric: metric({
      name: 'pg_database_connection_limit',
      type: 'gauge',
      help: 'Most sessions that the database allows; -1 for no limit.',
      labels: ['datname'],
      source: 'pg_database.datconnlimit',
      unit: 'connections',
    }),
  },
];

// Databases that were left invalid by an interrupted DROP DATABASE have the limit -2. On RDS nobody may look at rdsadmin.
const sql = `
SELECT datname, datconnlimit AS connection_limit,
       CASE WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')
            THEN pg_database_size(oid) END AS size
  FROM pg_database
 WHERE datconnlimit <> -2 AND datname <> 'rdsadmin'`;

export const databaseSize: PostgresCollector = {
  name: 'database_size',
  about: 'How large each database is.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  minIntervalMs: 300_000,
  async collect(source, context) {
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
