import {
  collationName,
  type DefinitionKind,
  dumpedType,
  firstUserOid,
  notExtensionOwned,
  sortedOptions,
  userSchema,
} from './kind.ts';

/** Objects of a catalog that live in a schema. */
function inSchema(
  catalog: string,
  given: {
    readonly namespace: string;
    readonly name: string;
    readonly definition: string;
    readonly condition?: string;
    readonly join?: string;
  },
): string {
  return `
    SELECT n.nspname AS schema, NULL AS relation, ${given.name} AS name, ROW(${given.definition})::text AS definition
      FROM ${catalog} x JOIN pg_namespace n ON n.oid = x.${given.namespace} ${given.join ?? ''}
     WHERE ${userSchema(`x.${given.namespace}`)} AND ${notExtensionOwned(catalog)} AND ${given.condition ?? 'true'}`;
}

/** Constructors of range types are made by the server, and not the same in every version. */
const notInternal =
  "NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = x.oid AND d.deptype = 'i')";

const functions = inSchema('pg_proc', {
  namespace: 'pronamespace',
  name: 'x.oid::regprocedure::text',
  definition: "CASE WHEN x.prokind <> 'a' THEN pg_get_functiondef(x.oid) END",
  condition: `x.prokind <> 'a' AND ${notInternal}`,
});

const aggregates = inSchema('pg_proc', {
  namespace: 'pronamespace',
  name: 'x.oid::regprocedure::text',
  join: 'JOIN pg_aggregate g ON g.aggfnoid = x.oid',
  definition: `pg_get_function_arguments(x.oid), g.aggkind, g.aggnumdirectargs, g.aggtransfn::regproc, g.aggfinalfn::regproc,
    g.aggcombinefn::regproc, g.aggserialfn::regproc, g.aggdeserialfn::regproc, g.aggmtransfn::regproc, g.aggminvtransfn::regproc,
    g.aggmfinalfn::regproc, g.aggfinalextra, g.aggmfinalextra, g.aggfinalmodify, g.aggmfinalmodify, g.aggsortop::regoper,
    g.aggtranstype::regtype, g.aggtransspace, g.aggmtranstype::regtype, g.aggmtransspace, g.agginitval, g.aggminitval, x.proparallel`,
});

const range = (version: number) => `
  (SELECT ROW(r.rngsubtype::regtype, ${collationName('r.rngcollation')}, r.rngcanonical::regproc, r.rngsubdiff::regproc,
     ${version >= 140_000 ? 'r.rngmultitypid::regtype' : 'NULL'}, (SELECT opcname FROM pg_opclass WHERE oid = r.rngsubopc))::text
     FROM pg_range r WHERE r.rngtypid = x.oid)`;

const baseType = (version: number) => `
  CASE WHEN x.typtype = 'b' THEN ROW(x.typinput::regproc, x.typoutput::regproc, x.typreceive::regproc, x.typsend::regproc,
    x.typmodin::regproc, x.typmodout::regproc, x.typanalyze::regproc, x.typlen, x.typbyval, x.typalign, x.typstorage, x.typcategory,
    x.typispreferred, x.typdelim, x.typelem::regtype, x.typcollation <> 0, ${version >= 140_000 ? 'x.typsubscript::regproc' : 'NULL'})::text END`;

/** Enumerations, domains, ranges, base types and those of which there is only the name; composite types are told with the columns. */
const types = (version: number) =>
  inSchema('pg_type', {
    namespace: 'typnamespace',
    name: 'x.typname',
    definition: `x.typtype, format_type(x.typbasetype, x.typtypmod), x.typnotnull,
      coalesce(pg_get_expr(x.typdefaultbin, 0), x.typdefault), ${collationName("CASE x.typtype WHEN 'd' THEN x.typcollation END")},
      ARRAY(SELECT e.enumlabel FROM pg_enum e WHERE e.enumtypid = x.oid ORDER BY e.enumsortorder), ${range(version)}, ${baseType(version)}`,
    condition: dumpedType,
  });

const compositeTypes = `
  SELECT n.nspname AS schema, NULL AS relation, x.typname AS name, '' AS definition
    FROM pg_type x JOIN pg_class c ON c.oid = x.typrelid AND c.relkind = 'c' JOIN pg_namespace n ON n.oid = x.typnamespace
   WHERE ${userSchema('x.typnamespace')} AND ${notExtensionOwned('pg_type')}`;

function collationLocale(version: number): string {
  if (version >= 170_000) return 'x.colllocale';
  return version >= 150_000 ? 'x.colliculocale' : 'NULL';
}

/** Alterations of the order, by version 16. */
const collationRules = (version: number) => (version >= 160_000 ? 'x.collicurules' : 'NULL');

