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
  {
    column: 'connections',
    metric: metric({
      name: 'pg_roles_connections_used',
      type: 'gauge',
      help: 'Sessions of a role that has a limit, replication included.',
      labels: ['rolname'],
      source: 'pg_stat_activity.usesysid',
      unit: 'sessions',
    }),
  },
  {
    column: 'saturation',
    metric: metric({
      name: 'pg_roles_connections_saturation_ratio',
      type: 'gauge',
      help: 'Share of the limit of the role that is in use: at 1 it cannot log in any more, unless it is a superuser. Absent where there is no limit, and where it is 0.',
      labels: ['rolname'],
      source: 'pg_stat_activity.usesysid, pg_roles.rolconnlimit',
      unit: 'ratio',
    }),
  },
];

// Parallel workers of a session do not count; a role that may not see the kind of others' processes counts them too.
const sql = `
WITH sessions AS (
  SELECT usesysid, count(*) AS connections FROM pg_stat_activity
   WHERE backend_type IS NULL OR backend_type IN ('client backend', 'walsender') GROUP BY usesysid
)
SELECT r.rolname, r.rolconnlimit AS connection_limit,
       CASE WHEN r.rolconnlimit >= 0 THEN coalesce(s.connections, 0) END AS connections,
       CASE WHEN r.rolconnlimit > 0 THEN coalesce(s.connections, 0)::float8 / r.rolconnlimit END AS saturation
  FROM pg_roles r LEFT JOIN sessions s ON s.usesysid = r.oid`;

export const roles: PostgresCollector = {
  name: 'roles',
  about: 'Connection limits of roles, and how near those that have one are to it.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
