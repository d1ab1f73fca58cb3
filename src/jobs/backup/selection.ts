import { matchesWildcard } from '../../core/wildcard.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import { quoteIdentifier } from '../../targets/postgres/session.ts';
import { JobFailed } from '../job.ts';
import type { Selection } from '../manifest.ts';
import type { SelectSettings } from '../settings.ts';
import { largeObjectTable, notExtensionOwned, userSchema } from './definitions/kind.ts';
import { type ForeignKeyName, impossibleForeignKeys } from './foreign-keys.ts';

interface Relation {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  /** Tables it inherits from, partition trees included, and the table whose column it counts for. */
  readonly belongsTo: readonly string[];
  readonly hasRows: boolean;
}

/** What patterns choose from. */
export interface Selectable {
  readonly schemas: readonly string[];
  readonly relations: readonly Relation[];
}

/** What the database has now. */
export async function readSelectable(session: PostgresSession, signal: AbortSignal): Promise<Selectable> {
  return { schemas: await userSchemas(session, signal), relations: await userRelations(session, signal) };
}

/**
 * Resolves the patterns to what the database has now. A table brings its partitions, heirs and own sequences along,
 * chosen or left out. Undefined when everything is dumped; rejects with reason `refused` when nothing fits.
 */
export async function resolveSelection(
  session: PostgresSession,
  settings: SelectSettings,
  signal: AbortSignal,
): Promise<Selection | undefined> {
  return isEverything(settings) ? undefined : selectFrom(await readSelectable(session, signal), settings);
}

function selectFrom({ schemas, relations }: Selectable, settings: SelectSettings): Selection {
  const fitting = (patterns: readonly string[]) => withTheirOwn(relations, patterns);
  const left = fitting(settings.excludeTables);
  const withoutSchemas = schemas.filter((name) => fitsAny(settings.excludeSchemas, name));
  const isLeft = (relation: Relation) => left.includes(relation) || withoutSchemas.includes(relation.schema);
  const chosenSchemas =
    settings.schemas && schemas.filter((name) => fitsAny(settings.schemas, name) && !withoutSchemas.includes(name));
  const chosenTables = settings.tables && fitting(settings.tables).filter((relation) => !isLeft(relation));
  for (const chosen of [chosenSchemas, chosenTables]) if (chosen?.length === 0) throw nothingChosen(settings);
  const withoutData = fitting(settings.excludeTableData).filter(({ hasRows }) => hasRows);
  return {
    content: settings.content,
    ...(chosenSchemas === undefined ? {} : { schemas: chosenSchemas }),
    ...(chosenTables === undefined ? {} : { tables: chosenTables.map(nameOf) }),
    ...(withoutSchemas.length === 0 || chosenSchemas || chosenTables ? {} : { withoutSchemas }),
    ...(left.length === 0 || chosenTables ? {} : { withoutTables: left.map(nameOf) }),
    ...(withoutData.length === 0 ? {} : { withoutData: withoutData.map(nameOf) }),
  };
}

/** For a backup: with the foreign keys that it cannot have. `selectable`: what was read already. */
export async function resolveDumpedSelection(
  session: PostgresSession,
  settings: SelectSettings,
  signal: AbortSignal,
  selectable?: Selectable,
): Promise<Selection | undefined> {
  if (isEverything(settings)) return undefined;
  const selection = selectFrom(selectable ?? (await readSelectable(session, signal)), settings);
  const withoutForeignKeys = await impossibleForeignKeys(session, new Scope(selection), signal);
  return withoutForeignKeys.length === 0 ? selection : { ...selection, withoutForeignKeys };
}

/** Patterns that fit nothing in the database, by the setting that has them: most likely misspelt, or about what is gone. */
export function patternsWithoutFit(
  { schemas, relations }: Selectable,
  settings: SelectSettings,
): readonly { readonly setting: keyof SelectSettings; readonly pattern: string }[] {
  const tables = relations.map(({ schema, name }) => `${schema}.${name}`);
  const without = (setting: Exclude<keyof SelectSettings, 'content'>, names: readonly string[]) =>
    (settings[setting] ?? [])
      .filter((pattern) => !names.some((name) => matchesWildcard(pattern, name)))
      .map((pattern) => ({ setting, pattern }));
  return [
    ...without('schemas', schemas),
    ...without('excludeSchemas', schemas),
    ...without('tables', tables),
    ...without('excludeTables', tables),
    ...without('excludeTableData', tables),
  ];
}

export function isEverything(settings: SelectSettings): boolean {
  const { content, schemas, tables, excludeSchemas, excludeTables, excludeTableData } = settings;
  const excluded = excludeSchemas.length + excludeTables.length + excludeTableData.length;
  return content === 'all' && schemas === undefined && tables === undefined && excluded === 0;
}

function nothingChosen({ schemas, tables }: SelectSettings): JobFailed {
  const what = schemas === undefined ? `table ${tables?.join(', ')}` : `schema ${schemas.join(', ')}`;
  return new JobFailed('refused', `the database has no ${what} to back up`);
}

function fitsAny(patterns: readonly string[] | undefined, text: string): boolean {
  return patterns?.some((pattern) => matchesWildcard(pattern, text)) ?? false;
}

function nameOf({ schema, name }: Relation) {
  return { schema, name };
}

