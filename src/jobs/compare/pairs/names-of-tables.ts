import { formatNamePair, type NamePair, type NamesOf, PairingProblem } from './name-pair.ts';

/** How a table of a pair is called on each side; no names on a side that lacks it. */
export interface TableNames {
  readonly label: string;
  readonly source: readonly string[];
  readonly other: readonly string[];
}

/**
 * Which names were given for which tables. A table is meant by what the source calls it; where the source has none of that name, by
 * what the other side does.
 */
export class NamesOfTables<T extends TableNames> {
  /** What was given, and for which tables. */
  readonly given: readonly { readonly names: readonly NamePair[]; readonly tables: readonly T[] }[];
  readonly #lists: readonly NamesOf[];

  /** Throws {@link PairingProblem} when names are for a table that is not compared. `option`: for messages. */
  constructor(option: string, lists: readonly NamesOf[], tables: readonly T[]) {
    this.#lists = lists;
    this.given = lists.map(({ table, names }) => ({ names, tables: tablesCalled(table, tables) }));
    const unknown = lists[this.given.findIndex((one) => one.tables.length === 0)];
    if (unknown?.table === undefined) return;
    const known = tables.map(({ label }) => label).join(', ');
    throw new PairingProblem(
      `${option} ${unknown.table}:${unknown.names.map(formatNamePair).join(',')} is for no table that is compared; these are: ${known}`,
    );
  }

  /** Those for this table alone, then those for all tables that do not speak of the same names. */
  of(table: T): readonly NamePair[] {
    const chosen = (isOwn: boolean) =>
      this.given.flatMap(({ names, tables }, index) =>
        (this.#lists[index]?.table !== undefined) === isOwn && tables.includes(table) ? names : [],
      );
    const own = chosen(true);
    const isNamed = ({ source, other }: NamePair) => own.some((one) => one.source === source || one.other === other);
    return [...own, ...chosen(false).filter((name) => !isNamed(name))];
  }
}

function tablesCalled<T extends TableNames>(name: string | undefined, tables: readonly T[]): readonly T[] {
  if (name === undefined) return tables;
  const bySource = tables.filter(({ source }) => source.includes(name));
  return bySource.length > 0 ? bySource : tables.filter(({ other }) => other.includes(name));
}
