import type { Sample } from '../../core/metric.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { booleanOf, columnSamples, numberOf } from './columns.ts';
import { type PostgresCollector, type PostgresSource, readRows } from './source.ts';
import { chosenTables, countedFindings } from './user-relations.ts';
import { metricsOf } from './versioned-columns.ts';

const source = 'estimated from pg_class and pg_statistic';

const ofDatabase = metricsOf({ prefix: 'pg_bloat', name: 'pg_class', labels: ['datname', 'kind'] });
const ofTable = metricsOf({ prefix: 'pg_bloat_table', name: 'pg_class', labels: ['datname', 'schemaname', 'relname'] });
const ofIndex = metricsOf({
  prefix: 'pg_bloat_btree',
  name: 'pg_class',
  labels: ['datname', 'schemaname', 'relname', 'idxname'],
});

const totals = [
  ofDatabase('total_bytes', {
    column: 'total',
    unit: 'bytes',
    source,
    help: 'Bytes of the `watch.tableLimit` largest tables (kind table), or of their B-tree indexes (kind btree), that would not be needed if they were written anew. An estimate, see pg_bloat_table_bytes.',
  }),
  ofDatabase('not_estimated', {
    unit: 'relations',
    source: 'pg_statistic',
    help: 'Tables or B-tree indexes of which nothing is known, because they were not analyzed or the role may not see the statistics of their columns, or whose columns are of the type name.',
  }),
];

const tables = [
  ofTable('bytes', {
    column: 'bloat',
    unit: 'bytes',
    source,
    help: 'Bytes that the rows of the table would not need if they were written anew: pages that there are, without those that so many rows of the average width take at the fillfactor (TOAST: four pieces a page). Right within a tenth or so where the table was analyzed lately; padding between columns counts as bloat. The `watch.findingLimit` largest.',
  }),
  ofTable('ratio', { unit: 'ratio', source, help: 'The same as a share of the size of the table, from 0 to 1.' }),
  ofTable('bloat_pct', {
    column: 'percent',
    unit: 'percent',
    source,
    help: 'The same in percent, under the name that the known alert rules have. See pg_bloat_table_ratio.',
  }),
  ofTable('real_size', {
    column: 'size',
    unit: 'bytes',
    source: 'pg_class.relpages',
    help: 'Bytes of the table with its TOAST table as the last vacuum or analyze counted them, under the name that the known alert rules have. See pg_stat_user_tables_table_size_bytes.',
  }),
];

const indexes = [
  ofIndex('bytes', {
    column: 'bloat',
    unit: 'bytes',
    source,
    help: 'Bytes that the entries of the B-tree index would not need if it was built anew, likewise. Too low for indexes in which the same values return often: from PostgreSQL 13 on these need less than is reckoned here.',
  }),
  ofIndex('ratio', { unit: 'ratio', source, help: 'The same as a share of the size of the index, from 0 to 1.' }),
  ofIndex('bloat_pct', {
    column: 'percent',
    unit: 'percent',
    source,
    help: 'The same in percent, under the name that the known alert rules have. See pg_bloat_btree_ratio.',
  }),
  ofIndex('real_size', {
    column: 'size',
    unit: 'bytes',
    source: 'pg_class.relpages',
    help: 'Bytes of the index as the last vacuum, analyze or index build counted them, under the name that the known alert rules have.',
  }),
];

/** Whether widths and shares of NULL can be read without the right to read the columns themselves. */
const accessSql = `
SELECT bool_and(has_column_privilege('pg_statistic', name, 'SELECT')) AS is_direct
  FROM unnest(ARRAY['starelid', 'staattnum', 'stainherit', 'stanullfrac', 'stawidth']) AS name`;

