import {
  canonicalJson,
  canonicalNumber,
  instantOf,
  nothing,
  parseExactly,
  sortedList,
  type Value,
  writeJson,
} from './values.ts';

/** Whether two values mean the same: of one kind by their text, else where one is the other written as text or JSON. */
export function sameValue(one: Value = nothing, two: Value = nothing): boolean {
  if (isText(one) && isText(two)) return sameText(one, two);
  if (one.kind === two.kind) return one.text === two.text || sameNumber(one, two);
  if (one.kind === 'null' || two.kind === 'null') return isNull(one) && isNull(two);
  const [text, other] = isText(two) ? [two, one] : [one, two];
  if (text.kind === 'written') return isWritten(text.text, other);
  if (text.kind === 'text') return isExactly(text.text, other);
  const [json, plain] = two.kind === 'json' ? [two, one] : [one, two];
  return json.kind === 'json' && asJson(json.text, plain.kind) === plain.text;
}

const isText = ({ kind }: Value) => kind === 'text' || kind === 'written';

/** JSON has a null of its own. */
const isNull = ({ kind, text }: Value) => kind === 'null' || (kind === 'json' && text === 'null');

function sameText(one: Value, two: Value): boolean {
  if (one.isPadded === true || two.isPadded === true) return withoutPadding(one.text) === withoutPadding(two.text);
  const forms = ({ text, otherTexts = [] }: Value) => [text, ...otherTexts];
  return forms(one).some((form) => forms(two).includes(form));
}

/** As `char(n)` means it. */
export function withoutPadding(text: string): string {
  return text.replace(/ +$/, '');
}

/** `0.1` and `0.10000000149011612` are one number of single precision. */
function sameNumber(one: Value, two: Value): boolean {
  const precision = one.precision ?? two.precision;
  if (one.kind !== 'number' || precision === undefined) return false;
  const [a, b] = [Number(one.text), Number(two.text)];
  return precision === 'double' ? a === b : Math.fround(a) === Math.fround(b);
}

/** Of a text that may be anything: whether it is one of the ways to write the value. */
function isWritten(text: string, value: Value): boolean {
  switch (value.kind) {
    case 'number': {
      const number = canonicalNumber(text);
      return number !== undefined && sameValue({ kind: 'number', text: number }, value);
    }
    case 'instant':
      return instantOf(text)?.toString() === value.text;
    case 'uuid':
    case 'boolean':
      return text.toLowerCase() === value.text;
    case 'json':
      return canonicalJson(text) === value.text || JSON.stringify(text) === value.text;
    case 'bytes':
      return writtenBytes(text).includes(value.text);
    default:
      return false;
  }
}

/** Hexadecimal digits, alone or as PostgreSQL writes them, and base 64. */
function writtenBytes(text: string): readonly string[] {
  const [, digits] = /^(?:\\x)?((?:[0-9a-f]{2})*)$/i.exec(text) ?? [];
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  return [
    ...(digits === undefined ? [] : [digits.toLowerCase()]),
    ...(isBase64 ? [Buffer.from(text, 'base64').toString('hex')] : []),
  ];
}

/**
 * Of a text that is nothing else: whether the value keeps all of it. `042`, `+49` and `1e3` are lost in a number, and `1.0` is another text
 * than `1`.
 */
function isExactly(text: string, value: Value): boolean {
  if (value.kind === 'json') return canonicalJson(text) === value.text;
  return (value.kind === 'number' || value.kind === 'boolean') && text === value.text;
}

/** A list may be a set, and a JSON document a number or a truth. */
function asJson(json: string, kind: Value['kind']): string | undefined {
  if (kind === 'number' || kind === 'boolean') return json;
  if (kind !== 'set' || !json.startsWith('[')) return undefined;
  const parsed = parseExactly(json);
  return Array.isArray(parsed) ? sortedList(parsed.map(writeJson)) : undefined;
}