const collations = (version: number) =>
  inSchema('pg_collation', {
    namespace: 'collnamespace',
    name: 'x.collname',
    definition: `x.collprovider, x.collisdeterministic, x.collcollate, x.collctype, ${collationLocale(version)}, ${collationRules(version)}`,
  });

const operators = inSchema('pg_operator', {
  namespace: 'oprnamespace',
  name: 'x.oid::regoperator::text',
  definition: `x.oprresult::regtype, x.oprcode::regproc, x.oprcom::regoperator, x.oprnegate::regoperator, x.oprrest::regproc,
    x.oprjoin::regproc, x.oprcanmerge, x.oprcanhash`,
  // A shell that only another operator refers to.
  condition: 'x.oprcode <> 0',
});

const operatorClasses = inSchema('pg_opclass', {
  namespace: 'opcnamespace',
  name: "x.opcname || ' ' || a.amname",
  join: 'JOIN pg_am a ON a.oid = x.opcmethod',
  definition: `x.opcintype::regtype, x.opcdefault, x.opckeytype::regtype, (SELECT opfname FROM pg_opfamily WHERE oid = x.opcfamily)`,
});

const operatorFamilies = inSchema('pg_opfamily', {
  namespace: 'opfnamespace',
  name: "x.opfname || ' ' || a.amname",
  join: 'JOIN pg_am a ON a.oid = x.opfmethod',
  definition: `
    ARRAY(SELECT ROW(o.amopstrategy, o.amopopr::regoperator, o.amoppurpose,
            (SELECT f.opfname FROM pg_opfamily f WHERE f.oid = o.amopsortfamily))::text FROM pg_amop o WHERE o.amopfamily = x.oid ORDER BY 1),
    ARRAY(SELECT ROW(p.amprocnum, p.amproclefttype::regtype, p.amprocrighttype::regtype, p.amproc::regprocedure)::text
            FROM pg_amproc p WHERE p.amprocfamily = x.oid ORDER BY 1)`,
});

const conversions = inSchema('pg_conversion', {
  namespace: 'connamespace',
  name: 'x.conname',
  definition: 'x.conforencoding, x.contoencoding, x.conproc::regproc, x.condefault',
});

const textSearch: readonly DefinitionKind[] = [
  {
    kind: 'text search configurations',
    sql: () =>
      inSchema('pg_ts_config', {
        namespace: 'cfgnamespace',
        name: 'x.cfgname',
        definition: `(SELECT prsname FROM pg_ts_parser WHERE oid = x.cfgparser),
          ARRAY(SELECT ROW(m.maptokentype, m.mapseqno, m.mapdict::regdictionary)::text FROM pg_ts_config_map m WHERE m.mapcfg = x.oid ORDER BY m.maptokentype, m.mapseqno)`,
      }),
  },
  {
    kind: 'text search dictionaries',
    sql: () =>
      inSchema('pg_ts_dict', {
        namespace: 'dictnamespace',
        name: 'x.dictname',
        definition: '(SELECT tmplname FROM pg_ts_template WHERE oid = x.dicttemplate), x.dictinitoption',
      }),
  },
  {
    kind: 'text search parsers',
    sql: () =>
      inSchema('pg_ts_parser', {
        namespace: 'prsnamespace',
        name: 'x.prsname',
        definition:
          'x.prsstart::regproc, x.prstoken::regproc, x.prsend::regproc, x.prsheadline::regproc, x.prslextype::regproc',
      }),
  },
  {
    kind: 'text search templates',
    sql: () =>
      inSchema('pg_ts_template', {
        namespace: 'tmplnamespace',
        name: 'x.tmplname',
        definition: 'x.tmplinit::regproc, x.tmpllexize::regproc',
      }),
  },
];

const schemas = `
  SELECT x.nspname AS schema, NULL AS relation, x.nspname AS name, '' AS definition FROM pg_namespace x
   WHERE ${userSchema('x.oid')} AND x.nspname <> 'public' AND ${notExtensionOwned('pg_namespace')}`;

/** What lives in schemas, and the schemas. */
export const schemaObjectKinds: readonly DefinitionKind[] = [
  { kind: 'schemas', sql: () => schemas },
  { kind: 'functions', sql: () => functions },
  { kind: 'aggregates', sql: () => aggregates },
  { kind: 'types', sql: types },
  { kind: 'composite types', sql: () => compositeTypes },
  { kind: 'collations', sql: collations },
  { kind: 'operators', sql: () => operators },
  { kind: 'operator classes', sql: () => operatorClasses },
  { kind: 'operator families', sql: () => operatorFamilies },
  { kind: 'conversions', sql: () => conversions },
  ...textSearch,
];