/** Those that fit, and what belongs to them, and so on. */
function withTheirOwn(relations: readonly Relation[], patterns: readonly string[]): Relation[] {
  const taken = new Set(relations.filter(({ schema, name }) => fitsAny(patterns, `${schema}.${name}`)));
  const oids = new Set([...taken].map(({ oid }) => oid));
  for (let before = -1; before < oids.size; ) {
    before = oids.size;
    for (const relation of relations) {
      if (!relation.belongsTo.some((owner) => oids.has(owner))) continue;
      taken.add(relation);
      oids.add(relation.oid);
    }
  }
  return relations.filter((relation) => taken.has(relation));
}

async function userSchemas(session: PostgresSession, signal: AbortSignal): Promise<string[]> {
  const rows = await session.query(
    `SELECT x.nspname AS name FROM pg_namespace x WHERE ${userSchema('x.oid')} AND ${notExtensionOwned('pg_namespace')} ORDER BY 1`,
    { signal },
  );
  return rows.map((row) => row['name'] ?? '');
}

async function userRelations(session: PostgresSession, signal: AbortSignal): Promise<Relation[]> {
  const rows = await session.query(
    `SELECT x.oid, n.nspname AS schema, x.relname AS name, x.relkind IN ('r', 'p') AS has_rows, to_json(ARRAY(
              SELECT i.inhparent::text FROM pg_inherits i WHERE i.inhrelid = x.oid
               UNION
              SELECT d.refobjid::text FROM pg_depend d WHERE x.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = x.oid
                 AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0)) AS belongs_to
       FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace
      WHERE x.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND x.relpersistence <> 't'
        AND ${userSchema('x.relnamespace')} AND ${notExtensionOwned('pg_class')}
      ORDER BY 2, 3`,
    { signal },
  );
  return rows.map((row) => ({
    oid: row['oid'] ?? '',
    schema: row['schema'] ?? '',
    name: row['name'] ?? '',
    hasRows: row['has_rows'] === 't',
    belongsTo: JSON.parse(row['belongs_to'] ?? '[]') as string[],
  }));
}

/** Tells what of a database belongs to a backup; objects of the whole database have neither schema nor relation. */
export class Scope {
  readonly #selection: Selection;
  readonly #tables: ReadonlySet<string>;
  readonly #withoutTables: ReadonlySet<string>;
  readonly #withoutData: ReadonlySet<string>;
  readonly #withoutForeignKeys: ReadonlySet<string>;

  constructor(selection: Selection = { content: 'all' }) {
    this.#selection = selection;
    const keys = (names: Selection['tables']) => new Set(names?.map(({ schema, name }) => keyOf(schema, name)));
    this.#tables = keys(selection.tables);
    this.#withoutTables = keys(selection.withoutTables);
    this.#withoutData = keys(selection.withoutData);
    this.#withoutForeignKeys = new Set(selection.withoutForeignKeys?.map(foreignKeyKey));
  }

  /** Only named schemas or tables, so nothing of the whole database. */
  get isChosen(): boolean {
    return this.#selection.schemas !== undefined || this.#selection.tables !== undefined;
  }

  get hasData(): boolean {
    return this.#selection.content !== 'schema';
  }

  get hasLargeObjects(): boolean {
    return this.hasData && !this.isChosen;
  }

  has(schema: string | null, relation: string | null): boolean {
    const { schemas, tables, withoutSchemas } = this.#selection;
    if (schema === null) return !this.isChosen;
    if (schema === largeObjectTable.schema) return this.hasLargeObjects;
    if (tables !== undefined) return relation !== null && this.#tables.has(keyOf(schema, relation));
    if (relation !== null && this.#withoutTables.has(keyOf(schema, relation))) return false;
    return schemas?.includes(schema) ?? !withoutSchemas?.includes(schema);
  }

  hasForeignKey(key: ForeignKeyName): boolean {
    return !this.#withoutForeignKeys.has(foreignKeyKey(key));
  }

  hasRowsOf(table: { readonly schema: string; readonly name: string }): boolean {
    return (
      this.hasData && this.has(table.schema, table.name) && !this.#withoutData.has(keyOf(table.schema, table.name))
    );
  }
}

function keyOf(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

function foreignKeyKey({ schema, table, name }: ForeignKeyName): string {
  return `${keyOf(schema, table)}.${quoteIdentifier(name)}`;
}

/**
 * Arguments of pg_dump for a selection; names are quoted, which pg_dump takes literally. Extensions come with chosen schemas
 * and tables too, which could not be restored without the types and functions of them.
 */
export function selectionArguments(selection: Selection, extensions: readonly string[]): string[] {
  const tables = (option: string, names: Selection['tables'] = []) =>
    names.map(({ schema, name }) => `--${option}=${keyOf(schema, name)}`);
  const schemas = (option: string, names: readonly string[] = []) =>
    names.map((name) => `--${option}=${quoteIdentifier(name)}`);
  const chosen = [...schemas('schema', selection.schemas), ...tables('table', selection.tables)];
  return [
    ...chosen,
    ...(chosen.length === 0 ? [] : schemas('extension', extensions)),
    ...schemas('exclude-schema', selection.withoutSchemas),
    ...tables('exclude-table', selection.withoutTables),
    ...tables('exclude-table-data', selection.withoutData),
  ];
}
