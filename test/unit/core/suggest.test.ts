import { expect, test } from 'vitest';
import { nearest } from '../../../src/core/suggest.ts';

test.each([
  ['lisen', 'listen'],
  ['tagrets', 'targets'],
  ['Stores', 'stores'],
  ['sandbox', 'sandboxes'],
  ['retention', undefined],
  ['x', undefined],
])('%s means %s', (word, expected) => {
  const known = ['listen', 'log', 'scrape', 'stores', 'sandboxes', 'jobs', 'targets'];

  expect(nearest(word, known)).toBe(expected);
});
