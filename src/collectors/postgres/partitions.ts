import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { droppedSample, isOfUsers } from './user-relations.ts';
import { metricsOf, selectList, type VersionedColumn } from './versioned-columns.ts';

const statistic = metricsOf({
  prefix: 'pg_partitioned_table',
  name: 'pg_inherits',
  labels: ['datname', 'schemaname', 'relname'],
});

const columns: readonly VersionedColumn[] = [
  statistic('partitions', {
    unit: 'tables',
    source: 'pg_inherits',
    help: 'Partitions that hold rows, at all levels, foreign tables among them.',
  }),
  statistic('live_rows', {
    unit: 'rows',
    source: 'pg_stat_user_tables.n_live_tup',
    help: 'Live rows of all partitions, estimated; without foreign tables.',
  }),
  statistic('dead_rows', {
    unit: 'rows',
    source: 'pg_stat_user_tables.n_dead_tup',
    help: 'Dead rows of all partitions, estimated.',
  }),
  statistic('default_partition_rows', {
    unit: 'rows',
    source: 'pg_stat_user_tables.n_live_tup',
    help: 'Live rows in default partitions, estimated: more than 0 where the partition for them was not made in time. Absent where there is no default partition.',
  }),
  statistic('estimated_size_bytes', {
    column: 'estimated_size',
    unit: 'bytes',
    source: 'pg_class.relpages',
    help: 'Bytes of all partitions without TOAST tables and indexes, as the last vacuum or analyze of each counted them.',
  }),
];

// pg_partition_tree() would lock every partition.
const sql = `
WITH RECURSIVE member (root, oid, is_default) AS (
  SELECT c.oid, c.oid, false
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'p' AND NOT c.relispartition AND ${isOfUsers}
  UNION ALL
  SELECT m.root, h.inhrelid, m.is_default OR h.inhrelid = p.partdefid
    FROM member m JOIN pg_partitioned_table p ON p.partrelid = m.oid JOIN pg_inherits h ON h.inhparent = m.oid
), tree AS (
  SELECT m.root, count(*) FILTER (WHERE c.relkind <> 'p') AS partitions,
         coalesce(sum(pg_stat_get_live_tuples(c.oid)) FILTER (WHERE c.relkind = 'r'), 0) AS live_rows,
         coalesce(sum(pg_stat_get_dead_tuples(c.oid)) FILTER (WHERE c.relkind = 'r'), 0) AS dead_rows,
         sum(pg_stat_get_live_tuples(c.oid)) FILTER (WHERE c.relkind = 'r' AND m.is_default) AS default_partition_rows,
         coalesce(sum(c.relpages) FILTER (WHERE c.relkind = 'r'), 0) * current_setting('block_size')::bigint
           AS estimated_size
    FROM member m JOIN pg_class c ON c.oid = m.oid
   GROUP BY m.root
)
SELECT current_database() AS datname, n.nspname AS schemaname, c.relname, count(*) OVER () AS total,
       ${selectList(columns, 't')}
  FROM tree t JOIN pg_class c ON c.oid = t.root JOIN pg_namespace n ON n.oid = c.relnamespace
 ORDER BY t.estimated_size DESC, t.live_rows DESC, t.root
 LIMIT $1::int`;

export const partitions: PostgresCollector = {
  name: 'partitions',
  about:
    'Partitioned tables with all that is below them, as sums; the partitions are among the tables of `user_tables`. The `watch.tableLimit` largest of each database.',
  scope: 'database',
  metrics: columns.map(({ metric }) => metric),
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readRows(source, sql, context, [source.settings.tableLimit]);
    return [...columnSamples(rows, columns), droppedSample(source, this.name, rows)];
  },
};
