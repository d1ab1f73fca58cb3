import { metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PgbouncerCollector, readView } from './source.ts';

function gauge(column: string, name: string, unit: string, help: string): ColumnMetric {
  return {
    columns: [column],
    metric: metric({
      name: `pgbouncer_memory_${name}`,
      type: 'gauge',
      help,
      labels: ['name'],
      source: `SHOW MEM, ${column}`,
      unit,
    }),
  };
}

const columns: readonly ColumnMetric[] = [
  gauge('memtotal', 'bytes', 'bytes', 'Bytes that PgBouncer holds for objects of this kind.'),
  gauge('used', 'objects_used', 'objects', 'Objects of this kind in use.'),
  gauge('free', 'objects_free', 'objects', 'Objects of this kind that are kept for later.'),
];

export const memory: PgbouncerCollector = {
  name: 'memory',
  about: 'What PgBouncer uses its memory for; kinds of objects come and go with versions.',
  scope: 'server',
  metrics: columns.map((column) => column.metric),
  enabledByDefault: false,
  async collect(source, context) {
    return columnSamples(await readView(source, 'MEM', context), columns);
  },
};
