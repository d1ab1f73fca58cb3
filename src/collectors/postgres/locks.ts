import { metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';

const columns: readonly ColumnMetric[] = [
  {
    column: 'total',
    metric: metric({
      name: 'pg_locks_count',
      type: 'gauge',
      help: 'Locks held or waited for in the database, by mode; 0 where there is none. The two are told apart by pg_locks_waiting.',
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

// pg_locks takes the lock manager's own locks: it is read once and everything else is joined to what was read.
const sql = `
WITH held AS MATERIALIZED (
  SELECT database, lower(mode) AS mode, count(*) AS total, count(*) FILTER (WHERE NOT granted) AS waiting
    FROM pg_locks WHERE database IS NOT NULL GROUP BY 1, 2
)
SELECT d.datname, m.mode, coalesce(h.total, 0) AS total, coalesce(h.waiting, 0) AS waiting
  FROM pg_database d
 CROSS JOIN (VALUES ('accesssharelock'), ('rowsharelock'), ('rowexclusivelock'), ('shareupdateexclusivelock'),
                    ('sharelock'), ('sharerowexclusivelock'), ('exclusivelock'), ('accessexclusivelock'),
                    ('sireadlock')) AS m (mode)
  LEFT JOIN held h ON h.database = d.oid AND h.mode = m.mode
 WHERE d.datallowconn`;

export const locks: PostgresCollector = {
  name: 'locks',
  about: 'Locks by mode, and those that are waited for.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