/** The statistics of the column `w`, as `s`. The view shows those of columns that the role may read. */
const statistics = {
  direct: `
    LEFT JOIN pg_statistic s ON s.starelid = w.relation AND s.staattnum = w.attnum AND NOT s.stainherit
   CROSS JOIN LATERAL (SELECT s.stanullfrac AS null_share, s.stawidth AS width) AS k`,
  byView: `
    LEFT JOIN pg_stats s ON s.schemaname = w.schemaname AND s.tablename = w.of AND s.attname = w.attname AND NOT s.inherited
   CROSS JOIN LATERAL (SELECT s.null_frac AS null_share, s.avg_width AS width) AS k`,
} as const;

/** Rounds up to eight bytes, as everything on a page begins at a multiple of that. */
const aligned = (bytes: string) => `8 * ceil((${bytes}) / 8.0)`;

const fillfactor = (options: string, otherwise: number) =>
  `coalesce((SELECT o.option_value FROM pg_options_to_table(${options}) o WHERE o.option_name = 'fillfactor')::int, ${otherwise})`;

/**
 * After the queries of github.com/ioguix/pgsql-bloat-estimation, which everybody uses. No table is read: pages and rows are
 * those of the last vacuum or analyze, widths and NULLs those of the last analyze. A page has a header of 24 bytes, and in
 * a B-tree 16 more; a row or entry has a pointer of 4 bytes, and a header of 23 or 8 with a bit for each column where
 * there are NULLs.
 */
function bloatSql(access: keyof typeof statistics): string {
  return `
WITH ${chosenTables()},
relations AS MATERIALIZED (
  SELECT 'table' AS kind, t.oid, t.oid AS indrelid, t.schemaname, t.relname, NULL::name AS idxname, c.relname AS of,
         c.relpages, greatest(c.reltuples, 0) AS rows, ${fillfactor('c.reloptions', 100)} AS fillfactor,
         coalesce(o.relpages, 0) AS toast_pages, coalesce(greatest(o.reltuples, 0), 0) AS toast_rows, NULL::int2[] AS keys
    FROM chosen t
    JOIN pg_class c ON c.oid = t.oid
    LEFT JOIN pg_class o ON o.oid = t.reltoastrelid
   WHERE c.relpages > 0 AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'heap')
  UNION ALL
  SELECT 'btree', i.oid, t.oid, t.schemaname, t.relname, i.relname, i.relname, i.relpages, greatest(i.reltuples, 0),
         ${fillfactor('i.reloptions', 90)}, 0, 0, x.indkey::int2[]
    FROM chosen t
    JOIN pg_index x ON x.indrelid = t.oid
    JOIN pg_class i ON i.oid = x.indexrelid
   WHERE i.relpages > 0 AND x.indisvalid AND i.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')
), wanted AS MATERIALIZED (
  SELECT r.oid, r.schemaname, a.atttypid = 'name'::regtype AND r.kind = 'btree' AS is_name,
         coalesce(b.attrelid, a.attrelid) AS relation, coalesce(b.attnum, a.attnum) AS attnum,
         coalesce(b.attname, a.attname) AS attname, CASE WHEN b.attrelid IS NULL THEN r.of ELSE r.relname END AS of
    FROM relations r
    JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
    LEFT JOIN pg_attribute b ON b.attrelid = r.indrelid AND b.attnum = nullif(r.keys[a.attnum - 1], 0)
), widths AS MATERIALIZED (
  SELECT w.oid, count(*) AS columns, bool_and(k.width IS NOT NULL AND NOT w.is_name) AS is_known,
         sum((1 - k.null_share) * k.width)::float8 AS data, max(k.null_share) AS nulls
    FROM wanted w ${statistics[access]}
   GROUP BY w.oid
), needed AS (
  SELECT r.*, w.is_known OR r.rows = 0 AS is_known, r.relpages + r.toast_pages AS pages,
         CASE
         WHEN r.rows = 0 THEN r.toast_pages + CASE r.kind WHEN 'btree' THEN 1 ELSE 0 END
         WHEN r.kind = 'table' THEN
           ceil(r.rows * (4 + ${aligned('23 + CASE WHEN w.nulls > 0 THEN (w.columns + 7) / 8 ELSE 0 END')} + ${aligned('w.data')})
                / ((b.size - 24) * r.fillfactor / 100.0)) + ceil(r.toast_rows / 4)
         ELSE
           1 + ceil(r.rows / greatest(floor((b.size - 40) * r.fillfactor / 100.0 / (4 + 8 + 8 * w.nulls + ${aligned('w.data')})), 1))
         END AS pages_needed, b.size AS block
    FROM relations r
    JOIN widths w ON w.oid = r.oid
   CROSS JOIN (SELECT current_setting('block_size')::int AS size) AS b
), bloated AS (
  SELECT *, greatest(pages - pages_needed, 0) * block AS bloat, pages::bigint * block AS size FROM needed
), ranked AS (
  SELECT *, row_number() OVER (PARTITION BY kind ORDER BY bloat DESC, oid) AS place FROM bloated WHERE is_known
), totals AS (
  SELECT k.kind, count(b.oid) AS relations,
         count(b.oid) FILTER (WHERE b.is_known)
           + (SELECT coalesce(max(total), 0) - count(*) FROM chosen WHERE k.kind = 'table') AS count,
         coalesce(sum(b.bloat) FILTER (WHERE b.is_known), 0) AS total,
         count(*) FILTER (WHERE NOT b.is_known) AS not_estimated,
         coalesce(bool_or(has_any_column_privilege(b.indrelid, 'SELECT')), true) AS may_read_any
    FROM unnest(ARRAY['table', 'btree']) AS k (kind) LEFT JOIN bloated b ON b.kind = k.kind
   GROUP BY k.kind
)
SELECT current_database() AS datname, kind, relations, count, total, not_estimated, may_read_any, NULL AS schemaname,
       NULL AS relname, NULL AS idxname, NULL AS bloat, NULL AS ratio, NULL AS percent, NULL AS size, NULL AS place
  FROM totals
UNION ALL
SELECT current_database(), kind, NULL, NULL, NULL, NULL, NULL, schemaname, relname, idxname, bloat, bloat / size,
       100 * bloat / size, size, place
  FROM ranked WHERE place <= $2::bigint`;
}

