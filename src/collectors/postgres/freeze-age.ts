import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows } from './source.ts';
import { countedFindings } from './user-relations.ts';
import { metricsOf } from './versioned-columns.ts';

const ofDatabase = metricsOf({ prefix: 'pg_freeze', name: 'pg_class', labels: ['datname', 'kind'] });
const ofTable = metricsOf({ prefix: 'pg_table', name: 'pg_class', labels: ['datname', 'schemaname', 'relname'] });

const kinds =
  'kind: table, catalog (of the system), temporary (of a session, which alone can vacuum it; one that a crash left behind blocks for good until it is dropped)';

const totals = [
  ofDatabase('oldest_age_transactions', {
    column: 'oldest',
    unit: 'transactions',
    source: 'age(pg_class.relfrozenxid)',
    help: `Transactions since the oldest row that is not frozen, by ${kinds}. The largest is what holds the whole database back (pg_wraparound_xid_age_transactions).`,
  }),
  ofDatabase('due_tables', {
    column: 'due',
    unit: 'tables',
    source: 'age(pg_class.relfrozenxid), mxid_age(pg_class.relminmxid), autovacuum_freeze_max_age',
    help: `Tables so old that autovacuum must freeze them even when it is off, by ${kinds}; many for long mean that it does not get through.`,
  }),
];

const details = [
  ofTable('freeze_age_transactions', {
    column: 'xid_age',
    unit: 'transactions',
    source: 'age(pg_class.relfrozenxid)',
    help: 'Transactions since the oldest row of the table, or of its TOAST table, that is not frozen; the `watch.findingLimit` tables that are nearest to their limit.',
  }),
  ofTable('freeze_age_multixacts', {
    column: 'mxid_age',
    unit: 'multixacts',
    source: 'mxid_age(pg_class.relminmxid)',
    help: 'Multixacts since the oldest one that the table, or its TOAST table, may hold.',
  }),
  ofTable('freeze_due_ratio', {
    column: 'ratio',
    unit: 'ratio',
    source: 'autovacuum_freeze_max_age, autovacuum_multixact_freeze_max_age and the storage parameters of the table',
    help: 'Age of the table against the age at which autovacuum freezes it, the worse of transactions and multixacts: above 1 it is due.',
  }),
];

/** The effective limit: a storage parameter can only lower that of the server. */
function limit(options: string, name: string): string {
  return `
         least(current_setting('${name}')::float8,
               (SELECT o.option_value FROM pg_options_to_table(${options}) o WHERE o.option_name = '${name}')::float8)`;
}

/** TOAST tables are vacuumed by the parameters of their own, and by the table's where they have none. */
function relation(alias: string): string {
  const options = alias === 'c' ? 'c.reloptions' : 'coalesce(t.reloptions, c.reloptions)';
  return `
         age(${alias}.relfrozenxid) AS ${alias}_xid_age, mxid_age(${alias}.relminmxid) AS ${alias}_mxid_age,
         ${limit(options, 'autovacuum_freeze_max_age')} AS ${alias}_xid_limit,
         ${limit(options, 'autovacuum_multixact_freeze_max_age')} AS ${alias}_mxid_limit`;
}

// What is no heap (foreign and partitioned tables, some access methods) has no relfrozenxid.
const sql = `
WITH tables AS MATERIALIZED (
  SELECT c.oid, n.nspname AS schemaname, c.relname,
         CASE WHEN c.relpersistence = 't' THEN 'temporary'
              WHEN n.nspname IN ('pg_catalog', 'information_schema') THEN 'catalog' ELSE 'table' END AS kind,
         ${relation('c')}, ${relation('t')}
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
   WHERE c.relkind IN ('r', 'm') AND c.relfrozenxid <> '0'
), aged AS (
  SELECT oid, kind, schemaname, relname, greatest(c_xid_age, t_xid_age) AS xid_age,
         greatest(c_mxid_age, t_mxid_age) AS mxid_age,
         greatest(c_xid_age / nullif(c_xid_limit, 0), c_mxid_age / nullif(c_mxid_limit, 0),
                  t_xid_age / nullif(t_xid_limit, 0), t_mxid_age / nullif(t_mxid_limit, 0)) AS ratio
    FROM tables
), ranked AS (
  SELECT *, row_number() OVER (ORDER BY ratio DESC, oid) AS place FROM aged
), totals AS (
  SELECT k.kind, count(a.oid) AS count, coalesce(max(a.xid_age), 0) AS oldest,
         count(*) FILTER (WHERE a.ratio > 1) AS due
    FROM unnest(ARRAY['table', 'catalog', 'temporary']) AS k (kind) LEFT JOIN aged a ON a.kind = k.kind
   GROUP BY k.kind
)
SELECT current_database() AS datname, kind, count, oldest, due, NULL AS schemaname, NULL AS relname, NULL AS xid_age,
       NULL AS mxid_age, NULL AS ratio, NULL AS place
  FROM totals
UNION ALL
SELECT current_database(), kind, NULL, NULL, NULL, schemaname, relname, xid_age, mxid_age, ratio, place
  FROM ranked WHERE place <= $1::bigint`;

export const freezeAge: PostgresCollector = {
  name: 'freeze_age',
  about:
    'Which tables hold back the reuse of transaction ids: the oldest of each kind, how many are due, and the `watch.findingLimit` nearest to their limit by name.',
  scope: 'database',
  metrics: [...totals, ...details].map(({ metric }) => metric),
  enabledByDefault: true,
  minIntervalMs: 60_000,
  async collect(source, context) {
    const rows = await readRows(source, sql, context, [source.settings.findingLimit]);
    const { first, named, dropped } = countedFindings(source, this.name, rows);
    return [...columnSamples(first, totals), ...columnSamples(named, details), dropped];
  },
};
