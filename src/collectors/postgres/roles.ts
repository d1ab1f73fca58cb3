import { metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';

const columns: readonly ColumnMetric[] = [
  {
    column: 'connection_limit',
    metric: metric({
      name: 'pg_roles_connection_limit',
      type: 'gauge',
      help: 'Most sessions that the role may have; -1 for no limit.',
      labels: ['rolname'],
      source: 'pg_roles.rolconnlimit',
      unit: 'connections',
    }),
  },
];

const sql = 'SELECT rolname, rolconnlimit AS connection_limit FROM pg_roles';

export const roles: PostgresCollector = {
  name: 'roles',
  about: 'Connection limits of roles.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
