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

/** What is compared, as it was asked for. */
export interface Pairing {
  /** Tables; empty: all whose names fit. */
  readonly tables: readonly NamePair[];
  /** With what names of DynamoDB begin; where both are, those of the other side. */
  readonly prefix: string | undefined;
  /** Parts of keys that have other names on the other side. */
  readonly keys: readonly NamePair[];
  /** What is compared beside the key. */
  readonly columns: readonly NamePair[];
  /** Patterns of PostgreSQL's schemas, and of tables; empty: all. */
  readonly schemas: readonly string[];
  readonly patterns: readonly string[];
}

/** What was asked for does not exist, or cannot be meant. */
export class PairingProblem extends Error {
  override readonly name = 'PairingProblem';
}
