import { errorMessage } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { Row } from '../../targets/postgres/session.ts';
import { columnSamples } from './columns.ts';
import { type PostgresCollector, type PostgresSource, readRows } from './source.ts';
import { countedFindings, isOfUsers, lockedRelations } from './user-relations.ts';
import { metricsOf } from './versioned-columns.ts';

const ofDatabase = metricsOf({ prefix: 'pg_sequences', name: 'pg_sequence', labels: ['datname'] });
const byReason = metricsOf({ prefix: 'pg_sequences', name: 'pg_sequence', labels: ['datname', 'reason'] });
const ofSequence = metricsOf({
  prefix: 'pg_sequence',
  name: 'pg_sequence',
  labels: ['datname', 'schemaname', 'sequencename', 'relname', 'attname', 'cycle'],
});

const source = 'pg_sequence_last_value(), pg_sequence, type of the column';

const totals = [
  ofDatabase('worst_used_ratio', {
    column: 'worst',
    unit: 'ratio',
    source,
    help: 'Largest pg_sequence_used_ratio of the sequences of the database, without those that begin again by themselves; absent when none was read.',
  }),
];

const unread = byReason('unread', {
  unit: 'sequences',
  source: 'has_sequence_privilege(), pg_locks',
  help: 'Sequences whose state is not known. privilege: the role may not read them, GRANT SELECT ON ALL SEQUENCES IN SCHEMA s TO it; locked: one waits for no lock; limit: more than `watch.tableLimit`, or than a tenth of the locks that the server has room for; those with the smallest range, and then those of the largest tables, are read.',
});

const details = [
  ofSequence('used_ratio', {
    column: 'ratio',
    unit: 'ratio',
    source,
    help: 'Share of the values between the two ends of the sequence that is used up, from 0 to 1; the end is that of the column (relname, attname) that takes its values where this comes first, as with a bigint sequence for an int column. The `watch.findingLimit` largest. cycle: "true" for one that begins again at its own end.',
  }),
  ofSequence('values_left', {
    column: 'values_left',
    unit: 'values',
    source,
    help: 'How many more values the sequence, or its column, has.',
  }),
];

/**
 * Reading a sequence takes a lock on it that is kept until the statement ends: were all read, a database with many could
 * fill the lock table, and others would fail. The columns that take the values are found by ownership and by defaults.
 */
