import { expect, test } from 'vitest';
import { chooseItems, type Segment, segmentLimit } from '../../../src/jobs/compare/dynamodb/choose-items.ts';
import type { ItemPage } from '../../../src/targets/dynamodb/items.ts';

/** The same numbers each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A table whose items lie where `places` says, each from 0 to 1, as a hash would. */
function tableOf(places: readonly number[]) {
  const read: Segment[] = [];
  return {
    read,
    page: async (segment: Segment): Promise<ItemPage> => {
      read.push(segment);
      const { index, of } = segment;
      const own = places.flatMap((place, id) => (Math.floor(place * of) === index ? [{ id: { N: String(id) } }] : []));
      const items = own.slice(0, segmentLimit);
      const after = own.length > items.length ? items.at(-1) : undefined;
      return { items, count: items.length, after, units: 1 };
    },
  };
}

const spread = (amount: number) => {
  const random = seeded(7);
  return Array.from({ length: amount }, random);
};

test.each([
  ['right', 20_000],
  ['of a time when it was empty', 0],
  ['much too large', 50_000_000],
])('a sample is even and complete when the known number of items is %s', async (_what, known) => {
  const table = tableOf(spread(20_000));

  const chosen = await chooseItems(10, known, { read: table.page, random: seeded(3) });

  expect(chosen.isEven).toBe(true);
  expect(new Set(chosen.items.map(({ id }) => id?.N)).size).toBe(10);
  expect(table.read.length).toBeLessThan(150);
});

test('each item is as likely as any other', async () => {
  const table = tableOf(spread(400));
  const random = seeded(11);
  const firstHalf: number[] = [];

  for (let round = 0; round < 300; round++) {
    const { items } = await chooseItems(10, 400, { read: table.page, random });
    firstHalf.push(items.filter(({ id }) => Number(id?.N) < 200).length);
  }

  const mean = firstHalf.reduce((sum, amount) => sum + amount, 0) / firstHalf.length;
  expect(mean).toBeGreaterThan(4.6);
  expect(mean).toBeLessThan(5.4);
});

test('a small table is taken whole, and an empty one gives nothing', async () => {
  const small = await chooseItems(10, 3, { read: tableOf(spread(3)).page, random: seeded(1) });
  const empty = await chooseItems(10, 1_000, { read: tableOf([]).page, random: seeded(1) });

  expect(small).toMatchObject({ isEven: true, items: { length: 3 } });
  expect(empty).toEqual({ isEven: true, items: [] });
});

test('items of one partition key alone are taken from their beginning, which is said', async () => {
  const table = tableOf(Array.from({ length: 5_000 }, () => 0.123));

  const chosen = await chooseItems(10, 5_000, { read: table.page, random: seeded(5) });

  expect(chosen.isEven).toBe(false);
  expect(chosen.items).toHaveLength(10);
  expect(table.read.length).toBeLessThan(400);
});

test.each([
  [70, 100, 70],
  [70, 100, 0],
  [900, 1_000, 900],
  [900, 1_000, 50_000],
])('a table of %i items is taken whole when %i are wanted, also when %i were known', async (amount, wanted, known) => {
  const chosen = await chooseItems(wanted, known, { read: tableOf(spread(amount)).page, random: seeded(9) });

  expect(chosen.isEven).toBe(true);
  expect(new Set(chosen.items.map(({ id }) => id?.N)).size).toBe(amount);
});
