import { type Metric, type Sample, sample } from '../../core/metric.ts';
import type { Row } from '../../targets/postgres/session.ts';
import { rowsDropped } from '../scrape-metrics.ts';
import { numberOf } from './columns.ts';
import type { PostgresSource } from './source.ts';

/** Condition for `n` (pg_namespace) and `c` (pg_class): what users made, without temporary tables, which only their sessions see. */
export const isOfUsers = `
       n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast' AND c.relpersistence <> 't'`;

/** As in pg_stat_user_tables: partitioned tables are there from PostgreSQL 14 on. */
export function statisticsKinds({ session }: PostgresSource): string {
  return session.version >= 140_000 ? "'r', 'm', 'p'" : "'r', 'm'";
}

/**
 * A common table expression `chosen` (oid, reltoastrelid, schemaname, relname, total) with the `$1` largest of the tables
 * of these kinds. The views are not asked: they compute all columns of all tables before any can be left out. Size is what
 * vacuum last counted, which takes no lock and no look at a file, or a hundred rows a page where nothing was counted yet.
 * `total` counts those left out too.
 */
export function chosenTables(kinds = "'r', 'm'"): string {
  return `
chosen AS MATERIALIZED (
  SELECT c.oid, c.reltoastrelid, n.nspname AS schemaname, c.relname, count(*) OVER () AS total
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN (${kinds}) AND ${isOfUsers}
   ORDER BY greatest(c.relpages, (pg_stat_get_live_tuples(c.oid) + pg_stat_get_dead_tuples(c.oid)) / 100) DESC, c.oid
   LIMIT $1::int
)`;
}

/** `chosen` (oid, indrelid, schemaname, relname, indexrelname, pages, total) likewise, with the `$1` largest indexes. */
export const chosenIndexes = `
chosen AS MATERIALIZED (
  SELECT i.oid, x.indrelid, n.nspname AS schemaname, c.relname, i.relname AS indexrelname, i.relpages AS pages,
         count(*) OVER () AS total
    FROM pg_index x
    JOIN pg_class i ON i.oid = x.indexrelid
    JOIN pg_class c ON c.oid = x.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'm') AND ${isOfUsers}
   ORDER BY i.relpages DESC, i.oid
   LIMIT $1::int
)`;

/** Relations of this database on which locks of these modes are held or waited for, as `relation`. */
export function lockedRelations(modes: string): string {
  return `
  SELECT l.relation
    FROM pg_locks l JOIN pg_database d ON d.oid = l.database
   WHERE l.locktype = 'relation' AND d.datname = current_database() AND l.mode IN (${modes})`;
}

/** How many rows were cut off: the column `total` of those that were not tells how many there are. */
export function droppedSample({ session }: PostgresSource, collector: string, rows: readonly Row[]): Sample {
  const [first] = rows;
  const total = first === undefined ? 0 : (numberOf(first, 'total') ?? 0);
  return sample(rowsDropped, total - rows.length, { collector, datname: session.database });
}

/** One sample about the database of the session. */
export function databaseSample({ session }: PostgresSource, metric: Metric<'datname'>, value: number): Sample {
  return sample(metric, value, { datname: session.database });
}

/** Tables and indexes that belong to an extension, as `objid`: whoever uses it cannot change them. */
export const extensionMembers = `
  SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e'`;

/** What was found, in groups: the first row of each group stands for its totals, and so many rows are not named. */
export interface CountedFindings {
  readonly first: readonly Row[];
  readonly named: readonly Row[];
  readonly dropped: Sample;
}

/**
 * Rows of findings with the columns `place` (from 1 on within their group; NULL for a row of totals alone) and `count` (of
 * the group; NULL where another row tells it).
 */
export function countedFindings({ session }: PostgresSource, collector: string, rows: readonly Row[]): CountedFindings {
  const first = rows.filter(({ place }) => place === null || place === '1');
  const named = rows.filter(({ place }) => place !== null);
  const found = first.reduce((sum, row) => sum + (numberOf(row, 'count') ?? 0), 0);
  const dropped = sample(rowsDropped, found - named.length, { collector, datname: session.database });
  return { first, named, dropped };
}
