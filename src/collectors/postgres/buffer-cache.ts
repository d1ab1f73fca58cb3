import { quoteIdentifier } from '../../targets/postgres/session.ts';
import { NotApplicable } from '../collector.ts';
import { columnSamples } from './columns.ts';
import { findExtension } from './extension.ts';
import { type PostgresCollector, readRows, requireVersion } from './source.ts';
import { metricsOf, selectList } from './versioned-columns.ts';

const summary = metricsOf({ prefix: 'pg_buffercache_summary', name: 'pg_buffercache_summary()', labels: [] });

const columns = [
  summary('buffers_used', { unit: 'buffers', help: 'Shared buffers that hold something.' }),
  summary('buffers_unused', { unit: 'buffers', help: 'Shared buffers that hold nothing.' }),
  summary('buffers_dirty', { unit: 'buffers', help: 'Shared buffers that have still to be written.' }),
  summary('buffers_pinned', { unit: 'buffers', help: 'Shared buffers that are in use at the moment.' }),
  summary('usagecount_avg', {
    unit: 'uses',
    help: 'Mean usage count of the used ones, 0 to 5: near 5 most of the cache is wanted all the time. Absent while none is used.',
  }),
];

/** The minor version of the extension that brought the function. */
const firstMinor = 4;

export const bufferCache: PostgresCollector = {
  name: 'buffercache_summary',
  about:
    'How shared buffers are used. Not applicable before PostgreSQL 16, and where the extension `pg_buffercache` (1.4 or newer) is not installed in the database of the URL.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  minIntervalMs: 60_000,
  async collect(source, context) {
    requireVersion(source, 16);
    const { schema, minor } = await findExtension('pg_buffercache', source, context);
    if (minor < firstMinor)
      throw new NotApplicable('ALTER EXTENSION pg_buffercache UPDATE is due: it is older than 1.4');
    const sql = `SELECT ${selectList(columns, 't')} FROM ${quoteIdentifier(schema)}.pg_buffercache_summary() AS t`;
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
