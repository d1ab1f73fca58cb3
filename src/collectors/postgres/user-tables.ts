import { columnSamples } from './columns.ts';
import { type PostgresCollector, type PostgresSource, readRows } from './source.ts';
import { chosenTables, droppedSample, statisticsKinds } from './user-relations.ts';
import { type ColumnDefinition, columnsIn, metricsOf, selectList, type VersionedColumn } from './versioned-columns.ts';

const labels = ['datname', 'schemaname', 'relname'] as const;
const statistic = metricsOf({ prefix: 'pg_stat_user_tables', name: 'pg_stat_user_tables', labels, type: 'counter' });

/** Asks the function behind the column of the view for the table `t`. */
function ofTable(name: string): string {
  return `pg_stat_get_${name}(t.oid)`;
}

/** Of all indexes of the table `t`; NULL when it has none. */
function ofIndexes(aggregate: 'sum' | 'max', name: string): string {
  return `(SELECT ${aggregate}(pg_stat_get_${name}(x.indexrelid)) FROM pg_index x WHERE x.indrelid = t.oid)`;
}

function epoch(expression: string): string {
  return `extract(epoch FROM ${expression})`;
}

function counter(column: string, definition: Omit<ColumnDefinition, 'type'>): VersionedColumn {
  return statistic(column, definition);
}

function gauge(column: string, definition: Omit<ColumnDefinition, 'type'>): VersionedColumn {
  return statistic(column, { ...definition, type: 'gauge' });
}

function instant(column: string, what: string, instead: string): VersionedColumn {
  return gauge(column, {
    unit: 'seconds',
    expression: `coalesce(${epoch(ofTable(`${column}_time`))}, 0)`,
    help: `When the table was last ${what}, in seconds since 1970; 0 for never, as postgres_exporter has it. See ${instead}.`,
  });
}

const lastVacuumed = 'pg_stat_user_tables_last_vacuumed_timestamp_seconds';
const lastAnalyzed = 'pg_stat_user_tables_last_analyzed_timestamp_seconds';

/** Names, types and zeros of postgres_exporter. */
const peers: readonly VersionedColumn[] = [
  counter('seq_scan', { unit: 'scans', expression: ofTable('numscans'), help: 'Sequential scans of the table.' }),
  counter('seq_tup_read', {
    unit: 'rows',
    expression: ofTable('tuples_returned'),
    help: 'Live rows read by sequential scans.',
  }),
  counter('idx_scan', {
    unit: 'scans',
    expression: `coalesce(${ofIndexes('sum', 'numscans')}, 0)`,
    help: 'Index scans of the table; 0 also where it has no index.',
  }),
  counter('idx_tup_fetch', {
    unit: 'rows',
    expression: `coalesce(${ofIndexes('sum', 'tuples_fetched')} + ${ofTable('tuples_fetched')}, 0)`,
    help: 'Live rows fetched by index scans; 0 also where the table has no index.',
  }),
  counter('n_tup_ins', { unit: 'rows', expression: ofTable('tuples_inserted'), help: 'Rows inserted.' }),
  counter('n_tup_upd', { unit: 'rows', expression: ofTable('tuples_updated'), help: 'Rows updated.' }),
  counter('n_tup_del', { unit: 'rows', expression: ofTable('tuples_deleted'), help: 'Rows deleted.' }),
  counter('n_tup_hot_upd', {
    unit: 'rows',
    expression: ofTable('tuples_hot_updated'),
    help: 'Rows updated without touching an index (heap-only).',
  }),
  gauge('n_live_tup', { unit: 'rows', expression: ofTable('live_tuples'), help: 'Live rows, estimated.' }),
  gauge('n_dead_tup', { unit: 'rows', expression: ofTable('dead_tuples'), help: 'Dead rows, estimated.' }),
  gauge('n_mod_since_analyze', {
    unit: 'rows',
    expression: ofTable('mod_since_analyze'),
    help: 'Rows changed since the last analyze, estimated.',
  }),
  instant('last_vacuum', 'vacuumed by hand (not VACUUM FULL)', lastVacuumed),
  instant('last_autovacuum', 'vacuumed by autovacuum', lastVacuumed),
  instant('last_analyze', 'analyzed by hand', lastAnalyzed),
  instant('last_autoanalyze', 'analyzed by autovacuum', lastAnalyzed),
  counter('vacuum_count', {
    unit: 'runs',
    expression: ofTable('vacuum_count'),
    help: 'Times the table was vacuumed by hand (not VACUUM FULL).',
  }),
  counter('autovacuum_count', {
    unit: 'runs',
    expression: ofTable('autovacuum_count'),
    help: 'Times autovacuum vacuumed the table.',
  }),
  counter('analyze_count', {
    unit: 'runs',
    expression: ofTable('analyze_count'),
    help: 'Times the table was analyzed by hand.',
  }),
  counter('autoanalyze_count', {
    unit: 'runs',
    expression: ofTable('autoanalyze_count'),
    help: 'Times autovacuum analyzed the table.',
  }),
];