const sql = `
WITH columns AS (
  SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid::int2 AS attnum
    FROM pg_depend d JOIN pg_sequence s ON s.seqrelid = d.objid
   WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  UNION
  SELECT d.refobjid, f.adrelid, f.adnum
    FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
   WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'n'
), limits AS MATERIALIZED (
  SELECT DISTINCT ON (u.sequence) u.sequence, c.relname, c.relpages, a.attname, m.type_max
    FROM columns u
    JOIN pg_class c ON c.oid = u.relation
    JOIN pg_attribute a ON a.attrelid = u.relation AND a.attnum = u.attnum
    JOIN pg_type t ON t.oid = a.atttypid
   CROSS JOIN LATERAL (
     SELECT CASE coalesce(nullif(t.typbasetype, 0), t.oid)
            WHEN 'int2'::regtype THEN 32767::numeric
            WHEN 'int4'::regtype THEN 2147483647
            WHEN 'int8'::regtype THEN 9223372036854775807 END AS type_max) AS m
   ORDER BY u.sequence, m.type_max, c.relpages DESC, u.relation, u.attnum
), locked AS MATERIALIZED (${lockedRelations("'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'")}
), sequences AS MATERIALIZED (
  SELECT c.oid, n.nspname AS schemaname, c.relname AS sequencename, k.relname, k.attname, k.relpages, s.seqincrement,
         CASE WHEN s.seqincrement > 0 THEN s.seqmin ELSE s.seqmax END AS begins,
         CASE WHEN s.seqincrement > 0 THEN least(s.seqmax, k.type_max)
              ELSE greatest(s.seqmin, -k.type_max - 1) END AS ends,
         s.seqcycle AND (k.type_max IS NULL OR s.seqmin >= -k.type_max - 1 AND s.seqmax <= k.type_max) AS cycle,
         CASE WHEN has_sequence_privilege(c.oid, 'SELECT, USAGE') IS NOT TRUE THEN 'privilege'
              WHEN c.oid IN (SELECT relation FROM locked) THEN 'locked' END AS reason
    FROM pg_sequence s
    JOIN pg_class c ON c.oid = s.seqrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN limits k ON k.sequence = c.oid
   WHERE ${isOfUsers} AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
), chosen AS MATERIALIZED (
  SELECT *
    FROM sequences
   WHERE reason IS NULL
   ORDER BY abs(ends - begins), relpages DESC NULLS LAST, oid
   LIMIT least($1::bigint, current_setting('max_locks_per_transaction')::bigint
                           * current_setting('max_connections')::bigint / 10)
), read AS MATERIALIZED (
  SELECT *, CASE WHEN has_sequence_privilege(oid, 'SELECT, USAGE') THEN pg_sequence_last_value(oid)::numeric END AS last
    FROM chosen
), rated AS (
  SELECT *, greatest(trunc((ends - coalesce(last, begins - seqincrement)) / seqincrement), 0) AS values_left,
         least(greatest(coalesce(abs(last - begins) + 1, 0) / nullif(abs(ends - begins) + 1, 0), 0), 1) AS ratio
    FROM read
), ranked AS (
  SELECT *, row_number() OVER (ORDER BY cycle, ratio DESC, oid) AS place FROM rated
), totals AS (
  SELECT count(*) AS count, count(*) FILTER (WHERE reason = 'privilege') AS privilege,
         count(*) FILTER (WHERE reason = 'locked') AS locked,
         count(*) FILTER (WHERE reason IS NULL) - (SELECT count(*) FROM chosen) AS beyond_limit,
         (SELECT max(ratio) FROM rated WHERE NOT cycle) AS worst
    FROM sequences
)
SELECT current_database() AS datname, t.*, r.schemaname, r.sequencename, r.relname, r.attname,
       CASE WHEN r.cycle THEN 'true' ELSE 'false' END AS cycle, r.ratio, r.values_left, r.place
  FROM totals t LEFT JOIN ranked r ON r.place <= $2::bigint`;

const attempts = 3;

/**
 * A sequence that is dropped between its finding and its reading fails the statement: the function cannot do without it. The
 * privilege, which is asked once more, is NULL for one that is known to be gone; the rest is luck, and tried again.
 */
async function readSequences(source: PostgresSource, context: WorkContext): Promise<Row[]> {
  const { tableLimit, findingLimit } = source.settings;
  for (let attempt = 1; ; attempt++) {
    try {
      return await readRows(source, sql, context, [tableLimit, findingLimit]);
    } catch (error) {
      if (attempt === attempts || !errorMessage(error).includes('could not open relation')) throw error;
    }
  }
}

const reasons = { privilege: 'privilege', locked: 'locked', beyond_limit: 'limit' } as const;

export const sequences: PostgresCollector = {
  name: 'sequences',
  about:
    'How near sequences, serial and identity columns are to the end of their values; the `watch.findingLimit` nearest by name. The role needs SELECT on the sequences, which pg_monitor does not have.',
  scope: 'database',
  metrics: [...totals, unread, ...details].map(({ metric }) => metric),
  enabledByDefault: true,
  minIntervalMs: 300_000,
  async collect(source, context) {
    const rows = await readSequences(source, context);
    const { first, named, dropped } = countedFindings(source, this.name, rows);
    const unreadRows = first.flatMap((row) =>
      Object.entries(reasons).map(([column, reason]) => ({ ...row, reason, unread: row[column] ?? null })),
    );
    return [
      ...columnSamples(first, totals),
      ...columnSamples(unreadRows, [unread]),
      ...columnSamples(named, details),
      dropped,
    ];
  },
};
