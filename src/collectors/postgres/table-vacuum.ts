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
    help: 'Tables for which autovacuum is switched off by a storage parameter, or for their TOAST tables: nobody else vacuums them.',
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
    help: 'Dead rows, or rows inserted since the last vacuum (from PostgreSQL 13 on), against the threshold of the table, whichever is more, in the table or in its TOAST table: above 1 autovacuum is due, far above 1 it does not get to it. The `watch.findingLimit` tables with the largest ratio of vacuum and of analyze.',
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

const parameters = {
  all: [
    'autovacuum_vacuum_threshold',
    'autovacuum_vacuum_scale_factor',
    'autovacuum_analyze_threshold',
    'autovacuum_analyze_scale_factor',
  ],
  since13: ['autovacuum_vacuum_insert_threshold', 'autovacuum_vacuum_insert_scale_factor'],
  since18: ['autovacuum_vacuum_max_threshold'],
} as const;

function parametersOf(version: number): string[] {
  return [
    ...parameters.all,
    ...(version >= 130_000 ? parameters.since13 : []),
    ...(version >= 180_000 ? parameters.since18 : []),
  ];
}

/** The storage parameter of relation `r`, else the setting of the server. */
function effective(name: string): string {
  return `coalesce(o.${name}::float8, current_setting('${name}')::float8)`;
}

/** Reasons to vacuum relation `r` against their thresholds, as relation_needs_vacanalyze() in autovacuum.c has them. */
function vacuumRatio(version: number): string {
  const threshold = `${effective('autovacuum_vacuum_threshold')} + ${effective('autovacuum_vacuum_scale_factor')} * r.rows`;
  // From 18 on large tables have an upper limit, -1 for none, and what is frozen already does not count for inserts.
  const limited = `least(${threshold}, nullif(${effective('autovacuum_vacuum_max_threshold')}, -1))`;
  const dead = `r.dead / greatest(${version >= 180_000 ? limited : threshold}, 1)`;
  if (version < 130_000) return dead;
  const [base, scale] = parameters.since13;
  const unfrozen = 'coalesce(1 - least(r.relallfrozen, r.relpages)::float8 / nullif(r.relpages, 0), 1)';
  const inserts = `${effective(base)} + ${effective(scale)} * r.rows * ${version >= 180_000 ? unfrozen : '1'}`;
  return `
         greatest(${dead},
                  CASE WHEN ${effective(base)} >= 0
                       THEN pg_stat_get_ins_since_vacuum(r.oid) / greatest(${inserts}, 1) END)`;
}

/** Tables and their TOAST tables, which follow the table's parameters where they have none of their own. */
function vacuumSql({ session: { version } }: PostgresSource): string {
  const options = [...parametersOf(version), 'autovacuum_enabled']
    .map((name) => `max(option_value) FILTER (WHERE option_name = '${name}') AS ${name}`)
    .join(',\n           ');
  const columns = (alias: string) => `
         greatest(${alias}.reltuples, 0)::float8 AS rows, pg_stat_get_dead_tuples(${alias}.oid) AS dead,
         ${alias}.relpages${version >= 180_000 ? `, ${alias}.relallfrozen` : ''}`;
  return `
WITH tables AS MATERIALIZED (
  SELECT c.oid, c.oid AS of, n.nspname AS schemaname, c.relname, c.reltoastrelid, c.reloptions, ${columns('c')}
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm') AND ${isOfUsers}
), relations AS (
  SELECT * FROM tables
  UNION ALL
  SELECT t.oid, c.oid, c.schemaname, c.relname, 0, coalesce(t.reloptions, c.reloptions), ${columns('t')}
    FROM tables c JOIN pg_class t ON t.oid = c.reltoastrelid
), rated AS MATERIALIZED (
  SELECT r.oid, r.of, r.schemaname, r.relname, r.dead, coalesce(o.autovacuum_enabled::bool, true) AS is_enabled,
         ${vacuumRatio(version)} AS vacuum_ratio,
         CASE WHEN r.oid = r.of
              THEN pg_stat_get_mod_since_analyze(r.oid)
                   / greatest(${effective('autovacuum_analyze_threshold')}
                              + ${effective('autovacuum_analyze_scale_factor')} * r.rows, 1) END AS analyze_ratio
    FROM relations r
    LEFT JOIN LATERAL (
    SELECT ${options}
      FROM pg_options_to_table(r.reloptions)) AS o ON r.reloptions IS NOT NULL
), joined AS MATERIALIZED (
  SELECT r.of AS oid, r.schemaname, r.relname, max(r.vacuum_ratio) AS vacuum_ratio, max(r.analyze_ratio) AS analyze_ratio,
         bool_and(r.is_enabled) AS is_enabled, sum(r.dead) FILTER (WHERE r.oid = r.of) AS dead,
         pg_stat_get_live_tuples(r.of) AS live
    FROM rated r
   GROUP BY r.of, r.schemaname, r.relname
), ranked AS (
  SELECT *, least(row_number() OVER (ORDER BY vacuum_ratio DESC, oid),
                  row_number() OVER (ORDER BY analyze_ratio DESC, oid)) AS place
    FROM joined
), totals AS (
  SELECT count(*) AS count, coalesce(sum(live), 0) AS live_rows, coalesce(sum(dead), 0) AS dead_rows,
         count(*) FILTER (WHERE vacuum_ratio > 1) AS vacuum_due, count(*) FILTER (WHERE analyze_ratio > 1) AS analyze_due,
         count(*) FILTER (WHERE NOT is_enabled) AS autovacuum_disabled,
         count(*) FILTER (WHERE live > 0 AND pg_stat_get_last_analyze_time(oid) IS NULL
                            AND pg_stat_get_last_autoanalyze_time(oid) IS NULL) AS never_analyzed
    FROM joined
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
