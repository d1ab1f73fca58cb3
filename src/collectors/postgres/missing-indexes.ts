import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { countedFindings, extensionMembers, isOfUsers } from './user-relations.ts';
import { metricsOf } from './versioned-columns.ts';

const ofDatabase = metricsOf({ prefix: 'pg_missing_index', name: 'pg_class', labels: ['datname', 'kind'] });
const ofTable = metricsOf({
  prefix: 'pg_missing_index',
  name: 'pg_class',
  labels: ['datname', 'kind', 'schemaname', 'relname', 'conname'],
});

const totals = [
  ofDatabase('findings', {
    column: 'count',
    unit: 'findings',
    source: 'pg_stat_user_tables, pg_constraint, pg_index',
    help: 'Where an index is likely to be missing. sequential_scans: tables of at least 10000 rows that were scanned sequentially at least 100 times and more often than by an index since the statistics were reset, reading a tenth of the rows or more each time. foreign_key: foreign keys whose columns are not the first ones of any index, so that each delete or key change of the referenced table reads the whole referencing one.',
  }),
];

const details = [
  ofTable('rows_read', {
    unit: 'rows',
    source: 'pg_stat_user_tables.seq_tup_read',
    help: 'Rows of the table that sequential scans read since the statistics were reset; the `watch.findingLimit` tables of kind sequential_scans with the most.',
  }),
  ofTable('table_bytes', {
    column: 'bytes',
    unit: 'bytes',
    source: 'pg_class.relpages',
    help: 'Bytes of the table, partitions included, as the last vacuum or analyze counted them; for foreign keys (conname) the `watch.findingLimit` largest.',
  }),
];

/** A partial index whose condition is only that a column of the key is not NULL serves the key as well as a whole one. */
const onlyNotNull = `
               substring(x.indpred::text FROM '^\\{NULLTEST :arg \\{VAR [^{}]*:varattno ([0-9]+) [^{}]*\\} :nulltesttype 1 [^{}]*\\}$')::int2
               = ANY (k.conkey)`;

// Foreign keys of partitions belong to the one of their parent.
const sql = `
WITH RECURSIVE extension_members AS MATERIALIZED (${extensionMembers}
), tables AS MATERIALIZED (
  SELECT c.oid, n.nspname AS schemaname, c.relname, c.relkind, c.relpages
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm', 'p') AND ${isOfUsers}
     AND NOT EXISTS (SELECT FROM extension_members e WHERE e.objid = c.oid)
), scanned AS MATERIALIZED (
  SELECT oid, pg_stat_get_live_tuples(oid) AS live, pg_stat_get_numscans(oid) AS scans,
         pg_stat_get_tuples_returned(oid) AS rows_read
    FROM tables WHERE relkind <> 'p'
), suspects AS (
  SELECT 'sequential_scans' AS kind, s.oid, NULL::name AS conname, s.rows_read
    FROM scanned s
   WHERE s.live >= 10000 AND s.scans >= 100 AND s.rows_read / s.scans >= s.live / 10
     AND s.scans > coalesce((SELECT sum(pg_stat_get_numscans(x.indexrelid)) FROM pg_index x WHERE x.indrelid = s.oid), 0)
), keys AS (
  SELECT 'foreign_key' AS kind, k.conrelid AS oid, k.conname, NULL::bigint AS rows_read
    FROM pg_constraint k
   WHERE k.contype = 'f' AND k.conparentid = 0
     AND NOT EXISTS (
       SELECT FROM pg_index x
        WHERE x.indrelid = k.conrelid AND x.indisvalid AND x.indnkeyatts >= cardinality(k.conkey)
          AND (x.indkey::int2[])[0:cardinality(k.conkey) - 1] <@ k.conkey
          AND k.conkey <@ (x.indkey::int2[])[0:cardinality(k.conkey) - 1]
          AND (x.indpred IS NULL OR ${onlyNotNull}))
), findings AS MATERIALIZED (
  SELECT * FROM suspects UNION ALL SELECT * FROM keys
), member (root, oid) AS (
  SELECT t.oid, t.oid FROM tables t WHERE t.oid IN (SELECT oid FROM findings)
  UNION
  SELECT m.root, h.inhrelid
    FROM member m
    JOIN pg_inherits h ON h.inhparent = m.oid
    JOIN pg_class c ON c.oid = h.inhrelid AND c.relispartition
), tree AS (
  SELECT m.root, sum(greatest(c.relpages, 0)) * current_setting('block_size')::bigint AS bytes
    FROM member m JOIN pg_class c ON c.oid = m.oid
   GROUP BY m.root
), ranked AS (
  SELECT f.kind, t.schemaname, t.relname, f.conname, f.rows_read, r.bytes,
         row_number() OVER (PARTITION BY f.kind ORDER BY f.rows_read DESC, r.bytes DESC, t.oid, f.conname) AS place,
         count(*) OVER (PARTITION BY f.kind) AS count
    FROM findings f JOIN tables t ON t.oid = f.oid JOIN tree r ON r.root = t.oid
)
SELECT current_database() AS datname, k.kind, r.schemaname, r.relname, r.conname, r.rows_read, r.bytes, r.place,
       coalesce(r.count, 0) AS count
  FROM unnest(ARRAY['sequential_scans', 'foreign_key']) AS k (kind)
  LEFT JOIN ranked r ON r.kind = k.kind AND r.place <= $1::bigint`;

export const missingIndexes: PostgresCollector = {
  name: 'missing_indexes',
  about:
    'Where an index is likely to be missing: large tables that are mostly scanned sequentially, and foreign keys without an index. A hint for somebody who knows the statements, not a verdict. How many there are in each database, and the `watch.findingLimit` worst by name.',
  scope: 'database',
  metrics: [...totals, ...details].map(({ metric }) => metric),
  enabledByDefault: true,
  minIntervalMs: 300_000,
  async collect(source, context) {
    const rows = await readRows(source, sql, context, [source.settings.findingLimit]);
    const { first, named, dropped } = countedFindings(source, this.name, rows);
    return [...columnSamples(first, totals), ...columnSamples(named, details), dropped];
  },
};