/** Milliseconds that the server spent on the table, which it counts from PostgreSQL 18 on. */
function spent(what: string, help: string): VersionedColumn {
  return counter(`${what}_seconds_total`, {
    unit: 'seconds',
    column: `total_${what}_time`,
    expression: ofTable(`total_${what}_time`),
    factor: 0.001,
    since: 180_000,
    help: `${help}, cost-based delays included; from PostgreSQL 18 on.`,
  });
}

const additions: readonly VersionedColumn[] = [
  gauge('last_vacuumed_timestamp_seconds', {
    unit: 'seconds',
    column: 'vacuumed',
    source: 'pg_stat_user_tables.last_vacuum, last_autovacuum',
    expression: epoch(`greatest(${ofTable('last_vacuum_time')}, ${ofTable('last_autovacuum_time')})`),
    help: 'When the table was last vacuumed by anybody, in seconds since 1970; absent when never.',
  }),
  gauge('last_analyzed_timestamp_seconds', {
    unit: 'seconds',
    column: 'analyzed',
    source: 'pg_stat_user_tables.last_analyze, last_autoanalyze',
    expression: epoch(`greatest(${ofTable('last_analyze_time')}, ${ofTable('last_autoanalyze_time')})`),
    help: 'When the table was last analyzed by anybody, in seconds since 1970; absent when never: the planner then guesses.',
  }),
  gauge('n_ins_since_vacuum', {
    unit: 'rows',
    expression: ofTable('ins_since_vacuum'),
    since: 130_000,
    help: 'Rows inserted since the last vacuum, estimated; from PostgreSQL 13 on.',
  }),
  counter('n_tup_newpage_upd_total', {
    unit: 'rows',
    column: 'n_tup_newpage_upd',
    expression: ofTable('tuples_newpage_updated'),
    since: 160_000,
    help: 'Rows updated whose new version went to another page: a lower fillfactor may help; from PostgreSQL 16 on.',
  }),
  gauge('last_seq_scan_timestamp_seconds', {
    unit: 'seconds',
    column: 'last_seq_scan',
    expression: epoch(ofTable('lastscan')),
    since: 160_000,
    help: 'When the table was last scanned sequentially, in seconds since 1970; absent when never; from PostgreSQL 16 on.',
  }),
  gauge('last_idx_scan_timestamp_seconds', {
    unit: 'seconds',
    column: 'last_idx_scan',
    expression: epoch(ofIndexes('max', 'lastscan')),
    since: 160_000,
    help: 'When an index of the table was last scanned, in seconds since 1970; absent when never; from PostgreSQL 16 on.',
  }),
  spent('vacuum', 'Seconds spent vacuuming the table by hand'),
  spent('autovacuum', 'Seconds autovacuum spent vacuuming the table'),
  spent('analyze', 'Seconds spent analyzing the table by hand'),
  spent('autoanalyze', 'Seconds autovacuum spent analyzing the table'),
];

const columns = [...peers, ...additions];

function tablesSql(source: PostgresSource): string {
  return `
WITH ${chosenTables(statisticsKinds(source))}
SELECT current_database() AS datname, t.schemaname, t.relname, t.total,
       ${selectList(columnsIn(source.session, columns), 't')}
  FROM chosen t`;
}

export const userTables: PostgresCollector = {
  name: 'user_tables',
  about:
    'What happens to each table: scans, rows changed, dead rows, vacuum and analyze. The `watch.tableLimit` largest tables of each database, materialized views and partitions among them; temporary tables are left out. A partitioned table itself stands at 0 (see `partitions`).',
  scope: 'database',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, tablesSql(source), context, [source.settings.tableLimit]);
    const samples = columnSamples(rows, columnsIn(source.session, columns));
    return [...samples, droppedSample(source, this.name, rows)];
  },
};
