import { expect, test } from 'vitest';
import { attributeValue, exactText, keyAttribute } from '../../../src/jobs/compare/dynamodb/attribute-values.ts';
import { instantForms } from '../../../src/jobs/compare/postgres/instant-forms.ts';
import { sameValue } from '../../../src/jobs/compare/records/same-value.ts';
import { canonicalJson, canonicalNumber, instantOf, type Value } from '../../../src/jobs/compare/records/values.ts';

test.each([
  ['0', '0'],
  ['-0.00', '0'],
  ['+007', '7'],
  ['1.50', '1.5'],
  ['-001.0', '-1'],
  ['1e3', '1000'],
  ['12345E-7', '0.0012345'],
  ['99999999999999999999999999999999999999', '99999999999999999999999999999999999999'],
  ['0e9999', '0'],
  ['NaN', undefined],
  ['12 monkeys', undefined],
  ['', undefined],
])('the number %s is written %s', (text, canonical) => {
  expect(canonicalNumber(text)).toBe(canonical);
});

test('instants are the same in any zone and with any number of digits', () => {
  const noon = instantOf('2026-01-31T12:00:00Z');

  expect(noon).toBe(BigInt(Date.UTC(2026, 0, 31, 12)) * 1_000_000n);
  for (const same of ['2026-01-31 12:00:00+00', '2026-01-31T13:30:00.000+01:30', '2026-01-31T07:00-0500']) {
    expect(instantOf(same)).toBe(noon);
  }
  expect(instantOf('2026-01-31 12:00:00.000001+00')).toBe((noon ?? 0n) + 1_000n);
  for (const none of [
    '2026-13-01T12:00:00Z',
    '2026-01-31T12:61:00Z',
    '2026-02-30T12:00:00Z',
    '2026-01-31',
    'infinity',
    '1769860800',
  ]) {
    expect(instantOf(none)).toBeUndefined();
  }
});

test('every way to write an instant says the same moment, and none loses digits', () => {
  for (const text of ['2026-01-31 12:00:00+00', '2026-01-31 12:00:00.5', '2026-01-31 12:00:00.123456+00']) {
    const forms = instantForms(text);
    expect(forms.length).toBeGreaterThan(1);
    expect(forms.filter((form) => instantOf(form) !== instantOf(text))).toEqual([]);
  }
  expect(instantForms('2026-01-31 12:00:00+00')).toEqual(
    expect.arrayContaining(['2026-01-31T12:00:00Z', '2026-01-31T12:00:00.000Z', '2026-01-31T12:00:00.000000+00:00']),
  );
  expect(instantForms('infinity')).toEqual([]);
});

test('JSON is the same in any order of names, and large numbers lose no digit', () => {
  expect(canonicalJson('{"b": [1.0, 12345678901234567890], "a": null}')).toBe(
    '{"a":null,"b":[1,12345678901234567890]}',
  );
  expect(canonicalJson('{')).toBeUndefined();
});

const text = (value: string): Value => ({ kind: 'text', text: value });
/** As DynamoDB keeps what it has no type for. */
const written = (value: string): Value => ({ kind: 'written', text: value });
const number = (value: string, precision?: Value['precision']): Value => ({ kind: 'number', text: value, precision });

