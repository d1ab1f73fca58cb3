import { collationName, type DefinitionKind, notExtensionOwned, parents, sortedOptions, userSchema } from './kind.ts';

/** Relations of these kinds with a definition each; temporary ones and those of extensions are in no dump. */
function relations(relkind: string, definition: string, condition = 'true'): string {
  return `
    SELECT n.nspname AS schema, x.relname AS relation, x.relname AS name, ROW(${definition})::text AS definition
      FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace
     WHERE x.relkind = '${relkind}' AND x.relpersistence <> 't' AND ${condition}
       AND ${userSchema('x.relnamespace')} AND ${notExtensionOwned('pg_class')}`;
}

/** The tablespace is left out: restores put everything into the default one. */
const tableDefinition = `
  x.relpersistence, x.relrowsecurity, x.relforcerowsecurity, x.relreplident, x.reloftype::regtype,
  ${sortedOptions('x.reloptions')},
  (SELECT ${sortedOptions('t.reloptions')} FROM pg_class t WHERE t.oid = x.reltoastrelid),
  (SELECT amname FROM pg_am WHERE oid = x.relam),
  pg_get_partkeydef(x.oid), pg_get_expr(x.relpartbound, x.oid), ${parents('x.oid')}`;

const sequenceDefinition = `
  x.relpersistence, (SELECT ROW(format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle)::text
     FROM pg_sequence s WHERE s.seqrelid = x.oid),
  (SELECT format('%s %s.%I', d.deptype, d.refobjid::regclass, a.attname) FROM pg_depend d
     JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = x.oid AND d.refclassid = 'pg_class'::regclass
      AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0)`;

const foreignTableDefinition = `
  (SELECT ROW(s.srvname, ${sortedOptions('f.ftoptions')})::text FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver
    WHERE f.ftrelid = x.oid), ${parents('x.oid')}, pg_get_expr(x.relpartbound, x.oid)`;

const droppedBefore =
  '(SELECT count(*) FROM pg_attribute b WHERE b.attrelid = x.oid AND b.attnum BETWEEN 1 AND a.attnum AND b.attisdropped)';

/** One row for each relation: of tables, views and composite types. Only of the last their order is the same after every restore. */
const columns = (version: number) => `
  SELECT n.nspname AS schema, x.relname AS relation, x.relname AS name, count(*) AS amount,
         string_agg(ROW(a.attname, CASE x.relkind WHEN 'c' THEN a.attnum - ${droppedBefore} END, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(f.adbin, f.adrelid), a.attidentity,
           a.attgenerated, ${collationName('a.attcollation')}, a.attstorage, ${version >= 140_000 ? 'a.attcompression' : 'NULL'},
           coalesce(a.attstattarget, -1), ${sortedOptions('a.attoptions')}, ${sortedOptions('a.attfdwoptions')})::text,
           E'\\n' ORDER BY a.attname) AS definition
    FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace
    JOIN pg_attribute a ON a.attrelid = x.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
   WHERE x.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND x.relpersistence <> 't'
     AND ${userSchema('x.relnamespace')} AND ${notExtensionOwned('pg_class')}
     AND (x.relkind <> 'c' OR ${notExtensionOwned('pg_type', 'x.reltype')})
   GROUP BY 1, 2`;

/**
 * A dump leaves out indexes that a failed CREATE INDEX CONCURRENTLY left behind. That of a partitioned table is valid once one of
 * each partition is attached to it.
 */
const indexes = (relkind: string) => `
  SELECT n.nspname AS schema, t.relname AS relation, x.relname AS name,
         ROW(pg_get_indexdef(x.oid), i.indisclustered, i.indisreplident, i.indisvalid, ${parents('x.oid')},
           ARRAY(SELECT ROW(a.attnum, a.attstattarget)::text FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget >= 0 ORDER BY a.attnum))::text
           AS definition
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = x.relnamespace
   WHERE x.relkind = '${relkind}' AND x.relpersistence <> 't' AND (i.indisvalid AND i.indisready OR x.relkind = 'I')
     AND ${userSchema('x.relnamespace')} AND ${notExtensionOwned('pg_class')} AND ${notExtensionOwned('pg_class', 't.oid')}`;

/** Clones of a foreign key on partitions are made by the server, which names them by itself. */
const constraints = (condition: string) => `
  SELECT n.nspname AS schema, t.relname AS relation, x.conname || coalesce(' of ' || NULLIF(x.contypid, 0)::regtype, '') AS name,
         ROW(pg_get_constraintdef(x.oid), x.condeferrable, x.condeferred, x.convalidated)::text AS definition,
         CASE x.contype WHEN 'f' THEN x.conname END AS foreign_key
    FROM pg_constraint x JOIN pg_namespace n ON n.oid = x.connamespace LEFT JOIN pg_class t ON t.oid = x.conrelid
   WHERE ${condition} AND NOT (x.contype = 'f' AND x.conparentid <> 0)
     AND ${userSchema('x.connamespace')} AND ${notExtensionOwned('pg_constraint')}
     AND ${notExtensionOwned('pg_class', 'x.conrelid')} AND ${notExtensionOwned('pg_type', 'x.contypid')}`;

