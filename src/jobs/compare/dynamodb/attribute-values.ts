import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { canonicalNumber, ExactNumber, nothing, sortedList, type Value, writeJson } from '../records/values.ts';

/** Types that a key may have. */
export type KeyType = 'S' | 'N' | 'B';

const mostDigits = 38;
const largestExponent = 125;
const smallestExponent = -130;
/** Of a partition key; a sort key has half of it. */
export const mostKeyBytes = { HASH: 2_048, RANGE: 1_024 } as const;

/** A key's part as DynamoDB has it; undefined when no item can have it. Bytes are given as hexadecimal digits. */
export function keyAttribute(type: KeyType, part: string, mostBytes: number): AttributeValue | undefined {
  if (type === 'N') {
    const number = canonicalNumber(part);
    return number !== undefined && fitsNumber(number) ? { N: number } : undefined;
  }
  const bytes = type === 'B' ? Buffer.from(part, 'hex') : Buffer.from(part);
  if (bytes.length === 0 || bytes.length > mostBytes) return undefined;
  return type === 'B' ? { B: bytes } : { S: part };
}

/** DynamoDB keeps 38 digits, from 1E-130 to 9.99E+125; more it refuses. */
function fitsNumber(canonical: string): boolean {
  if (canonical === '0') return true;
  const [whole = '', fraction = ''] = canonical.replace('-', '').split('.');
  const significant = `${whole}${fraction}`.replace(/^0+/, '').replace(/0+$/, '');
  const exponent = whole === '0' ? -(/^0*/.exec(fraction)?.[0].length ?? 0) - 1 : whole.length - 1;
  return significant.length <= mostDigits && exponent <= largestExponent && exponent >= smallestExponent;
}

/** A key's part as text: numbers in one form, bytes as hexadecimal digits. */
export function keyPart(value: AttributeValue | undefined): string {
  if (value?.S !== undefined) return value.S;
  if (value?.N !== undefined) return canonicalNumber(value.N) ?? value.N;
  return hexadecimal(value?.B ?? new Uint8Array());
}

/** As another engine may have it. */
export function attributeValue(value: AttributeValue | undefined): Value {
  if (value === undefined || value.NULL !== undefined) return nothing;
  if (value.S !== undefined) return { kind: 'written', text: value.S };
  if (value.N !== undefined) return { kind: 'number', text: canonicalNumber(value.N) ?? value.N };
  if (value.B !== undefined) return { kind: 'bytes', text: hexadecimal(value.B) };
  if (value.BOOL !== undefined) return { kind: 'boolean', text: String(value.BOOL) };
  const members = membersOf(value);
  if (members !== undefined) return { kind: 'set', text: sortedList(members.map(writeJson)) };
  return { kind: 'json', text: writeJson(asJson(value)) };
}

/** The same text only for the same attribute: its type counts, the order in sets and maps does not. */
export function exactText(value: AttributeValue): string {
  if (value.N !== undefined) return `N ${canonicalNumber(value.N) ?? value.N}`;
  if (value.B !== undefined) return `B ${hexadecimal(value.B)}`;
  if (value.L !== undefined) return `L [${value.L.map(exactText).join(',')}]`;
  if (value.M !== undefined) {
    const members = Object.entries(value.M).map(([name, member]) => `${JSON.stringify(name)}:${exactText(member)}`);
    return `M {${members.sort().join(',')}}`;
  }
  const members = membersOf(value);
  if (members === undefined) return JSON.stringify(value);
  const type = value.SS === undefined ? (value.NS === undefined ? 'BS' : 'NS') : 'SS';
  return `${type} ${sortedList(members.map(writeJson))}`;
}

/** Of a set, as JSON values. */
function membersOf({ SS, NS, BS }: AttributeValue): readonly unknown[] | undefined {
  return SS ?? NS?.map((text) => new ExactNumber(text)) ?? BS?.map(hexadecimal);
}

function asJson(value: AttributeValue): unknown {
  if (value.M !== undefined) {
    return Object.fromEntries(Object.entries(value.M).map(([name, member]) => [name, asJson(member)]));
  }
  if (value.N !== undefined) return new ExactNumber(value.N);
  if (value.B !== undefined) return hexadecimal(value.B);
  return value.S ?? value.BOOL ?? value.L?.map(asJson) ?? membersOf(value) ?? null;
}

function hexadecimal(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
