import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { metricsOf } from './versioned-columns.ts';

const tablespace = metricsOf({ prefix: 'pg_tablespace', name: 'pg_tablespace', labels: ['spcname'] });

const columns = [
  tablespace('size_bytes', {
    column: 'size',
    unit: 'bytes',
    source: 'pg_tablespace_size()',
    help: 'Bytes on disk of the tablespace; measured every five minutes, because each file is looked at. Absent where the role may not look.',
  }),
];

const sql = `
SELECT spcname,
       CASE WHEN has_tablespace_privilege(oid, 'CREATE') OR pg_has_role('pg_read_all_stats', 'USAGE')
            THEN pg_tablespace_size(oid) END AS size
  FROM pg_tablespace`;

export const tablespaces: PostgresCollector = {
  name: 'tablespaces',
  about: 'How large each tablespace is.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  minIntervalMs: 300_000,
  async collect(source, context) {
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
