import { compareFacts } from '../compare-facts.ts';
import type { Fact } from '../manifest.ts';
import type { Attempt } from './attempt.ts';
import type { ComparedCount, ComparedSample, Comparison, Difference, DifferingKeys } from './comparison.ts';

/** What decides how a value is printed and hashed, beside the value. */
export interface PrintedBy {
  readonly major: number;
  readonly encoding: string;
}

/** Why equal rows may have other fingerprints; undefined when they may not. */
export function fingerprintDoubt(source: PrintedBy, other: PrintedBy): string | undefined {
  // PostgreSQL does not promise the same hash and the same text of a value in two major versions.
  if (source.major !== other.major) {
    return `those of PostgreSQL ${source.major} and ${other.major} may although the rows are the same`;
  }
  if (source.encoding === other.encoding) return undefined;
  return `those of a text in ${source.encoding} and in ${other.encoding} may although it is the same`;
}

/** Collects what a comparison finds. */
export class Findings {
  readonly differences: Difference[] = [];
  readonly keys: DifferingKeys[] = [];
  readonly notCompared: Comparison['notCompared'][number][] = [];
  readonly notes: string[] = [];
  readonly counts: ComparedCount[] = [];
  readonly samples: ComparedSample[] = [];
  compared = 0;
  tables = 0;
  readonly #doubt: string | undefined;

  constructor(doubt: string | undefined) {
    this.#doubt = doubt;
  }

  /** Compares facts that both sides were asked for, and gives what differs. */
  compare(source: readonly Fact[], other: readonly Fact[]): readonly Difference[] {
    const known = new Set(source.map(({ name }) => name));
    const found = compareFacts(source, other).map(({ name, expected, actual }) => ({
      name,
      source: known.has(name) ? expected : null,
      other: actual,
    }));
    this.compared += new Set([...known, ...other.map(({ name }) => name)]).size;
    const doubtful = found.filter(({ name }) => this.#doubt !== undefined && name.startsWith('content '));
    for (const { name } of doubtful) this.leaveOut(name, `the fingerprints differ, but ${this.#doubt}`);
    const certain = found.filter((difference) => !doubtful.includes(difference));
    this.differences.push(...certain);
    return certain;
  }

  leaveOut(what: string, ...reasons: readonly string[]): void {
    if (reasons.length > 0) this.notCompared.push({ what, why: reasons.join('; ') });
  }

  /** The values of both attempts; undefined when one of them failed, which is noted. */
  both<T>(what: string, attempts: readonly [Attempt<T>, Attempt<T>]): readonly [T, T] | undefined {
    const [source, other] = attempts;
    if ('value' in source && 'value' in other) return [source.value, other.value];
    this.leaveOut(what, ...attempts.flatMap((attempt) => ('why' in attempt ? [attempt.why] : [])));
    return undefined;
  }

  get result(): Comparison['result'] {
    if (this.differences.length > 0) return 'different';
    return this.notCompared.length > 0 ? 'incomplete' : 'same';
  }
}
