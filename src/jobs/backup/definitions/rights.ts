import {
  type DefinitionKind,
  dumpedType,
  firstUserOid,
  largeObjectTable,
  notExtensionOwned,
  relationOf,
  userSchema,
} from './kind.ts';

/** Catalogs whose objects have owners and rights. `right` is the letter that acldefault() knows them by. */
interface OwnedCatalog {
  readonly catalog: string;
  readonly owner: string;
  readonly namespace?: string;
  readonly acl?: { readonly column: string; readonly right: string };
  readonly condition?: string;
}

const owned: readonly OwnedCatalog[] = [
  {
    catalog: 'pg_class',
    owner: 'relowner',
    namespace: 'relnamespace',
    acl: { column: 'relacl', right: "CASE x.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\"" },
    condition: "x.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND x.relpersistence <> 't'",
  },
  { catalog: 'pg_proc', owner: 'proowner', namespace: 'pronamespace', acl: { column: 'proacl', right: "'f'" } },
  {
    catalog: 'pg_type',
    owner: 'typowner',
    namespace: 'typnamespace',
    acl: { column: 'typacl', right: "'T'" },
    condition: `(${dumpedType} OR EXISTS (SELECT FROM pg_class c WHERE c.oid = x.typrelid AND c.relkind = 'c'))`,
  },
  { catalog: 'pg_namespace', owner: 'nspowner', namespace: 'oid', acl: { column: 'nspacl', right: "'n'" } },
  { catalog: 'pg_collation', owner: 'collowner', namespace: 'collnamespace' },
  { catalog: 'pg_operator', owner: 'oprowner', namespace: 'oprnamespace', condition: 'x.oprcode <> 0' },
  { catalog: 'pg_opclass', owner: 'opcowner', namespace: 'opcnamespace' },
  { catalog: 'pg_opfamily', owner: 'opfowner', namespace: 'opfnamespace' },
  { catalog: 'pg_conversion', owner: 'conowner', namespace: 'connamespace' },
  { catalog: 'pg_ts_config', owner: 'cfgowner', namespace: 'cfgnamespace' },
  { catalog: 'pg_ts_dict', owner: 'dictowner', namespace: 'dictnamespace' },
  { catalog: 'pg_statistic_ext', owner: 'stxowner', namespace: 'stxnamespace' },
  { catalog: 'pg_language', owner: 'lanowner', acl: { column: 'lanacl', right: "'l'" } },
  { catalog: 'pg_foreign_data_wrapper', owner: 'fdwowner', acl: { column: 'fdwacl', right: "'F'" } },
  { catalog: 'pg_foreign_server', owner: 'srvowner', acl: { column: 'srvacl', right: "'S'" } },
  { catalog: 'pg_event_trigger', owner: 'evtowner' },
  { catalog: 'pg_publication', owner: 'pubowner' },
  { catalog: 'pg_largeobject_metadata', owner: 'lomowner', acl: { column: 'lomacl', right: "'L'" } },
];

/** Large objects may have any number; everything else that initdb made has a small one. */
const chosenByUser = (classId: string) => (classId === largeObjectTable.name ? 'true' : `x.oid >= ${firstUserOid}`);

function schemaOf(classId: string, namespace: string | undefined): string {
  if (classId === largeObjectTable.name) return `'${largeObjectTable.schema}'`;
  return namespace === undefined ? 'NULL' : `(SELECT nspname FROM pg_namespace WHERE oid = x.${namespace})`;
}

/** Rows of `x` with what the dump knows them by: `classid` of pg_identify_object, schema and, of relations, their name. */
function eachOwned(one: OwnedCatalog, columns: string): string {
  const { catalog, namespace } = one;
  // Large objects are known by the catalog of their data.
  const classId = catalog === 'pg_largeobject_metadata' ? largeObjectTable.name : catalog;
  const place = namespace === undefined ? chosenByUser(classId) : userSchema(`x.${namespace}`);
  return `
    SELECT ${schemaOf(classId, namespace)} AS schema,
           ${catalog === 'pg_class' ? 'x.relname' : 'NULL'} AS relation, '${classId}'::regclass AS classid, x.oid AS objid, ${columns}
      FROM ${catalog} x
     WHERE ${one.condition ?? 'true'} AND ${place} AND ${notExtensionOwned(catalog)}
       ${catalog === 'pg_proc' ? "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = x.oid AND d.deptype = 'i')" : ''}`;
}

