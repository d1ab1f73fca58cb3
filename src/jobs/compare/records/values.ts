/**
 * A value as two engines can agree on it. `text` is in one form for each kind: numbers without needless zeros, instants as
 * nanoseconds since 1970, bytes as hexadecimal digits, JSON with sorted names, sets as a JSON list in order. A `text` is what
 * it says and nothing else; a `written` is of a store that has few types, and may be anything that was written as text.
 */
export interface Value {
  readonly kind: 'null' | 'text' | 'written' | 'number' | 'boolean' | 'bytes' | 'instant' | 'uuid' | 'json' | 'set';
  readonly text: string;
  /** A number that is kept in so many binary digits: decimal ones beyond them say nothing. */
  readonly precision?: 'single' | 'double' | undefined;
  /** Other ways to write a text that mean the same. */
  readonly otherTexts?: readonly string[] | undefined;
  /** Spaces at the end of the text mean nothing. */
  readonly isPadded?: boolean | undefined;
}

export const nothing: Value = { kind: 'null', text: '' };

/** A JSON list in the order of its texts. */
export function sortedList(elements: readonly string[]): string {
  return `[${[...elements].sort().join(',')}]`;
}

const numeral = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;
/** No number of either store has more; longer ones are not written out. */
const mostPlaces = 400;

/** `-001.50` → `-1.5`, `1e3` → `1000`, whatever its size: nothing is rounded. Undefined when the text is no finite number. */
export function canonicalNumber(text: string): string | undefined {
  const match = numeral.exec(text.trim());
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = `${whole}${fraction}`;
  const point = whole.length + Number(exponent);
  if (Math.abs(point) > mostPlaces) return /[1-9]/.test(digits) ? undefined : '0';
  const left = point <= 0 ? '' : digits.slice(0, point).padEnd(point, '0');
  const right = point <= 0 ? `${'0'.repeat(-point)}${digits}` : digits.slice(point);
  const [before, after] = [left.replace(/^0+/, ''), right.replace(/0+$/, '')];
  if (before === '' && after === '') return '0';
  return `${sign === '-' ? '-' : ''}${before === '' ? '0' : before}${after === '' ? '' : `.${after}`}`;
}

const instantText =
  /^(\d{4,6})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*(?:Z|UTC|([+-])(\d\d)(?::?(\d\d))?)?$/i;

/** Nanoseconds since 1970 of an instant in ISO 8601 or as PostgreSQL writes it; without a zone it is UTC. */
export function instantOf(text: string): bigint | undefined {
  const match = instantText.exec(text.trim());
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second = '0', fraction = '', sign, hours = '0', minutes = '0'] = match;
  if (Number(month) < 1 || Number(month) > 12 || Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) {
    return undefined;
  }
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  if (date.getUTCDate() !== Number(day) || Number.isNaN(date.getTime())) return undefined;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
  return BigInt(date.getTime() - offsetMs) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** A JSON document with sorted names and numbers in one form; undefined when the text is none. */
export function canonicalJson(text: string): string | undefined {
  const parsed = parseExactly(text);
  return parsed === undefined ? undefined : writeJson(parsed);
}

/** A number as it was written: JSON has larger ones than a double can hold. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = canonicalNumber(text) ?? text;
  }
}

export function parseExactly(text: string): unknown {
  const revive = (_name: string, value: unknown, { source }: { readonly source?: string } = {}) =>
    typeof value === 'number' ? new ExactNumber(source ?? String(value)) : value;
  try {
    return JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]);
  } catch {
    return undefined;
  }
}

/** Of what JSON has, with {@link ExactNumber} in place of numbers. */
export function writeJson(value: unknown): string {
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(writeJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${writeJson(member)}`).join(',')}}`;
}
