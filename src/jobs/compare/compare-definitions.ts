import type { DefinedObject, ObjectsOfKind } from '../backup/definitions/index.ts';
import type { DefinitionKind } from '../backup/definitions/kind.ts';
import { factLabel } from '../backup/fact-label.ts';
import type { Difference } from './comparison.ts';

/** How far definitions can be compared. */
export interface DefinitionRules {
  /** False: only which objects there are, since another major version writes definitions otherwise. */
  readonly sameMajor: boolean;
  readonly owners: boolean;
}

/** Every object that one side lacks or defines otherwise, by kind and name; and how many were compared. Pure. */
export function compareDefinitions(
  source: readonly ObjectsOfKind[],
  other: readonly ObjectsOfKind[],
  rules: DefinitionRules,
): { readonly compared: number; readonly differences: readonly Difference[] } {
  const [before, after] = [source, other].map((kinds) => byName(kinds, rules)) as [Objects, Objects];
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const differences = names.flatMap((name) => {
    const difference = { name, source: before.get(name) ?? null, other: after.get(name) ?? null };
    return difference.source === difference.other ? [] : [difference];
  });
  return { compared: names.length, differences };
}

/** What is comparable of each object, by its name. */
type Objects = ReadonlyMap<string, string>;

function byName(kinds: readonly ObjectsOfKind[], rules: DefinitionRules): Objects {
  const states = new Map<string, string[]>();
  for (const { kind, objects } of kinds) {
    if (!isComparable(kind, rules)) continue;
    for (const object of objects) {
      const name = nameOf(kind, object);
      const state = `${object.amount} ${rules.sameMajor ? object.hash : ''}`.trim();
      const others = states.get(name);
      if (others === undefined) states.set(name, [state]);
      else others.push(state);
    }
  }
  // Several objects of one name are told together; the server gives them in no order.
  return new Map([...states].map(([name, all]) => [name, all.sort().join(', ')]));
}

function isComparable(kind: DefinitionKind, { owners, sameMajor }: DefinitionRules): boolean {
  return sameMajor ? owners || !kind.needsOwnership : !(kind.needsOwnership || kind.ofSameMajor);
}

function nameOf({ kind }: DefinitionKind, { schema, relation, name }: DefinedObject): string {
  const place = relation === null ? (schema ?? undefined) : factLabel(schema ?? '', relation);
  const own = relation === name || (relation === null && schema === name) ? undefined : name;
  // The server writes some names with their schema.
  const isTold = relation === null && place !== undefined && own?.startsWith(`${place}.`) === true;
  return [kind, isTold ? undefined : place, own].filter((part) => part !== undefined && part !== '').join(' ');
}