/** Things that stand on a table or view `t`. */
function onRelation(catalog: string, relation: string, parts: { name: string; definition: string; condition: string }) {
  return `
    SELECT n.nspname AS schema, t.relname AS relation, ${parts.name} AS name, ROW(${parts.definition})::text AS definition
      FROM ${catalog} x JOIN pg_class t ON t.oid = ${relation} JOIN pg_namespace n ON n.oid = t.relnamespace
     WHERE ${parts.condition} AND t.relpersistence <> 't' AND ${userSchema('t.relnamespace')}
       AND ${notExtensionOwned(catalog)} AND ${notExtensionOwned('pg_class', 't.oid')}`;
}

/** Clones on partitions are the server's own, but whether they fire may differ from the original. */
const triggers = (version: number) => {
  const firing = `(SELECT p.tgenabled FROM pg_trigger p WHERE p.oid = x.tgparentid AND NOT p.tgisinternal)`;
  const original = `NOT x.tgisinternal ${version >= 130_000 ? 'AND x.tgparentid = 0' : ''}`;
  return onRelation('pg_trigger', 'x.tgrelid', {
    name: 'x.tgname',
    definition: 'pg_get_triggerdef(x.oid), x.tgenabled',
    condition: version >= 130_000 ? `(${original} OR x.tgenabled <> ${firing})` : original,
  });
};

const rules = onRelation('pg_rewrite', 'x.ev_class', {
  name: 'x.rulename',
  definition: 'pg_get_ruledef(x.oid), x.ev_enabled',
  condition: "x.rulename <> '_RETURN'",
});

const policies = onRelation('pg_policy', 'x.polrelid', {
  name: 'x.polname',
  definition: `x.polcmd, x.polpermissive, pg_get_expr(x.polqual, x.polrelid), pg_get_expr(x.polwithcheck, x.polrelid),
    ARRAY(SELECT CASE r WHEN 0 THEN 'public' ELSE pg_get_userbyid(r) END FROM unnest(x.polroles) AS r ORDER BY 1)`,
  condition: 'true',
});

const statistics = (version: number) => `
  SELECT n.nspname AS schema, t.relname AS relation, x.stxname AS name,
         ROW(pg_get_statisticsobjdef(x.oid), ${version >= 130_000 ? 'coalesce(x.stxstattarget, -1)' : '-1'})::text AS definition
    FROM pg_statistic_ext x JOIN pg_namespace n ON n.oid = x.stxnamespace JOIN pg_class t ON t.oid = x.stxrelid
   WHERE ${userSchema('x.stxnamespace')} AND ${notExtensionOwned('pg_statistic_ext')} AND ${notExtensionOwned('pg_class', 't.oid')}`;

/** Tables, views, sequences and what stands on them. */
export const relationKinds: readonly DefinitionKind[] = [
  { kind: 'tables', sql: () => relations('r', tableDefinition) },
  { kind: 'partitioned tables', sql: () => relations('p', tableDefinition) },
  { kind: 'foreign tables', sql: () => relations('f', foreignTableDefinition) },
  { kind: 'views', sql: () => relations('v', `pg_get_viewdef(x.oid), ${sortedOptions('x.reloptions')}`) },
  {
    kind: 'materialized views',
    sql: () =>
      relations(
        'm',
        `pg_get_viewdef(x.oid), ${sortedOptions('x.reloptions')}, (SELECT amname FROM pg_am WHERE oid = x.relam)`,
      ),
  },
  {
    kind: 'filled materialized views',
    sql: () => relations('m', "'filled'", 'x.relispopulated'),
    needsData: true,
  },
  { kind: 'sequences', sql: () => relations('S', sequenceDefinition) },
  { kind: 'columns', sql: columns },
  { kind: 'indexes', sql: () => indexes('i') },
  { kind: 'partitioned indexes', sql: () => indexes('I') },
  { kind: 'constraints', sql: () => constraints("x.contype IN ('p', 'u', 'f', 'c', 'x')") },
  {
    kind: 'not-null constraints',
    // Told with the columns, and constraints of their own only from there on.
    sql: (version) => (version >= 180_000 ? constraints("x.contype = 'n' AND x.conrelid <> 0") : undefined),
    ofSameMajor: true,
  },
  { kind: 'triggers', sql: triggers },
  { kind: 'rules', sql: () => rules },
  { kind: 'policies', sql: () => policies },
  { kind: 'statistics objects', sql: statistics },
];
