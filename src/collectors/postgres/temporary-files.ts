import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { metricsOf } from './versioned-columns.ts';

const temporary = metricsOf({ prefix: 'pg_temporary_files', name: 'pg_ls_tmpdir()', labels: ['spcname'] });

const columns = [
  temporary('present', {
    column: 'files',
    unit: 'files',
    source: 'pg_ls_tmpdir()',
    help: 'Temporary files that lie in the tablespace now, without those that parallel workers share.',
  }),
  temporary('bytes', {
    unit: 'bytes',
    source: 'pg_ls_tmpdir()',
    help: 'Bytes of these files: sorts and hashes that do not fit in work_mem. What was written in total is pg_stat_database_temp_bytes.',
  }),
];

// The tablespace of the shared catalogues has none.
const sql = `
SELECT t.spcname, count(f.name) AS files, coalesce(sum(f.size), 0) AS bytes
  FROM pg_tablespace t LEFT JOIN LATERAL pg_ls_tmpdir(t.oid) f ON true
 WHERE t.spcname <> 'pg_global'
 GROUP BY t.spcname`;

export const temporaryFiles: PostgresCollector = {
  name: 'temporary_files',
  about: 'How much room temporary files take at the moment.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  minIntervalMs: 30_000,
  async collect(source, context) {
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
