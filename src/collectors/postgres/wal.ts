import { metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';

const columns: readonly ColumnMetric[] = [
  {
    column: 'segments',
    metric: metric({
      name: 'pg_wal_segments',
      type: 'gauge',
      help: 'WAL files on the server; looked at once a minute, because each one is.',
      labels: [],
      source: 'pg_ls_waldir()',
      unit: 'files',
    }),
  },
  {
    column: 'size',
    metric: metric({
      name: 'pg_wal_size_bytes',
      type: 'gauge',
      help: 'Bytes of the WAL files on the server; looked at once a minute.',
      labels: [],
      source: 'pg_ls_waldir()',
      unit: 'bytes',
    }),
  },
  {
    column: 'ready',
    metric: metric({
      name: 'pg_wal_archive_ready_files',
      type: 'gauge',
      help: 'WAL files that wait to be archived; looked at once a minute. More than a few: archiving fails or is too slow, and WAL piles up on the server.',
      labels: [],
      source: 'pg_ls_archive_statusdir()',
      unit: 'files',
    }),
  },
  {
    column: 'ready_age',
    metric: metric({
      name: 'pg_wal_archive_ready_oldest_seconds',
      type: 'gauge',
      help: 'Seconds that the oldest of them has been waiting: what is not archived would be lost with the server. 0 when none waits.',
      labels: [],
      source: 'pg_ls_archive_statusdir()',
      unit: 'seconds',
    }),
  },
];

const sql = `
WITH ready AS (
  SELECT count(*) AS ready, max(extract(epoch FROM clock_timestamp() - modification)) AS age
    FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'
)
SELECT count(*) AS segments, coalesce(sum(w.size), 0) AS size, r.ready, greatest(coalesce(r.age, 0), 0) AS ready_age
  FROM ready r LEFT JOIN pg_ls_waldir() w ON w.name ~ '^[0-9A-F]{24}$'
 GROUP BY r.ready, r.age`;

export const wal: PostgresCollector = {
  name: 'wal',
  about: 'How much WAL lies on the server, and how much of it waits to be archived.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  minIntervalMs: 60_000,
  async collect(source, context) {
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
