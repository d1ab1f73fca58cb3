/**
 * One kind of object that a dump holds. Its query yields `schema`, `relation` (the table or view that the object belongs
 * to), `name` and `definition` (text); optionally `amount`, when a row stands for several objects, and `foreign_key`: the name of the
 * foreign key of `relation` that it is or belongs to.
 */
export interface DefinitionKind {
  /** In the plural, as facts call it: `indexes`. */
  readonly kind: string;
  /** For a version such as 150020; undefined where the version does not know the kind. */
  readonly sql: (version: number) => string | undefined;
  /** Only a restore that gives objects to their owners and grants rights has it. */
  readonly needsOwnership?: true;
  /** Only a restore with data has it. */
  readonly needsData?: true;
  /** Another major version may make other ones, or none, of the same dump: not even their number is compared with it. */
  readonly ofSameMajor?: true;
  /** Not dumped when schemas or tables were chosen, though it names them. */
  readonly ofWhole?: true;
}

/** Under this name stand large objects, which have neither schema nor table. */
export const largeObjectTable = { schema: 'pg_catalog', name: 'pg_largeobject' } as const;

/** An SQL condition: the schema is of the user. */
export const userSchema = (column: string) =>
  `${column} IN (SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema')`;

/** An SQL condition: CREATE EXTENSION does not make the object, so the dump does. */
export const notExtensionOwned = (catalog: string, oid = 'x.oid') =>
  `NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${catalog}'::regclass AND d.objid = ${oid} AND d.deptype = 'e')`;

/** An SQL condition on a relation `x`: it belongs to an extension that keeps there what users tell it, so a dump holds that. */
export const inExtensionConfiguration = 'EXISTS (SELECT FROM pg_extension e WHERE x.oid = ANY (e.extconfig))';

/** Objects without a schema that initdb made have smaller ones (`FirstNormalObjectId`). */
export const firstUserOid = 16_384;

/** Options as the catalog keeps them, in an order that does not depend on how they were set. */
export const sortedOptions = (column: string) => `ARRAY(SELECT o FROM unnest(${column}) AS o ORDER BY 1)`;

/** `schema.name` of a collation, which has no regtype of its own before version 13. */
export const collationName = (oid: string) =>
  `(SELECT format('%I.%I', cn.nspname, co.collname) FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = ${oid})`;

/** Parents in the order in which the table was made to inherit from them. */
export const parents = (oid: string) =>
  `ARRAY(SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = ${oid} ORDER BY i.inhseqno)`;

/**
 * An SQL condition on a row `x` of pg_type: it has a definition of its own. Arrays come with their elements, multiranges with
 * their ranges, composite types with their columns.
 */
export const dumpedType =
  "(x.typtype IN ('e', 'd', 'r') OR x.typtype = 'p' AND NOT x.typisdefined OR x.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.oid = x.typelem AND e.typarray = x.oid))";

/** SQL: the relation that an object stands on, or that it is; NULL where there is none. */
export const relationOf = (catalog: string, oid: string) => `CASE ${catalog}
  WHEN 'pg_class'::regclass THEN coalesce((SELECT indrelid FROM pg_index WHERE indexrelid = ${oid}), ${oid})
  WHEN 'pg_constraint'::regclass THEN (SELECT conrelid FROM pg_constraint WHERE oid = ${oid})
  WHEN 'pg_trigger'::regclass THEN (SELECT tgrelid FROM pg_trigger WHERE oid = ${oid})
  WHEN 'pg_rewrite'::regclass THEN (SELECT ev_class FROM pg_rewrite WHERE oid = ${oid})
  WHEN 'pg_policy'::regclass THEN (SELECT polrelid FROM pg_policy WHERE oid = ${oid})
  WHEN 'pg_statistic_ext'::regclass THEN (SELECT stxrelid FROM pg_statistic_ext WHERE oid = ${oid}) END`;
