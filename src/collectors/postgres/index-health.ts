import type { Sample } from '../../core/metric.ts';
import type { Row } from '../../targets/postgres/session.ts';
import { columnSamples } from './columns.ts';
import { type PostgresCollector, type PostgresSource, readRows } from './source.ts';
import { countedFindings, extensionMembers, isOfUsers } from './user-relations.ts';
import { metricsOf } from './versioned-columns.ts';

const ofDatabase = metricsOf({ prefix: 'pg_index', name: 'pg_index', labels: ['datname', 'problem'] });
const ofIndex = metricsOf({
  prefix: 'pg_index',
  name: 'pg_index',
  labels: ['datname', 'schemaname', 'relname', 'indexrelname', 'problem', 'covered_by'],
});

const meaning = [
  'unused: not scanned since the statistics were reset (pg_stat_database_stats_reset_timestamp_seconds), and neither unique nor behind a constraint or a replica identity; look at the standbys too, each counts its own scans',
  'duplicate: another index has the same columns, operator classes, collations, order, expressions and condition',
  'redundant: not unique, and its columns are the first ones of another B-tree index',
  'invalid: left behind by an index build that failed, and never used',
].join('; ');

const totals = [
  ofDatabase('problems', {
    column: 'count',
    unit: 'indexes',
    source: 'pg_index, pg_stat_user_indexes.idx_scan',
    help: `Indexes with a problem; 0 for problems that none has. ${meaning}. Those of extensions, and those of a table of which an index is just being built, are left out; an index of a partitioned table counts as one.`,
  }),
  ofDatabase('problem_bytes', {
    column: 'total_bytes',
    unit: 'bytes',
    source: 'pg_class.relpages',
    help: 'Bytes of these indexes, as the last vacuum, analyze or index build counted them.',
  }),
];

const details = [
  ofIndex('problem_index_bytes', {
    column: 'bytes',
    unit: 'bytes',
    source: 'pg_class.relpages',
    help: 'Bytes of an index with a problem; the `watch.findingLimit` largest of each problem. covered_by: the index that makes it a duplicate or redundant.',
  }),
];

/** Known alert rules look here for what a failed REINDEX CONCURRENTLY left (`indexrelname=~".*ccnew.*"`). */
const invalid = [
  metricsOf({
    prefix: 'pg_general_index_info',
    name: 'pg_class',
    labels: ['datname', 'schemaname', 'relname', 'indexrelname'],
  })('pg_relation_size', {
    column: 'bytes',
    unit: 'bytes',
    source: 'pg_class.relpages',
    help: 'Bytes of an invalid index, under the name that known alert rules have; only for those. See pg_index_problem_index_bytes.',
  }),
];

/** Node trees hold the places in the text of the statement; only in these they differ for the same expression. */
function withoutPlaces(tree: string): string {
  return `regexp_replace(${tree}::text, ':location -?[0-9]+', '', 'g')`;
}

/** Whether index `b` can stand for `a` on the same table; for a unique one only one that is as strict. */
const sameAs = `
         b.indnkeyatts = a.indnkeyatts AND b.indkey::int2[] = a.keys AND b.indclass::oid[] = a.classes
     AND b.indcollation::oid[] = a.collations AND b.indoption::int2[] = a.options
     AND ${withoutPlaces('b.indexprs')} IS NOT DISTINCT FROM a.expressions
     AND ${withoutPlaces('b.indpred')} IS NOT DISTINCT FROM a.predicate`;

/** Whether the columns of `a` are the first of `b`, which also has what `a` includes. */
const beginsWith = `
         (b.indnkeyatts > a.indnkeyatts OR b.indnkeyatts = a.indnkeyatts AND b.indnatts > a.indnatts)
     AND (b.indkey::int2[])[0:a.indnkeyatts - 1] = a.keys[0:a.indnkeyatts - 1]
     AND (b.indclass::oid[])[0:a.indnkeyatts - 1] = a.classes[0:a.indnkeyatts - 1]
     AND (b.indcollation::oid[])[0:a.indnkeyatts - 1] = a.collations[0:a.indnkeyatts - 1]
     AND (b.indoption::int2[])[0:a.indnkeyatts - 1] = a.options[0:a.indnkeyatts - 1]
     AND a.keys <@ b.indkey::int2[]
     AND ${withoutPlaces('b.indpred')} IS NOT DISTINCT FROM a.predicate`;

/**
 * Catalogs and counters only: no index is opened, so nothing waits for a lock. `attached` ones cannot be dropped without
 * their parent and are summed there, but they do cover what was made on their partition alone.
 */
