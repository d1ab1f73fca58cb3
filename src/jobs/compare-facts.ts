import { majorOf } from '../targets/postgres/major-version.ts';
import { factsRevision, isOfAllRevisions } from './backup/facts-revision.ts';
import type { Fact, OpenedManifest } from './manifest.ts';

export interface FactDifference {
  readonly name: string;
  readonly expected: string;
  /** Null: the restored database does not have it at all. */
  readonly actual: string | null;
}

/** How a restore differs from its source by where and when it was made, and not by what the backup holds. */
export interface RestoreCircumstances {
  /** Of the backup. */
  readonly manifest: Pick<OpenedManifest, 'source' | 'facts'>;
  /** Of the server where the restore is. */
  readonly major: number;
  readonly ownership: 'restore' | 'ignore';
}

/**
 * Tells the facts that say something about the backup: definitions are written otherwise by another major version, and what is
 * measured besides rows and sequences, and of what, differs between versions of our own.
 */
export function judgeable({ manifest, major, ownership }: RestoreCircumstances): (fact: Fact) => boolean {
  const met = { same_major: majorOf(manifest.source.versionNumber) === major, ownership: ownership === 'restore' };
  const held = isOfOwnRevision(manifest) ? undefined : new Set(manifest.facts.items.map(({ name }) => name));
  return ({ name, onlyIf = [] }) =>
    (held === undefined || (isOfAllRevisions(name) && held.has(name))) && onlyIf.every((condition) => met[condition]);
}

export function judgeableFacts(facts: readonly Fact[], where: RestoreCircumstances): Fact[] {
  return facts.filter(judgeable(where));
}

/** Whether the backup was measured as this version measures. */
export function isOfOwnRevision({ facts }: Pick<OpenedManifest, 'facts'>): boolean {
  return facts.revision === factsRevision;
}

/** Why definitions are not compared with those of a backup of another revision. */
export const toldOtherwise = 'the version of Watchkeeper that took the backup told definitions otherwise';

/** Why some facts were not judged, for the reader of a report. */
export function whyNotJudged(where: RestoreCircumstances): readonly string[] {
  const { manifest, major, ownership } = where;
  const sourceMajor = majorOf(manifest.source.versionNumber);
  return [
    ...(isOfOwnRevision(manifest) ? [] : [toldOtherwise]),
    ...(sourceMajor === major ? [] : [`PostgreSQL ${major} writes definitions otherwise than ${sourceMajor}`]),
    ...(ownership === 'restore' ? [] : ['owners and rights were not restored']),
  ];
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

function agrees({ compare, value }: Fact, actual: string): boolean {
  if (compare === 'equal' || value === actual) return value === actual;
  // Of a sequence: `unused`, or where it stands; of a cycling one `used` alone.
  if (value === 'unused') return true;
  if (actual === 'unused' || value === 'used' || actual === 'used') return false;
  return compare === 'at_most' ? BigInt(actual) <= BigInt(value) : BigInt(actual) >= BigInt(value);
}

/** `rows public.orders: expected 1520, found 1519`; the first few of them. */
export function describeDifferences(differences: readonly FactDifference[], most = 5): string {
  const shown = differences
    .slice(0, most)
    .map(({ name, expected, actual }) => `${name}: expected ${expected}, found ${actual ?? 'nothing'}`);
  const more = differences.length - shown.length;
  return more > 0 ? `${shown.join('; ')}; and ${more} more` : shown.join('; ');
}
