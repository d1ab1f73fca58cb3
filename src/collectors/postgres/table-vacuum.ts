import { columnSamples } from './columns.ts';
import { type PostgresCollector, type PostgresSource, readRows } from './source.ts';
import { countedFindings, isOfUsers } from './user-relations.ts';
import { metricsOf } from './versioned-columns.ts';

const ofDatabase = metricsOf({ prefix: 'pg_tables', name: 'pg_stat_user_tables', labels: ['datname'] });
const ofTable = metricsOf({
  prefix: 'pg_table',
  name: 'pg_stat_user_tables',
  labels: ['datname', 'schemaname', 'relname'],
});

const thresholds = 'autovacuum_* settings and storage parameters of the table';

const totals = [
  ofDatabase('live_rows', {
    unit: 'rows',
    source: 'pg_stat_user_tables.n_live_tup',
    help: 'Live rows of all tables of the database, estimated.',
  }),
  ofDatabase('dead_rows', {
    unit: 'rows',
    source: 'pg_stat_user_tables.n_dead_tup',
    help: 'Dead rows of all tables of the database, estimated.',
  }),
  ofDatabase('vacuum_due', {
    unit: 'tables',
    source: `pg_stat_user_tables, ${thresholds}`,
    help: 'Tables that autovacuum has reason to vacuum: dead rows, or rows inserted, above the threshold of the table. Some are normal; many for long mean that it does not get through.',
  }),
  ofDatabase('analyze_due', {
    unit: 'tables',
    source: `pg_stat_user_tables, ${thresholds}`,
    help: 'Tables that autovacuum has reason to analyze: rows changed above the threshold of the table.',
  }),
  ofDatabase('autovacuum_disabled', {
    unit: 'tables',
    source: 'pg_class.reloptions, autovacuum_enabled',
    help: 'Tables for which autovacuum is switched off by their storage parameter: nobody else vacuums them.',
  }),
  ofDatabase('never_analyzed', {
    unit: 'tables',
    source: 'pg_stat_user_tables.last_analyze, last_autoanalyze',
    help: 'Tables with rows that were not analyzed since the statistics began: plans for them may rest on guesses.',
  }),
];

const details = [
  ofTable('vacuum_due_ratio', {
    unit: 'ratio',
    source: `pg_stat_user_tables.n_dead_tup, n_ins_since_vacuum, ${thresholds}`,
    help: 'Dead rows, or rows inserted since the last vacuum (from PostgreSQL 13 on), against the threshold of the table, whichever is more: above 1 autovacuum is due, far above 1 it does not get to it. The `watch.findingLimit` tables with the largest ratio of vacuum and of analyze.',
  }),
  ofTable('analyze_due_ratio', {
    unit: 'ratio',
    source: `pg_stat_user_tables.n_mod_since_analyze, ${thresholds}`,
    help: 'Rows changed since the last analyze against the threshold of the table: above 1 an analyze by autovacuum is due.',
  }),
  ofTable('dead_rows_ratio', {
    unit: 'ratio',
    source: 'pg_stat_user_tables.n_dead_tup, n_live_tup',
    help: 'Share of the rows of the table that is dead, from 0 to 1; absent for an empty table.',
  }),
];

/** The storage parameter of the table, else the setting of the server. */
function effective(name: string): string {
  return `coalesce(o.${name}::float8, current_setting('${name}')::float8)`;
}

interface Parameters {
  readonly names: readonly string[];
  readonly vacuumThreshold: string;
  /** NULL where inserts alone are no reason. */
  readonly insertRatio: string;
}

/** How each version decides: relation_needs_vacanalyze() in autovacuum.c. */
function parametersOf(version: number): Parameters {
  const names = [
    'autovacuum_vacuum_threshold',
    'autovacuum_vacuum_scale_factor',
    'autovacuum_analyze_threshold',
    'autovacuum_analyze_scale_factor',
  ];
  const threshold = `${effective('autovacuum_vacuum_threshold')} + ${effective('autovacuum_vacuum_scale_factor')} * c.rows`;
  if (version < 130_000) return { names, vacuumThreshold: threshold, insertRatio: 'NULL::float8' };
  const inserts = ['autovacuum_vacuum_insert_threshold', 'autovacuum_vacuum_insert_scale_factor'] as const;
  const [insertBase, insertScale] = inserts;
  // From 18 on what is frozen already does not count, and large tables have an upper limit, -1 for none.
  const unfrozen = 'coalesce(1 - least(c.relallfrozen, c.relpages)::float8 / nullif(c.relpages, 0), 1)';
  const maximum = `nullif(${effective('autovacuum_vacuum_max_threshold')}, -1)`;
  const insertThreshold = `${effective(insertBase)} + ${effective(insertScale)} * c.rows * ${version < 180_000 ? '1' : unfrozen}`;
  return {
    names: [...names, ...inserts, ...(version < 180_000 ? [] : ['autovacuum_vacuum_max_threshold'])],
    vacuumThreshold: version < 180_000 ? threshold : `least(${threshold}, ${maximum})`,
    insertRatio: `CASE WHEN ${effective(insertBase)} >= 0
              THEN pg_stat_get_ins_since_vacuum(c.oid) / greatest(${insertThreshold}, 1) END`,
  };
}

