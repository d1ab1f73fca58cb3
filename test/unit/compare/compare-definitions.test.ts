import { expect, test } from 'vitest';
import type { DefinedObject } from '../../../src/jobs/backup/definitions/index.ts';
import { compareDefinitions } from '../../../src/jobs/compare/compare-definitions.ts';

const rules = { sameMajor: true, owners: true };
const kind = { kind: 'casts', sql: () => undefined };

function database(...hashes: string[]) {
  const objects = hashes.map(
    (hash): DefinedObject => ({ schema: null, relation: null, name: 'a cast', amount: 1n, hash }),
  );
  return [{ kind, objects }];
}

test.each([[['a', 'c', 'b']], [['c', 'b', 'a']], [['b', 'a', 'c']]])(
  'three objects of one name are the same in whatever order the server gives them: %s',
  (other) => {
    const { differences } = compareDefinitions(database('a', 'b', 'c'), database(...other), rules);
    expect(differences).toEqual([]);
  },
);

test('of several objects of one name the one that differs is told', () => {
  const { compared, differences } = compareDefinitions(database('a', 'b'), database('b', 'x'), rules);
  expect(compared).toBe(1);
  expect(differences).toEqual([{ name: 'casts a cast', source: '1 a, 1 b', other: '1 b, 1 x' }]);
});
