import { createHash } from 'node:crypto';
import type { PostgresSession } from '../../../targets/postgres/session.ts';
import type { Fact } from '../../manifest.ts';
import { factLabel } from '../fact-label.ts';
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
  { signal, afterEach }: ReadingOptions,
): Promise<ObjectsOfKind[]> {
  const kinds = definitionKinds.filter(
    ({ needsData, ofWhole }) => (scope.hasData || !needsData) && !(scope.isChosen && ofWhole),
  );
  const found: ObjectsOfKind[] = [];
  for (const kind of kinds) {
    const all = await definedObjects(session, kind, signal);
    await afterEach?.();
    found.push({ kind, objects: all.filter(({ schema, relation }) => scope.has(schema, relation)) });
  }
  return found;
}

/**
 * Of each kind of object how many there are and a hash of how they are defined; of each table or view a hash of all that
 * it consists of, so that a difference is told by its place: a restore that lost an index, a default or a policy has the
 * same rows. Definitions are written by the server, which may write them otherwise in another major version.
 */
export async function definitionFacts(
  session: PostgresSession,
  scope: Scope,
  options: ReadingOptions,
): Promise<Fact[]> {
  const facts: Fact[] = [];
  const relations = new Map<string, string[]>();
  for (const { kind, objects } of await readDefinitions(session, scope, options)) {
    facts.push(...kindFacts(kind, objects));
    if (kind.needsOwnership || kind.needsData) continue;
    for (const object of objects) {
      if (object.schema === null || object.relation === null) continue;
      const label = factLabel(object.schema, object.relation);
      const lines = relations.get(label) ?? [];
      lines.push(`${kind.kind} ${lineOf(object)}`);
      relations.set(label, lines);
    }
  }
  const ofRelations = [...relations].map(([label, lines]) => definition(`definition ${label}`, hashOf(lines)));
  return [...facts, ...ofRelations];
}

function kindFacts({ kind, needsOwnership, ofSameMajor }: DefinitionKind, objects: readonly DefinedObject[]): Fact[] {
  const amount = objects.reduce((sum, object) => sum + object.amount, 0n);
  const onlyCount: Fact = { name: `objects ${kind}`, value: String(amount), compare: 'equal' };
  const count: Fact = ofSameMajor ? { ...onlyCount, onlyIf: ['same_major'] } : onlyCount;
  const hash = definition(`definitions ${kind}`, hashOf(objects.map(lineOf)));
  if (needsOwnership) {
    const onlyIf: Fact['onlyIf'] = ['ownership', 'same_major'];
    return [count, hash].map((fact) => ({ ...fact, onlyIf }));
  }
  return amount === 0n ? [count] : [count, hash];
}

function definition(name: string, value: string): Fact {
  return { name, value, compare: 'equal', onlyIf: ['same_major'] };
}

function lineOf({ schema, relation, name, amount, hash }: DefinedObject): string {
  return JSON.stringify([schema, relation, name, String(amount), hash]);
}

/** 128 bits of SHA-256, whatever the order. */
function hashOf(lines: readonly string[]): string {
  const hash = createHash('sha256');
  for (const line of [...lines].sort()) hash.update(`${line}\n`);
  return hash.digest('hex').slice(0, 32);
}

async function definedObjects(
  session: PostgresSession,
  { kind, sql }: DefinitionKind,
  signal: AbortSignal,
): Promise<DefinedObject[]> {
  const query = sql(session.version);
  if (query === undefined) return [];
  const amount = / AS amount\b/.test(query) ? 'o.amount' : '1';
  try {
    // Definitions can be long (a function of a megabyte): only hashes leave the server.
    const rows = await session.query(
      `SELECT o.schema, o.relation, o.name, ${amount} AS amount,
              left(encode(sha256(convert_to(o.definition, getdatabaseencoding())), 'hex'), 32) AS hash FROM (${query}) AS o`,
      { signal },
    );
    return rows.map((row) => ({
      schema: row['schema'] ?? null,
      relation: row['relation'] ?? null,
      name: row['name'] ?? '',
      amount: BigInt(row['amount'] ?? 0),
      hash: row['hash'] ?? '',
    }));
  } catch (error) {
    throw new Error(`reading the definitions of ${kind}`, { cause: error });
  }
}