function healthSql({ session }: PostgresSource): string {
  const nullsEqual = (index: string) => (session.version >= 150_000 ? `${index}.indnullsnotdistinct` : 'false');
  return `
WITH RECURSIVE extension_members AS MATERIALIZED (${extensionMembers}
), of_constraints AS MATERIALIZED (
  SELECT conindid FROM pg_constraint WHERE contype IN ('p', 'u', 'x')
), indexes AS MATERIALIZED (
  SELECT x.indexrelid AS oid, x.indrelid, n.nspname AS schemaname, c.relname, i.relname AS indexrelname, i.relam,
         i.relkind, i.relispartition AS attached, i.relpages::bigint AS pages, x.indisunique, x.indimmediate,
         ${nullsEqual('x')} AS nulls_equal, x.indisvalid, x.indisprimary,
         x.indisreplident OR x.indexrelid IN (SELECT conindid FROM of_constraints) AS is_needed,
         x.indnatts, x.indnkeyatts, x.indkey::int2[] AS keys, x.indclass::oid[] AS classes,
         x.indcollation::oid[] AS collations, x.indoption::int2[] AS options,
         ${withoutPlaces('x.indexprs')} AS expressions, ${withoutPlaces('x.indpred')} AS predicate
    FROM pg_index x
    JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_class c ON c.oid = x.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm', 'p') AND ${isOfUsers}
     AND c.oid NOT IN (SELECT objid FROM extension_members)
     AND i.oid NOT IN (SELECT objid FROM extension_members)
), member (root, oid) AS (
  SELECT oid, oid FROM indexes WHERE relkind = 'I' AND NOT attached
  UNION ALL
  SELECT m.root, h.inhrelid FROM member m JOIN pg_inherits h ON h.inhparent = m.oid
), tree AS MATERIALIZED (
  SELECT m.root, sum(pg_stat_get_numscans(m.oid)) AS scans, sum(greatest(c.relpages, 0)) AS pages
    FROM member m JOIN pg_class c ON c.oid = m.oid
   GROUP BY m.root
), pairs AS MATERIALIZED (
  SELECT a.oid, a.indisunique OR a.is_needed AS must_stay, b.indexrelid AS other, bi.relname AS covered_by,
         b.indnkeyatts AS other_columns,
         ROW(a.attached, a.indisprimary, a.is_needed, a.indisunique) AS rank,
         ROW(bi.relispartition, b.indisprimary,
             b.indisreplident OR b.indexrelid IN (SELECT conindid FROM of_constraints), b.indisunique) AS other_rank,
         (NOT a.indisunique
            OR b.indisunique AND ${nullsEqual('b')} = a.nulls_equal AND b.indimmediate = a.indimmediate)
         AND ${sameAs} AS is_same,
         bi.relam = (SELECT oid FROM pg_am WHERE amname = 'btree') AND 0 <> ALL (a.keys)
         AND ${beginsWith} AS begins_with
    FROM indexes a
    JOIN pg_index b ON b.indrelid = a.indrelid
    JOIN pg_class bi ON bi.oid = b.indexrelid
   WHERE NOT a.attached AND a.indisvalid AND b.indisvalid AND b.indexrelid <> a.oid AND bi.relam = a.relam
), duplicates AS MATERIALIZED (
  SELECT DISTINCT ON (oid) oid, covered_by
    FROM pairs
   WHERE is_same AND (other_rank > rank OR other_rank = rank AND other < oid)
   ORDER BY oid, other_rank DESC, other
), redundant AS MATERIALIZED (
  SELECT DISTINCT ON (oid) oid, covered_by
    FROM pairs
   WHERE begins_with AND NOT must_stay AND oid NOT IN (SELECT oid FROM duplicates)
   ORDER BY oid, other_columns, other
), findings AS (
  SELECT 'unused' AS problem, a.oid, NULL::name AS covered_by
    FROM indexes a LEFT JOIN tree t ON t.root = a.oid
   WHERE NOT a.attached AND a.indisvalid AND NOT a.indisunique AND NOT a.is_needed
     AND coalesce(t.scans, pg_stat_get_numscans(a.oid)) = 0
  UNION ALL SELECT 'duplicate', oid, covered_by FROM duplicates
  UNION ALL SELECT 'redundant', oid, covered_by FROM redundant
  UNION ALL
  SELECT 'invalid', a.oid, NULL
    FROM indexes a
   WHERE NOT a.indisvalid
     AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p
                      WHERE p.datname = current_database() AND p.relid = a.indrelid)
), ranked AS (
  SELECT f.problem, f.covered_by, a.schemaname, a.relname, a.indexrelname, s.bytes,
         row_number() OVER (PARTITION BY f.problem ORDER BY s.bytes DESC, a.oid) AS place,
         count(*) OVER of_problem AS count, sum(s.bytes) OVER of_problem AS total_bytes
    FROM findings f
    JOIN indexes a ON a.oid = f.oid
    LEFT JOIN tree t ON t.root = a.oid
   CROSS JOIN LATERAL (SELECT coalesce(t.pages, a.pages) * current_setting('block_size')::bigint AS bytes) AS s
  WINDOW of_problem AS (PARTITION BY f.problem)
)
SELECT current_database() AS datname, p.problem, r.covered_by, r.schemaname, r.relname, r.indexrelname, r.bytes, r.place,
       coalesce(r.count, 0) AS count, coalesce(r.total_bytes, 0) AS total_bytes
  FROM unnest(ARRAY['unused', 'duplicate', 'redundant', 'invalid']) AS p (problem)
  LEFT JOIN ranked r ON r.problem = p.problem AND r.place <= $1::bigint`;
}

function samplesOf(source: PostgresSource, rows: readonly Row[]): Sample[] {
  const { first, named, dropped } = countedFindings(source, indexHealth.name, rows);
  const invalidRows = named.filter(({ problem }) => problem === 'invalid');
  return [
    ...columnSamples(first, totals),
    ...columnSamples(named, details),
    ...columnSamples(invalidRows, invalid),
    dropped,
  ];
}

export const indexHealth: PostgresCollector = {
  name: 'index_health',
  about:
    'Indexes that cost without use: unused, duplicate, redundant, invalid. How many there are in each database and how large they are, and the `watch.findingLimit` largest of each kind by name.',
  scope: 'database',
  metrics: [...totals, ...details, ...invalid].map(({ metric }) => metric),
  enabledByDefault: true,
  minIntervalMs: 300_000,
  async collect(source, context) {
    return samplesOf(source, await readRows(source, healthSql(source), context, [source.settings.findingLimit]));
  },
};
