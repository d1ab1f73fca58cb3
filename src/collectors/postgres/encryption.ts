import { metric } from '../../core/metric.ts';
import { type ColumnMetric, columnSamples } from './columns.ts';
import { type PostgresCollector, readRows, requireFullView } from './source.ts';

const columns: readonly ColumnMetric[] = [
  {
    column: 'sessions',
    metric: metric({
      name: 'pg_sessions_by_transport',
      type: 'gauge',
      help: 'Sessions of clients and standbys, by how they come: unix (socket), plain (TCP without encryption), tls or gss; version and cipher of TLS. unix and plain are 0 where there is none.',
      labels: ['transport', 'tls_version', 'cipher'],
      source: 'pg_stat_ssl, pg_stat_gssapi, pg_stat_activity',
      unit: 'sessions',
    }),
  },
];

const sql = `
WITH sessions AS (
  SELECT a.backend_type IS NULL AS hidden,
         CASE WHEN s.ssl THEN 'tls' WHEN g.encrypted THEN 'gss' WHEN a.client_port = -1 THEN 'unix' ELSE 'plain'
              END AS transport, s.version, s.cipher
    FROM pg_stat_activity a
    LEFT JOIN pg_stat_ssl s ON s.pid = a.pid
    LEFT JOIN pg_stat_gssapi g ON g.pid = a.pid
   WHERE a.backend_type IS NULL OR a.backend_type IN ('client backend', 'walsender')
), counts AS (
  SELECT transport, version, cipher, count(*) AS sessions FROM sessions GROUP BY transport, version, cipher
   UNION ALL
  SELECT t.transport, NULL, NULL, 0 FROM (VALUES ('unix'), ('plain')) AS t (transport)
)
SELECT (SELECT coalesce(bool_and(NOT hidden), true) FROM sessions) AS sees_all,
       transport, version AS tls_version, cipher, sum(sessions) AS sessions
  FROM counts GROUP BY transport, version, cipher`;

export const encryption: PostgresCollector = {
  name: 'encryption',
  about: 'How many sessions are encrypted, and how.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, sql, context);
    requireFullView(rows, (row) => row['sees_all'] === 't');
    return columnSamples(rows, columns);
  },
};