const remedy =
  'the role sees no statistics of columns: in this database, GRANT SELECT (starelid, staattnum, stainherit, stanullfrac, stawidth) ON pg_catalog.pg_statistic TO it, which shows no data, or GRANT pg_read_all_data';

async function collectBloat(source: PostgresSource, context: WorkContext): Promise<readonly Sample[]> {
  const { tableLimit, findingLimit } = source.settings;
  const access = (await readRows(source, accessSql, context)).some((row) => row['is_direct'] === 't');
  const sql = bloatSql(access ? 'direct' : 'byView');
  const rows = await readRows(source, sql, context, [tableLimit, findingLimit]);
  const { first, named, dropped } = countedFindings(source, bloat.name, rows);
  const isBlind = first.some((row) => (numberOf(row, 'relations') ?? 0) > 0 && booleanOf(row, 'may_read_any') === 0);
  if (!access && isBlind) throw new Error(remedy);
  return [
    ...columnSamples(first, totals),
    ...columnSamples(
      named.filter(({ kind }) => kind === 'table'),
      tables,
    ),
    ...columnSamples(
      named.filter(({ kind }) => kind === 'btree'),
      indexes,
    ),
    dropped,
  ];
}

export const bloat: PostgresCollector = {
  name: 'bloat',
  about:
    'How much of tables and B-tree indexes is empty, estimated from statistics without reading them; the `watch.tableLimit` largest tables of each database and their indexes, the `watch.findingLimit` most bloated by name. The role needs more than pg_monitor: in each database, `GRANT SELECT (starelid, staattnum, stainherit, stanullfrac, stawidth) ON pg_catalog.pg_statistic`, or where only the provider may do that `pg_read_all_data`.',
  scope: 'database',
  metrics: [...totals, ...tables, ...indexes].map(({ metric }) => metric),
  enabledByDefault: false,
  minIntervalMs: 900_000,
  collect: collectBloat,
};