const identity = (subId = '0') =>
  `(SELECT i.type || ' ' || i.identity FROM pg_identify_object(o.classid, o.objid, ${subId}) AS i)`;

const owners = () => `
  SELECT o.schema, o.relation, ${identity()} AS name, o.owner AS definition
    FROM (${owned.map((one) => eachOwned(one, `pg_get_userbyid(x.${one.owner}) AS owner`)).join(' UNION ALL ')}) AS o`;

const exploded = (acl: string) =>
  `ARRAY(SELECT format('%s %s %s by %s', CASE e.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(e.grantee) END, e.privilege_type,
    e.is_grantable, pg_get_userbyid(e.grantor)) FROM aclexplode(${acl}) AS e ORDER BY 1)`;

/** Only rights that are not those of every new object: written out or not, the default is the default. */
const privileges = () => `
  SELECT o.schema, o.relation, ${identity('o.subid')} AS name, array_to_string(o.rights, ', ') AS definition
    FROM (${owned
      .flatMap(({ acl, ...one }) =>
        acl === undefined
          ? []
          : eachOwned(
              one,
              `0 AS subid, ${exploded(`coalesce(x.${acl.column}, acldefault(${acl.right}, x.${one.owner}))`)} AS rights,
               ${exploded(`acldefault(${acl.right}, x.${one.owner})`)} AS usual`,
            ),
      )
      .join(' UNION ALL ')}
     UNION ALL
     SELECT n.nspname, x.relname, 'pg_class'::regclass, x.oid, a.attnum::int, ${exploded('a.attacl')}, ARRAY[]::text[]
       FROM pg_attribute a JOIN pg_class x ON x.oid = a.attrelid JOIN pg_namespace n ON n.oid = x.relnamespace
      WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND ${userSchema('x.relnamespace')} AND ${notExtensionOwned('pg_class')}
    ) AS o
   WHERE o.rights <> o.usual`;

/** Without who granted it; the owner, who is called otherwise on every server, is `owner`. */
const granted = (acl: string) => `
  SELECT format('%s %s %s', CASE e.grantee WHEN 0 THEN 'public' WHEN x.owner THEN 'owner' ELSE pg_get_userbyid(e.grantee) END,
    e.privilege_type, e.is_grantable) AS entry FROM aclexplode(${acl}) AS e`;

/** Objects of the server in pg_catalog, or of an extension, with their rights as they are and as they were when they were made. */
function notMadeByUser({ catalog, owner, namespace, acl }: Required<Pick<OwnedCatalog, 'acl'>> & OwnedCatalog): string {
  const usual = `acldefault(${acl.right}, x.${owner})`;
  const ofServer = namespace === undefined ? `x.oid < ${firstUserOid}` : `x.${namespace} = 'pg_catalog'::regnamespace`;
  return `
    SELECT '${catalog}'::regclass AS classid, x.oid AS objid, 0 AS subid, x.${owner} AS owner,
           coalesce(x.${acl.column}, ${usual}) AS now, coalesce(i.initprivs, ${usual}) AS once
      FROM ${catalog} x LEFT JOIN pg_init_privs i ON i.classoid = '${catalog}'::regclass AND i.objoid = x.oid AND i.objsubid = 0
     WHERE x.${acl.column} IS DISTINCT FROM i.initprivs AND (${ofServer} OR NOT ${notExtensionOwned(catalog)})`;
}

/** Of what no dump makes, it holds the rights that were given or taken since. */
const changedPrivileges = () => `
  SELECT NULL AS schema, NULL AS relation, ${identity('o.subid')} AS name, o.definition
    FROM (
      SELECT x.classid, x.objid, x.subid, array_to_string(ARRAY(
               SELECT 'given ' || entry FROM (${granted('x.now')} EXCEPT ${granted('x.once')}) AS g UNION ALL
               SELECT 'taken ' || entry FROM (${granted('x.once')} EXCEPT ${granted('x.now')}) AS t ORDER BY 1), ', ') AS definition
        FROM (${owned.flatMap((one) => (one.acl === undefined || one.catalog === 'pg_largeobject_metadata' ? [] : notMadeByUser({ ...one, acl: one.acl }))).join(' UNION ALL ')}
          UNION ALL
          SELECT 'pg_class'::regclass, a.attrelid, a.attnum::int, c.relowner, a.attacl, i.initprivs
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            LEFT JOIN pg_init_privs i ON i.classoid = 'pg_class'::regclass AND i.objoid = a.attrelid AND i.objsubid = a.attnum
           WHERE a.attacl IS DISTINCT FROM i.initprivs AND NOT a.attisdropped
             AND (c.relnamespace = 'pg_catalog'::regnamespace OR NOT ${notExtensionOwned('pg_class', 'c.oid')})
        ) AS x
    ) AS o
   WHERE o.definition <> ''`;

