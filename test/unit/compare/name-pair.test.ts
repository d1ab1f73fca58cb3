import { expect, test } from 'vitest';
import { parseNamesOf } from '../../../src/jobs/compare/pairs/name-pair.ts';

const pair = (source: string, other = source) => ({ source, other });

test.each([
  ['id', { table: undefined, names: [pair('id')] }],
  ['id=pk, tenant', { table: undefined, names: [pair('id', 'pk'), pair('tenant')] }],
  ['sales.orders:id=pk,tenant=sk', { table: 'sales.orders', names: [pair('id', 'pk'), pair('tenant', 'sk')] }],
  ['orders:id=user:id', { table: 'orders', names: [pair('id', 'user:id')] }],
  [':user:id', { table: undefined, names: [pair('user:id')] }],
])('%s', (text, expected) => {
  expect(parseNamesOf(text)).toEqual(expected);
});

test.each(['', 'orders:', 'a,,b', '=pk', 'orders:id=', ' :a'])('%o lacks a name', (text) => {
  expect(parseNamesOf(text)).toBeUndefined();
});
