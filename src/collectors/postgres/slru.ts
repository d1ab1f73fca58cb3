import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows, requireVersion } from './source.ts';
import { metricsOf, selectList, type VersionedColumn } from './versioned-columns.ts';

const statistic = metricsOf({ prefix: 'pg_stat_slru', name: 'pg_stat_slru', labels: ['name'] });

function blocks(column: string, help: string): VersionedColumn {
  return statistic(`${column}_total`, { column, unit: 'blocks', help });
}

const columns: readonly VersionedColumn[] = [
  blocks('blks_hit', 'Blocks found in the cache.'),
  blocks(
    'blks_read',
    'Blocks read from disk: many of them while sessions wait for SLRU locks mean that the cache is too small.',
  ),
  blocks('blks_written', 'Blocks written to disk.'),
  blocks('blks_zeroed', 'Blocks made new.'),
  blocks('blks_exists', 'Blocks whose existence was asked for.'),
  statistic('flushes_total', { column: 'flushes', unit: 'flushes', help: 'Flushes of dirty data.' }),
  statistic('truncates_total', { column: 'truncates', unit: 'truncates', help: 'Times old data were cut off.' }),
  statistic('stats_reset_timestamp_seconds', {
    column: 'stats_reset',
    unit: 'seconds',
    expression: 'extract(epoch FROM t.stats_reset)',
    help: 'When these statistics were reset, in seconds since 1970.',
  }),
];

export const slru: PostgresCollector = {
  name: 'slru',
  about:
    'Caches of transaction states, subtransactions, multixacts and the like, by name as the server has it (other names from PostgreSQL 17 on). From PostgreSQL 13 on.',
  scope: 'server',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    requireVersion(source, 13);
    const sql = `SELECT t.name, ${selectList(columns, 't')} FROM pg_stat_slru t`;
    return columnSamples(await readRows(source, sql, context), columns);
  },
};