/** Objects of the whole database. `name` is an SQL expression. */
function ofDatabase(catalog: string, name: string, definition: string, condition = 'true'): string {
  return `
    SELECT NULL AS schema, NULL AS relation, ${name} AS name, ROW(${definition})::text AS definition FROM ${catalog} x
     WHERE x.oid >= ${firstUserOid} AND ${notExtensionOwned(catalog)} AND ${condition}`;
}

const publicationFlags = (version: number) =>
  [
    'x.puballtables, x.pubinsert, x.pubupdate, x.pubdelete, x.pubtruncate',
    ...(version >= 130_000 ? ['x.pubviaroot'] : []),
    ...(version >= 180_000 ? ['x.pubgencols'] : []),
  ].join(', ');

const publishedTables = (version: number) => `
  SELECT n.nspname AS schema, t.relname AS relation, p.pubname AS name,
         ROW(${
           version >= 150_000
             ? `pg_get_expr(x.prqual, x.prrelid),
         ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = x.prrelid AND a.attnum = ANY (x.prattrs) ORDER BY 1)`
             : "''"
         })::text AS definition
    FROM pg_publication_rel x JOIN pg_publication p ON p.oid = x.prpubid
    JOIN pg_class t ON t.oid = x.prrelid JOIN pg_namespace n ON n.oid = t.relnamespace`;

const publishedSchemas = `
  SELECT n.nspname AS schema, NULL AS relation, p.pubname AS name, '' AS definition
    FROM pg_publication_namespace x JOIN pg_publication p ON p.oid = x.pnpubid JOIN pg_namespace n ON n.oid = x.pnnspid`;

/**
 * The version of an extension is left out: CREATE EXTENSION makes what is installed. Subscriptions too: a restore must not
 * make them, or it would draw changes from the publisher. Of user mappings the values of options are left out, which hold passwords.
 */
export const databaseObjectKinds: readonly DefinitionKind[] = [
  {
    kind: 'extensions',
    sql: () =>
      `SELECT NULL AS schema, NULL AS relation, x.extname AS name, x.extnamespace::regnamespace::text AS definition
         FROM pg_extension x WHERE x.extname <> 'plpgsql'`,
  },
  {
    kind: 'languages',
    sql: () =>
      ofDatabase(
        'pg_language',
        'x.lanname',
        'x.lanpltrusted, x.lanplcallfoid::regproc, x.laninline::regproc, x.lanvalidator::regproc',
      ),
  },
  {
    kind: 'casts',
    sql: () =>
      ofDatabase(
        'pg_cast',
        "format('%s AS %s', x.castsource::regtype, x.casttarget::regtype)",
        'x.castfunc::regprocedure, x.castcontext, x.castmethod',
        // Those from a range to its multirange are the server's own, from version 14 on.
        "NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_cast'::regclass AND d.objid = x.oid AND d.deptype = 'i')",
      ),
  },
  {
    kind: 'transforms',
    sql: () =>
      ofDatabase(
        'pg_transform',
        "format('%s for %s', x.trftype::regtype, (SELECT lanname FROM pg_language WHERE oid = x.trflang))",
        'x.trffromsql::regprocedure, x.trftosql::regprocedure',
      ),
  },
  { kind: 'access methods', sql: () => ofDatabase('pg_am', 'x.amname', 'x.amhandler::regproc, x.amtype') },
  {
    kind: 'foreign data wrappers',
    sql: () =>
      ofDatabase(
        'pg_foreign_data_wrapper',
        'x.fdwname',
        `x.fdwhandler::regproc, x.fdwvalidator::regproc, ${sortedOptions('x.fdwoptions')}`,
      ),
  },
  {
    kind: 'foreign servers',
    sql: () =>
      ofDatabase(
        'pg_foreign_server',
        'x.srvname',
        `x.srvtype, x.srvversion, (SELECT fdwname FROM pg_foreign_data_wrapper WHERE oid = x.srvfdw), ${sortedOptions('x.srvoptions')}`,
      ),
  },
  {
    kind: 'user mappings',
    sql: () =>
      `SELECT NULL AS schema, NULL AS relation, format('%s for %s', x.srvname, x.usename) AS name,
              ARRAY(SELECT split_part(o, '=', 1) FROM unnest(x.umoptions) AS o ORDER BY 1)::text AS definition FROM pg_user_mappings x`,
  },
  {
    kind: 'event triggers',
    sql: () => ofDatabase('pg_event_trigger', 'x.evtname', 'x.evtevent, x.evtfoid::regproc, x.evtenabled, x.evttags'),
  },
  { kind: 'publications', sql: (version) => ofDatabase('pg_publication', 'x.pubname', publicationFlags(version)) },
  { kind: 'published tables', sql: publishedTables, ofWhole: true },
  { kind: 'published schemas', sql: (version) => (version >= 150_000 ? publishedSchemas : undefined), ofWhole: true },
];