function vacuumSql({ session }: PostgresSource): string {
  const { names, vacuumThreshold, insertRatio } = parametersOf(session.version);
  const frozen = session.version < 180_000 ? '' : ', c.relallfrozen';
  const options = [...names, 'autovacuum_enabled']
    .map((name) => `max(option_value) FILTER (WHERE option_name = '${name}') AS ${name}`)
    .join(',\n           ');
  return `
WITH tables AS MATERIALIZED (
  SELECT c.oid, n.nspname AS schemaname, c.relname, greatest(c.reltuples, 0)::float8 AS rows, c.reloptions, c.relpages,
         pg_stat_get_live_tuples(c.oid) AS live, pg_stat_get_dead_tuples(c.oid) AS dead${frozen}
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm') AND ${isOfUsers}
), rated AS MATERIALIZED (
  SELECT c.*, coalesce(o.autovacuum_enabled::bool, true) AS is_enabled,
         coalesce(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) IS NULL AS never_analyzed,
         greatest(c.dead / greatest(${vacuumThreshold}, 1),
                  ${insertRatio}) AS vacuum_ratio,
         pg_stat_get_mod_since_analyze(c.oid)
           / greatest(${effective('autovacuum_analyze_threshold')}
                      + ${effective('autovacuum_analyze_scale_factor')} * c.rows, 1) AS analyze_ratio
    FROM tables c
    LEFT JOIN LATERAL (
    SELECT ${options}
      FROM pg_options_to_table(c.reloptions)) AS o ON c.reloptions IS NOT NULL
), ranked AS (
  SELECT *, least(row_number() OVER (ORDER BY vacuum_ratio DESC, oid),
                  row_number() OVER (ORDER BY analyze_ratio DESC, oid)) AS place
    FROM rated
), totals AS (
  SELECT count(*) AS count, coalesce(sum(live), 0) AS live_rows, coalesce(sum(dead), 0) AS dead_rows,
         count(*) FILTER (WHERE vacuum_ratio > 1) AS vacuum_due, count(*) FILTER (WHERE analyze_ratio > 1) AS analyze_due,
         count(*) FILTER (WHERE NOT is_enabled) AS autovacuum_disabled,
         count(*) FILTER (WHERE never_analyzed AND live > 0) AS never_analyzed
    FROM rated
)
SELECT current_database() AS datname, t.*, NULL AS schemaname, NULL AS relname, NULL AS vacuum_due_ratio,
       NULL AS analyze_due_ratio, NULL AS dead_rows_ratio, NULL AS place
  FROM totals t
UNION ALL
SELECT current_database(), NULL, NULL, NULL, NULL, NULL, NULL, NULL, schemaname, relname, vacuum_ratio, analyze_ratio,
       dead::float8 / nullif(dead + live, 0), place
  FROM ranked WHERE place <= $1::bigint`;
}

export const tableVacuum: PostgresCollector = {
  name: 'table_vacuum',
  about:
    'Whether autovacuum keeps up, by the thresholds that hold for each table: how many tables of each database are due, and the `watch.findingLimit` most due by name. Temporary and partitioned tables are left out: autovacuum does nothing for them.',
  scope: 'database',
  metrics: [...totals, ...details].map(({ metric }) => metric),
  enabledByDefault: true,
  minIntervalMs: 60_000,
  async collect(source, context) {
    const rows = await readRows(source, vacuumSql(source), context, [source.settings.findingLimit]);
    const { first, named, dropped } = countedFindings(source, this.name, rows);
    return [...columnSamples(first, totals), ...columnSamples(named, details), dropped];
  },
};
