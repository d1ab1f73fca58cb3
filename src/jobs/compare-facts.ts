import type { Fact } from './manifest.ts';

export interface FactDifference {
  readonly name: string;
  readonly expected: string;
  /** Null: the restored database does not have it at all. */
  readonly actual: string | null;
}

/** How a restore differs from its source by where it was made, and not by what the backup holds. */
export interface RestoreCircumstances {
  readonly sourceVersion: number;
  /** Of the server where the restore is. */
  readonly major: number;
  readonly ownership: 'restore' | 'ignore';
}

/** Those that say something about the backup: definitions are written otherwise by another major version. */
export function judgeableFacts(facts: readonly Fact[], where: RestoreCircumstances): Fact[] {
  const met = {
    same_major: Math.floor(where.sourceVersion / 10_000) === where.major,
    ownership: where.ownership === 'restore',
  };
  return facts.filter(({ onlyIf = [] }) => onlyIf.every((condition) => met[condition]));
}

/** Compares what the source held with what the restore holds, item by item. Also names what the restore has in excess. */
export function compareFacts(expected: readonly Fact[], actual: readonly Fact[]): FactDifference[] {
  const restored = new Map(actual.map((fact) => [fact.name, fact.value]));
  const differences: FactDifference[] = [];
  for (const fact of expected) {
    const value = restored.get(fact.name);
    restored.delete(fact.name);
    if (value === undefined || !agrees(fact, value)) {
      differences.push({ name: fact.name, expected: fact.value, actual: value ?? null });
    }
  }
  for (const [name, value] of restored) differences.push({ name, expected: 'nothing', actual: value });
  return differences;
}

function agrees(fact: Fact, actual: string): boolean {
  if (fact.compare === 'equal' || fact.value === actual) return fact.value === actual;
  if (fact.value === 'unused') return true;
  return actual !== 'unused' && BigInt(actual) >= BigInt(fact.value);
}

/** `rows public.orders: expected 1520, found 1519`; the first few of them. */
export function describeDifferences(differences: readonly FactDifference[], most = 5): string {
  const shown = differences
    .slice(0, most)
    .map(({ name, expected, actual }) => `${name}: expected ${expected}, found ${actual ?? 'nothing'}`);
  const more = differences.length - shown.length;
  return more > 0 ? `${shown.join('; ')}; and ${more} more` : shown.join('; ');
}
