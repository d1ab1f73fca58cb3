import { expect, test } from 'vitest';
import { unexplained } from '../../../scripts/compatibility/compare.ts';
import { peers } from '../../../scripts/compatibility/peers.ts';

test.each(peers)('every metric of $name is kept, or it is said why not', (peer) => {
  expect(unexplained(peer)).toEqual([]);
});
