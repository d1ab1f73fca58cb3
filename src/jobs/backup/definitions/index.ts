import { hash as cryptoHash } from 'node:crypto';
import type { Row } from '../../../targets/libpq/client-session.ts';
import type { PostgresSession } from '../../../targets/postgres/session.ts';
import type { Fact } from '../../manifest.ts';
import { factLabel } from '../fact-label.ts';
import type { ForeignKeyName } from '../foreign-keys.ts';
import type { Scope } from '../selection.ts';
import { type DefinitionKind, largeObjectTable } from './kind.ts';
import { relationKinds } from './relations.ts';
import { rightsKinds } from './rights.ts';
import { databaseObjectKinds, schemaObjectKinds } from './schema-objects.ts';

const largeObjects: DefinitionKind = {
  kind: 'large objects',
  sql: () =>
    `SELECT '${largeObjectTable.schema}' AS schema, NULL AS relation, 'all' AS name, count(*) AS amount, '' AS definition FROM pg_largeobject_metadata`,
};

/** Every kind of object whose definition a proof compares. */
export const definitionKinds: readonly DefinitionKind[] = [
  ...relationKinds,
  ...schemaObjectKinds,
  ...databaseObjectKinds,
  largeObjects,
  ...rightsKinds,
];

/** One object, or several that are told together. */
export interface DefinedObject {
  readonly schema: string | null;
  readonly relation: string | null;
  readonly name: string;
  readonly amount: bigint;
  readonly hash: string;
}

/** What a database has of one kind. */
export interface ObjectsOfKind {
  readonly kind: DefinitionKind;
  readonly objects: readonly DefinedObject[];
}

interface ReadingOptions {
  readonly signal: AbortSignal;
  readonly afterEach?: () => Promise<unknown>;
}

/** Every object that a dump of `scope` holds, with a hash of its definition. */
export async function readDefinitions(
  session: PostgresSession,
  scope: Scope,
  options: ReadingOptions,
): Promise<ObjectsOfKind[]> {
  const found: ObjectsOfKind[] = [];
  for (const kind of kindsOf(scope)) {
    const objects: DefinedObject[] = [];
    await eachObject({ session, scope, kind }, options, (object) => objects.push(object));
    found.push({ kind, objects });
  }
  return found;
}

/**
 * Of each kind of object how many there are and a hash of how they are defined; of each table or view a hash of all that
 * it consists of, so that a difference is told by its place: a restore that lost an index, a default or a policy has the
 * same rows. Definitions are written by the server, which may write them otherwise in another major version. In memory there
 * is one number for each table or view, and no object.
 */
export async function definitionFacts(
  session: PostgresSession,
  scope: Scope,
  options: ReadingOptions,
): Promise<Fact[]> {
  const facts: Fact[] = [];
  const relations = new Map<string, bigint>();
  for (const kind of kindsOf(scope)) {
    let amount = 0n;
    let ofAll = 0n;
    const isOfRelations = !kind.needsOwnership && !kind.needsData;
    await eachObject({ session, scope, kind }, options, (object) => {
      const hash = hashOf(kind, object);
      amount += object.amount;
      ofAll = sum(ofAll, hash);
      if (!isOfRelations || object.schema === null || object.relation === null) return;
      const label = factLabel(object.schema, object.relation);
      relations.set(label, sum(relations.get(label) ?? 0n, hash));
    });
    facts.push(...kindFacts(kind, amount, ofAll));
  }
  for (const [label, hash] of relations) facts.push(definition(`definition ${label}`, hash));
  return facts;
}

function kindsOf(scope: Scope): readonly DefinitionKind[] {
  return definitionKinds.filter(
    ({ needsData, ofWhole }) => (scope.hasData || !needsData) && !(scope.isChosen && ofWhole),
  );
}

function kindFacts({ kind, needsOwnership, ofSameMajor }: DefinitionKind, amount: bigint, hash: bigint): Fact[] {
  const onlyCount: Fact = { name: `objects ${kind}`, value: String(amount), compare: 'equal' };
  const count: Fact = ofSameMajor ? { ...onlyCount, onlyIf: ['same_major'] } : onlyCount;
  const ofAll = definition(`definitions ${kind}`, hash);
  if (needsOwnership) {
    const onlyIf: Fact['onlyIf'] = ['ownership', 'same_major'];
    return [count, ofAll].map((fact) => ({ ...fact, onlyIf }));
  }
  return amount === 0n ? [count] : [count, ofAll];
}

function definition(name: string, hash: bigint): Fact {
  return { name, value: hash.toString(16).padStart(32, '0'), compare: 'equal', onlyIf: ['same_major'] };
}

/** 128 bits of SHA-256. */
function hashOf({ kind }: DefinitionKind, { schema, relation, name, amount, hash }: DefinedObject): bigint {
  const line = JSON.stringify([kind, schema, relation, name, String(amount), hash]);
  return BigInt(`0x${cryptoHash('sha256', line).slice(0, 32)}`);
}

/** Whatever the order: the server gives objects in none. */
function sum(one: bigint, other: bigint): bigint {
  return BigInt.asUintN(128, one + other);
}

/** SQL that gives the objects of a kind; undefined where the version does not know the kind. */
export function objectsQuery({ sql }: DefinitionKind, version: number): string | undefined {
  const query = sql(version);
  if (query === undefined) return undefined;
  const amount = / AS amount\b/.test(query) ? 'o.amount' : '1';
  const foreignKey = / AS foreign_key\b/.test(query) ? 'o.foreign_key' : 'NULL';
  // Definitions can be long (a function of a megabyte): only hashes leave the server.
  return `SELECT o.schema, o.relation, o.name, ${amount} AS amount, ${foreignKey} AS foreign_key,
              left(encode(sha256(convert_to(o.definition, getdatabaseencoding())), 'hex'), 32) AS hash FROM (${query}) AS o`;
}

async function eachObject(
  { session, scope, kind }: { readonly session: PostgresSession; readonly scope: Scope; readonly kind: DefinitionKind },
  { signal, afterEach }: ReadingOptions,
  use: (object: DefinedObject) => void,
): Promise<void> {
  const query = objectsQuery(kind, session.version);
  if (query === undefined) return;
  const onRow = (row: Row) => {
    const object = definedObject(row);
    if (scope.has(object.schema, object.relation) && !isLeftOut(row, scope)) use(object);
  };
  try {
    await session.forEachRow(query, { signal, onRow });
  } catch (error) {
    throw new Error(`reading the definitions of ${kind.kind}`, { cause: error });
  }
  await afterEach?.();
}

function isLeftOut({ schema, relation: table, foreign_key: name }: Row, scope: Scope): boolean {
  return Boolean(schema && table && name) && !scope.hasForeignKey({ schema, table, name } as ForeignKeyName);
}

function definedObject(row: Row): DefinedObject {
  return {
    schema: row['schema'] ?? null,
    relation: row['relation'] ?? null,
    name: row['name'] ?? '',
    amount: BigInt(row['amount'] ?? 0),
    hash: row['hash'] ?? '',
  };
}
