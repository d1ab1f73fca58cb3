import type { ReadSamples } from './readers.ts';
import { NoNumber } from './values.ts';

/** What is no number: the first one is a problem of a strict family, all are counted in a tolerant one. */
export class LeftOut {
  problem: string | undefined;
  readonly #isStrict: boolean;
  readonly #notes: string[] = [];
  readonly #values = new Map<string, { readonly what: string; count: number }>();

  constructor(isStrict: boolean) {
    this.#isStrict = isStrict;
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  get notes(): string[] {
    const values = [...this.#values].map(
      ([column, { what, count }]) =>
        `column "${column}" ${what}: ${count} ${count === 1 ? 'value' : 'values'} left out`,
    );
    return [...this.#notes, ...values];
  }

  guard(column: string, read: ReadSamples): ReadSamples {
    return (row, labelValues) => {
      try {
        return read(row, labelValues);
      } catch (error) {
        if (!(error instanceof NoNumber)) throw error;
        this.#add(column, error.message);
        return [];
      }
    };
  }

  #add(column: string, what: string): void {
    if (this.#isStrict) this.problem ??= `column "${column}" ${what}`;
    const known = this.#values.get(column);
    if (known === undefined) this.#values.set(column, { what, count: 1 });
    else known.count++;
  }
}
