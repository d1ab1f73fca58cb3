import { expect, test } from 'vitest';
import { goDurationMs, toNumber, toNumbers } from '../../../src/collectors/postgres/custom/values.ts';
import { fitsVersion, parseVersionRange } from '../../../src/collectors/postgres/custom/versions.ts';

test.each([
  ['42', 42],
  ['-1.5e3', -1_500],
  ['t', 1],
  ['f', 0],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['NaN', Number.NaN],
  ['2026-03-02', 1_772_409_600],
  ['2026-03-02 01:00:00', 1_772_413_200],
  ['2026-03-02 01:00:00.5+01', 1_772_409_600.5],
  ['2026-03-02 06:30:00+05:30', 1_772_413_200],
])('%s as a number', (text, expected) => {
  expect(toNumber(text)).toBe(expected);
});

test.each(['', 'many', '1 hour', '0x', '12 monkeys'])('%j is no number', (text) => {
  expect(() => toNumber(text)).toThrow('is no number');
});

test.each([
  ['1h30m', 5_400_000],
  ['1.5s', 1_500],
  ['-2ms', -2],
  ['900us', 0],
])('the duration %s', (text, expected) => {
  expect(goDurationMs(text)).toBe(expected);
});

test('arrays', () => {
  expect(toNumbers('{1,2.5,NULL,Infinity}')).toEqual([1, 2.5, 0, Number.POSITIVE_INFINITY]);
  expect(toNumbers('{}')).toEqual([]);
  expect(() => toNumbers('1')).toThrow('is no array');
});

test.each([
  ['>=14', 150_020, true],
  ['>=14', 130_011, false],
  ['>=12 <17', 160_002, true],
  ['>=12,<16', 160_002, false],
  ['<13 || >=15.4', 150_003, false],
  ['<13 || >=15.4', 150_004, true],
  ['>=9.6.0 <10.0.0', 120_000, false],
  ['!=15.3', 150_003, false],
  ['15.3.0', 150_003, true],
])('%s and %i', (range, version, expected) => {
  expect(fitsVersion(parseVersionRange(range) ?? [], version)).toBe(expected);
});

test.each(['', 'new', '>=', '>14 old', '14 ||'])('%j is no range of versions', (text) => {
  expect(parseVersionRange(text)).toBeUndefined();
});