test.each<[Value | undefined, Value | undefined, boolean]>([
  [undefined, { kind: 'null', text: '' }, true],
  [undefined, written(''), false],
  [undefined, { kind: 'json', text: 'null' }, true],
  [undefined, { kind: 'json', text: '"null"' }, false],
  [number('1.5'), written('1.50'), true],
  [number('1.5'), written('1.51'), false],
  [number('0.1'), number('0.10000000149011612'), false],
  [number('0.1', 'single'), number('0.10000000149011612'), true],
  [number('0.1', 'double'), number('0.10000000149011612'), false],
  [number('0.1', 'double'), number('0.1000000000000000055511151231257827'), true],
  [number('0.1', 'double'), written('0.1000000000000000055511151231257827'), true],
  [{ kind: 'instant', text: '0' }, written('1970-01-01T00:00:00Z'), true],
  [{ kind: 'instant', text: '0' }, number('0'), false],
  [{ kind: 'uuid', text: 'ab' }, written('AB'), true],
  [{ kind: 'boolean', text: 'true' }, written('True'), true],
  [{ kind: 'json', text: '{"a":1}' }, written('{ "a": 1.0 }'), true],
  [{ kind: 'json', text: '"a"' }, written('a'), true],
  [{ kind: 'json', text: '"42"' }, written('42'), true],
  [{ kind: 'json', text: '"42"' }, number('42'), false],
  [{ kind: 'json', text: '[1,2]' }, { kind: 'set', text: '[1,2]' }, true],
  [{ kind: 'json', text: '["b","a"]' }, { kind: 'set', text: '["a","b"]' }, true],
  [{ kind: 'json', text: '5' }, number('5'), true],
  [{ kind: 'bytes', text: '0102' }, written('\\x0102'), true],
  [{ kind: 'bytes', text: '0102' }, written('AQI='), true],
  [{ kind: 'bytes', text: 'ab' }, written('AB'), true],
  [{ kind: 'bytes', text: '0102' }, written('AQM='), false],
  [{ kind: 'bytes', text: '00' }, text('00'), false],
  [text('a'), written('A'), false],
  [text('a'), written('a'), true],
  [text('a'), written('a '), false],
  [{ ...text('a'), isPadded: true }, written('a  '), true],
  [{ ...text('a'), isPadded: true }, written('a\t'), false],
  [{ ...text('::1'), otherTexts: ['::1/128'] }, written('::1/128'), true],
])('%j and %j: the same %s, from either side', (one, two, same) => {
  expect(sameValue(one, two)).toBe(same);
  expect(sameValue(two, one)).toBe(same);
});

test.each<[string, Value, boolean]>([
  ['042', number('42'), false],
  ['+4912', number('4912'), false],
  ['1e3', number('1000'), false],
  ['1.0', number('1'), false],
  ['42', number('42'), true],
  ['TRUE', { kind: 'boolean', text: 'true' }, false],
  ['true', { kind: 'boolean', text: 'true' }, true],
  ['{"a": 1}', { kind: 'json', text: '{"a":1}' }, true],
])('the text %s is %j without loss: %s', (value, other, same) => {
  expect(sameValue(text(value), other)).toBe(same);
  expect(sameValue(other, text(value))).toBe(same);
});

test('of what DynamoDB keeps, the type counts, the order of sets and maps does not', () => {
  const map = exactText({ M: { a: { N: '1.0' }, b: { SS: ['x', 'y'] } } });

  expect(exactText({ M: { b: { SS: ['y', 'x'] }, a: { N: '1' } } })).toBe(map);
  expect(exactText({ M: { b: { L: [{ S: 'x' }, { S: 'y' }] }, a: { N: '1' } } })).not.toBe(map);
  expect(exactText({ S: '1' })).not.toBe(exactText({ N: '1' }));
  expect(exactText({ NS: ['1', '2'] })).not.toBe(exactText({ SS: ['1', '2'] }));
  expect(exactText({ L: [{ S: 'x' }, { S: 'y' }] })).not.toBe(exactText({ L: [{ S: 'y' }, { S: 'x' }] }));
  expect(exactText({ B: Buffer.from([1, 2]) })).toBe(exactText({ B: new Uint8Array([1, 2]) }));
  expect(attributeValue({ M: { n: { N: '1.0' }, l: { L: [{ BOOL: true }, { NULL: true }] } } })).toEqual({
    kind: 'json',
    text: '{"l":[true,null],"n":1}',
  });
  expect(attributeValue({ NS: ['2', '1.0'] })).toEqual({ kind: 'set', text: '[1,2]' });
});

test('a key that no item can have is none', () => {
  expect(keyAttribute('N', '1e38', 2_048)).toEqual({ N: '100000000000000000000000000000000000000' });
  expect(keyAttribute('N', '1e126', 2_048)).toBeUndefined();
  expect(keyAttribute('N', '1e-131', 2_048)).toBeUndefined();
  expect(keyAttribute('N', '1e-130', 2_048)).toBeDefined();
  expect(keyAttribute('N', '123456789012345678901234567890123456789', 2_048)).toBeUndefined();
  expect(keyAttribute('N', 'NaN', 2_048)).toBeUndefined();
  expect(keyAttribute('S', '', 2_048)).toBeUndefined();
  expect(keyAttribute('S', 'é'.repeat(513), 1_024)).toBeUndefined();
  expect(keyAttribute('B', '00ff', 1_024)).toEqual({ B: Buffer.from([0, 255]) });
});
