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
];

const sql = `
SELECT count(*) AS segments, coalesce(sum(size), 0) AS size FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'`;

export const wal: PostgresCollector = {
  name: 'wal',
  about: 'How much WAL lies on the server.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  minIntervalMs: 60_000,
  async collect(source, context) {
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
