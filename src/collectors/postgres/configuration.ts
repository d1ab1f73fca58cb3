import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { metricsOf } from './versioned-columns.ts';

const configuration = metricsOf({ prefix: 'pg_configuration', name: 'pg_settings', labels: [] });

const columns = [
  configuration('pending_restart_settings', {
    column: 'pending_restart',
    unit: 'settings',
    help: 'Settings that were changed in a file and take effect only when the server is started again.',
  }),
  configuration('loaded_timestamp_seconds', {
    column: 'loaded',
    unit: 'seconds',
    source: 'pg_conf_load_time()',
    help: 'When the configuration files were last loaded, in seconds since 1970.',
  }),
];

const fileColumns = [
  configuration('file_errors', {
    unit: 'lines',
    source: 'pg_file_settings.error',
    help: 'Lines of the configuration files, as they are now, that cannot be applied, but for those that only wait for a restart; absent unless the role may look: GRANT SELECT ON pg_file_settings and EXECUTE ON FUNCTION pg_show_all_file_settings() to it in the database of the URL.',
  }),
];

const hbaColumns = [
  configuration('hba_errors', {
    unit: 'lines',
    source: 'pg_hba_file_rules.error',
    help: 'Lines of pg_hba.conf, as it is now, that are wrong: with one of them the server would keep the old rules. Absent unless the role may look: GRANT SELECT ON pg_hba_file_rules and EXECUTE ON FUNCTION pg_hba_file_rules() to it in the database of the URL.',
  }),
];

const sql = `
SELECT count(*) FILTER (WHERE pending_restart) AS pending_restart, extract(epoch FROM pg_conf_load_time()) AS loaded,
       has_table_privilege('pg_file_settings', 'SELECT')
         AND has_function_privilege('pg_show_all_file_settings()', 'EXECUTE') AS may_read_files,
       has_table_privilege('pg_hba_file_rules', 'SELECT')
         AND has_function_privilege('pg_hba_file_rules()', 'EXECUTE') AS may_read_hba
  FROM pg_settings`;

/** A setting that needs a restart stands there as an error too, and is told by its own metric. */
const filesSql = `
SELECT count(*) AS file_errors FROM pg_file_settings
 WHERE error IS NOT NULL AND name NOT IN (SELECT name FROM pg_settings WHERE pending_restart)`;
const hbaSql = 'SELECT count(*) AS hba_errors FROM pg_hba_file_rules WHERE error IS NOT NULL';

export const configurationFiles: PostgresCollector = {
  name: 'configuration',
  about: 'Whether the server runs with what its configuration files say.',
  scope: 'server',
  metrics: [...columns, ...fileColumns, ...hbaColumns].map(({ metric }) => metric),
  enabledByDefault: true,
  // The files are read each time.
  minIntervalMs: 60_000,
  async collect(source, context) {
    const rows = await readRows(source, sql, context);
    const [row] = rows;
    const files = row?.['may_read_files'] === 't' ? await readRows(source, filesSql, context) : [];
    const hba = row?.['may_read_hba'] === 't' ? await readRows(source, hbaSql, context) : [];
    return [...columnSamples(rows, columns), ...columnSamples(files, fileColumns), ...columnSamples(hba, hbaColumns)];
  },
};
