import { expect, test } from 'vitest';
import { queueHeads } from '../../../src/collectors/postgres/blocking-chains.ts';

/** `b>a`: b waits for a. */
function waits(...pairs: readonly string[]) {
  return pairs.map((pair) => {
    const [blocked = '', blocker = ''] = pair.split('>');
    return { blocked, blocker };
  });
}

test('where nobody waits there is no head', () => {
  expect(queueHeads([])).toEqual([]);
});

test('all that wait for the head, also through others, are counted once', () => {
  expect(queueHeads(waits('b>a', 'c>a', 'c>b', 'd>c'))).toEqual([{ pid: 'a', blocked: 3, depth: 3 }]);
});

test('a session with two before it counts for both, and the more harmful comes first', () => {
  expect(queueHeads(waits('c>a', 'c>b', 'd>b'))).toEqual([
    { pid: 'b', blocked: 2, depth: 1 },
    { pid: 'a', blocked: 1, depth: 1 },
  ]);
});

test('sessions that wait for each other have no head, and one that waits for them ends the search', () => {
  expect(queueHeads(waits('a>b', 'b>a'))).toEqual([]);
  expect(queueHeads(waits('a>b', 'b>a', 'a>c'))).toEqual([{ pid: 'c', blocked: 2, depth: 2 }]);
});

test('a queue of hundreds is no trouble', () => {
  const pairs = Array.from({ length: 100 }, (_, waiter) =>
    Array.from({ length: waiter }, (_, before) => `${waiter}>${before}`),
  ).flat();

  expect(queueHeads(waits(...pairs))).toEqual([{ pid: '0', blocked: 99, depth: 99 }]);
});