const defaultPrivileges = `
  SELECT n.nspname AS schema, NULL AS relation, format('%s %s', pg_get_userbyid(x.defaclrole), x.defaclobjtype) AS name,
         array_to_string(${exploded('x.defaclacl')}, ', ') AS definition
    FROM pg_default_acl x LEFT JOIN pg_namespace n ON n.oid = x.defaclnamespace`;

/** Comments and labels of one object, its columns included. `public` is the one object of initdb that people comment on. */
const described = (catalog: string, text: string) => `
  SELECT coalesce(n.nspname, i.schema, CASE i.type WHEN 'schema' THEN i.name WHEN 'large object' THEN '${largeObjectTable.schema}' END) AS schema, t.relname AS relation, i.type || ' ' || i.identity AS name, o.amount, o.definition,
         (SELECT conname FROM pg_constraint WHERE o.classoid = 'pg_constraint'::regclass AND oid = o.objoid AND contype = 'f') AS foreign_key
    FROM (SELECT x.classoid, x.objoid, ${relationOf('x.classoid', 'x.objoid')} AS relid, count(*) AS amount,
                 string_agg(ROW(a.attname, ${text})::text, E'\\n' ORDER BY a.attname NULLS FIRST, ROW(${text})::text) AS definition
            FROM ${catalog} x
            LEFT JOIN pg_attribute a ON x.classoid = 'pg_class'::regclass AND a.attrelid = x.objoid AND a.attnum = x.objsubid AND x.objsubid > 0
           WHERE (x.objoid >= ${firstUserOid} OR x.classoid = 'pg_largeobject'::regclass
              OR x.classoid = 'pg_namespace'::regclass AND x.objoid IN (SELECT oid FROM pg_namespace WHERE nspname = 'public'))
             AND x.classoid NOT IN ('pg_subscription'::regclass, 'pg_database'::regclass)
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = x.classoid AND d.objid = x.objoid AND d.deptype = 'e')
           GROUP BY 1, 2, 3) AS o
   CROSS JOIN LATERAL pg_identify_object(o.classoid, o.objoid, 0) AS i
    LEFT JOIN pg_class t ON t.oid = o.relid LEFT JOIN pg_namespace n ON n.oid = t.relnamespace`;

/** `ALTER … DEPENDS ON EXTENSION`: what goes away with an extension. */
const extensionDependencies = `
  SELECT coalesce(n.nspname, i.schema) AS schema, t.relname AS relation, i.type || ' ' || i.identity AS name, o.definition
    FROM (SELECT x.classoid, x.objoid, ${relationOf('x.classoid', 'x.objoid')} AS relid, x.definition
            FROM (SELECT d.classid AS classoid, d.objid AS objoid, string_agg(e.extname::text, ', ' ORDER BY e.extname) AS definition
                    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                   WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x' GROUP BY 1, 2) AS x) AS o
   CROSS JOIN LATERAL pg_identify_object(o.classoid, o.objoid, 0) AS i
    LEFT JOIN pg_class t ON t.oid = o.relid LEFT JOIN pg_namespace n ON n.oid = t.relnamespace`;

/** What belongs to other objects: who owns them, who may do what with them, what is said about them, and what they need. */
export const rightsKinds: readonly DefinitionKind[] = [
  { kind: 'comments', sql: () => described('pg_description', 'x.description') },
  { kind: 'security labels', sql: () => described('pg_seclabel', 'x.provider, x.label') },
  { kind: 'dependencies on extensions', sql: () => extensionDependencies },
  { kind: 'owners', sql: owners, needsOwnership: true },
  { kind: 'privileges', sql: privileges, needsOwnership: true },
  { kind: 'changed privileges', sql: changedPrivileges, needsOwnership: true, ofWhole: true },
  { kind: 'default privileges', sql: () => defaultPrivileges, needsOwnership: true },
];
