import { metric, sample } from '../../core/metric.ts';
import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';

const pgStatic = metric({
  name: 'pg_static',
  type: 'gauge',
  help: 'Always 1; the labels tell the version of the server.',
  labels: ['version', 'short_version'],
  source: 'version(), server_version',
  unit: 'info',
});

const startTime = metric({
  name: 'pg_postmaster_start_time_seconds',
  type: 'gauge',
  help: 'When the server was started, in seconds since 1970.',
  labels: [],
  source: 'pg_postmaster_start_time()',
  unit: 'seconds',
});

const sql = `
SELECT version() AS version,
       current_setting('server_version') AS server_version,
       extract(epoch FROM pg_postmaster_start_time()) AS started`;

export const instance: PostgresCollector = {
  name: 'instance',
  about: 'Version and start of the server.',
  scope: 'server',
  metrics: [pgStatic, startTime],
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, sql, context);
    return [
      ...rows.map((row) =>
        sample(pgStatic, 1, {
          version: row['version'] ?? '',
          // "15.20 (Debian 15.20-0+deb12u1)" is 15.20
          short_version: row['server_version']?.split(' ')[0] ?? '',
        }),
      ),
      ...columnSamples(rows, [{ metric: startTime, column: 'started' }]),
    ];
  },
};
