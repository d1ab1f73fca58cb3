/** Two names for what should be the same: `stacks=idp_stacks`. */
export interface NamePair {
  readonly source: string;
  readonly other: string;
}

/** `a=b`, or `a` for the same name on both sides. Undefined when a name is missing. */
export function parseNamePair(text: string): NamePair | undefined {
  const at = text.indexOf('=');
  const [source, other] = at < 0 ? [text, text] : [text.slice(0, at), text.slice(at + 1)];
  return source === '' || other === '' ? undefined : { source, other };
}

/** As it is given: `a=b`, or `a`. */
export function formatNamePair({ source, other }: NamePair): string {
  return source === other ? source : `${source}=${other}`;
}

/** Names of columns and attributes, and for which table. */
export interface NamesOf {
  /** As it is called on either side; undefined: for all. */
  readonly table: string | undefined;
  readonly names: readonly NamePair[];
}

/**
 * `id=pk,name` for all tables, `orders:id=pk,name` for one. What is left of the first colon is a table, so that names which have a colon
 * stand behind one: `:user:id` is for all tables. Undefined when a name is missing.
 */
export function parseNamesOf(text: string): NamesOf | undefined {
  const colon = text.indexOf(':');
  const table = colon <= 0 ? undefined : text.slice(0, colon).trim();
  const names = text
    .slice(colon + 1)
    .split(',')
    .map((name) => parseNamePair(name.trim()));
  const known = names.filter((name) => name !== undefined);
  return known.length === names.length && table !== '' ? { table, names: known } : undefined;
}

/** What is compared, as it was asked for. */
export interface Pairing {
  /** Tables; empty: all whose names fit. */
  readonly tables: readonly NamePair[];
  /** With what names of DynamoDB begin; where both are, those of the other side. */
  readonly prefix: string | undefined;
  /** Parts of keys that have other names on the other side. */
  readonly keys: readonly NamesOf[];
  /** What is compared beside the key. */
  readonly columns: readonly NamesOf[];
  /** Patterns of PostgreSQL's schemas, and of tables; empty: all. */
  readonly schemas: readonly string[];
  readonly patterns: readonly string[];
}

/** What was asked for does not exist, or cannot be meant. */
export class PairingProblem extends Error {
  override readonly name = 'PairingProblem';
}
