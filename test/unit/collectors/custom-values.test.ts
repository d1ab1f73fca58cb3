import { expect, test } from 'vitest';
import { goDurationMs, toNumber, toNumbers } from '../../../src/collectors/postgres/custom/values.ts';
import { fitsVersion, parseVersionRange } from '../../../src/collectors/postgres/custom/versions.ts';

test.each([
  ['42', 42],
  ['-1.5e3', -1_500],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['NaN', Number.NaN],
])('%s as a number', (text, expected) => {
  expect(toNumber(text)).toBe(expected);
});

test.each(['', 'many', '1 hour', '0x', '12 monkeys', 't', '2026-03-02', '$1.00'])(
  '%j is no number, and is not repeated',
  (text) => {
    expect(() => toNumber(text)).toThrow(/^holds a text that is no number$/);
  },
);

test('truth values are told by their type only', () => {
  expect(toNumber('t', 'boolean')).toBe(1);
  expect(toNumber('f', 'boolean')).toBe(0);
});

test.each([
  ['2026-03-02', 1_772_409_600],
  ['2026-03-02 01:00:00', 1_772_413_200],
  ['2026-03-02 01:00:00.5+01', 1_772_409_600.5],
  ['2026-03-02 06:30:00+05:30', 1_772_413_200],
  ['2026-03-01 20:00:00-04', 1_772_409_600],
  ['1880-01-01 00:53:28+00:53:28', -2_840_140_800],
  ['12026-03-02', 317_341_929_600],
  ['-infinity', Number.NEGATIVE_INFINITY],
])('the instant %s in seconds', (text, expected) => {
  expect(toNumber(text, 'instant')).toBe(expected);
});

test('an instant before the year 1 is none for us', () => {
  expect(() => toNumber('0044-03-15 BC', 'instant')).toThrow('before the year 1');
});

test.each([
  ['00:00:01.5', 1.5],
  ['1 day 02:03:04', 93_784],
  ['-3 days -00:00:01', -259_201],
  ['1 year 2 mons', 36_741_600],
  ['1 mon -1 days +00:00:10', 2_505_610],
  ['infinity', Number.POSITIVE_INFINITY],
])('the interval %s in seconds, as extract(epoch) has it', (text, expected) => {
  expect(toNumber(text, 'interval')).toBe(expected);
});

test.each([
  ['1h30m', 5_400_000],
  ['1.5s', 1_500],
  ['-2ms', -2],
  ['900us', 0],
  ['12', 12],
])('the duration %s', (text, expected) => {
  expect(goDurationMs(text)).toBe(expected);
});

test('arrays', () => {
  expect(toNumbers('{1,2.5,Infinity}')).toEqual([1, 2.5, Number.POSITIVE_INFINITY]);
  expect(toNumbers('{}')).toEqual([]);
  expect(() => toNumbers('1')).toThrow('holds no array');
  expect(() => toNumbers('{1,NULL}')).toThrow('no number');
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
  ['14', 140_005, true],
  ['14', 150_000, false],
  ['<=14', 140_005, true],
  ['>14', 140_005, false],
  ['>14', 150_000, true],
  ['<=14.0.0', 140_005, false],
  ['14.x', 140_005, true],
  ['>=13.x <15', 140_005, true],
  ['!14', 140_005, false],
])('%s and %i', (range, version, expected) => {
  expect(fitsVersion(parseVersionRange(range) ?? [], version)).toBe(expected);
});

test.each(['', 'new', '>=', '>14 old', '14 ||'])('%j is no range of versions', (text) => {
  expect(parseVersionRange(text)).toBeUndefined();
});
