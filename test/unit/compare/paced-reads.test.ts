import { expect, test } from 'vitest';
import { OutOfReadUnits, PacedReads } from '../../../src/jobs/compare/dynamodb/paced-reads.ts';
import { AwsFailure } from '../../../src/targets/aws/failure.ts';
import type { DynamodbItems, GetRequest } from '../../../src/targets/dynamodb/items.ts';
import { testSignal } from '../../support/test-context.ts';

/** A clock that notes how long it was slept for, and does not sleep. */
function notingClock() {
  const slept: number[] = [];
  const clock = {
    now: () => new Date(0),
    monotonicMs: () => 0,
    sleep: async (ms: number) => void slept.push(ms),
    startTimer: () => () => undefined,
  };
  return { slept, clock };
}

const throttled = () =>
  new AwsFailure('throttled', { action: 'dynamodb:Scan', hint: undefined, words: 'slow down' }, {});

function itemsThat(given: Partial<Pick<DynamodbItems, 'scan' | 'get'>>): DynamodbItems {
  return given as DynamodbItems;
}

test('no request is sent once the limit is reached', async () => {
  const { clock } = notingClock();
  const items = itemsThat({ scan: async () => ({ items: [], count: 1, after: undefined, units: 6 }) });
  const reads = new PacedReads(items, { limitUnits: 10, clock });
  const scan = () => reads.scan({ table: 't' }, undefined, testSignal());

  await scan();
  await scan();

  await expect(scan()).rejects.toThrow(OutOfReadUnits);
  expect(reads.usedUnits).toBe(12);
  expect(reads.leftUnits).toBe(0);
});

test('what is taken of provisioned capacity is waited for', async () => {
  const { clock, slept } = notingClock();
  const items = itemsThat({ scan: async () => ({ items: [], count: 1, after: undefined, units: 128 }) });
  const reads = new PacedReads(items, { limitUnits: 1_000, clock });

  await reads.scan({ table: 't' }, 50, testSignal());

  expect(slept).toEqual([2_560]);
});

test('throttled, it waits longer each time and asks again; any other failure is one', async () => {
  const { clock, slept } = notingClock();
  const failures = [throttled(), throttled(), throttled()];
  const items = itemsThat({
    scan: async () => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return { items: [], count: 7, after: undefined, units: 1 };
    },
    get: async () => {
      throw new AwsFailure('denied', { action: 'dynamodb:BatchGetItem', hint: undefined, words: 'no' }, {});
    },
  });
  const reads = new PacedReads(items, { limitUnits: 10, clock });

  const page = await reads.scan({ table: 't' }, undefined, testSignal());

  expect(page.count).toBe(7);
  expect(slept).toEqual([500, 1_000, 2_000]);
  const get = reads.get({ table: 't', keys: [{ id: { S: 'a' } }] }, undefined, testSignal());
  await expect(get).rejects.toThrow('dynamodb:BatchGetItem: no');
});

test('keys that DynamoDB did not get to are asked for again', async () => {
  const { clock, slept } = notingClock();
  const asked: number[] = [];
  const items = itemsThat({
    get: async ({ keys }: GetRequest) => {
      asked.push(keys.length);
      const amount = asked.length === 2 ? 0 : 2;
      return { items: keys.slice(0, amount), unprocessed: keys.slice(amount), units: amount };
    },
  });
  const reads = new PacedReads(items, { limitUnits: 100, clock });
  const keys = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id: { S: id } }));

  const found = await reads.get({ table: 't', keys }, undefined, testSignal());

  expect(found).toEqual(keys);
  expect(asked).toEqual([5, 3, 3, 1]);
  expect(slept).toEqual([1_000]);
});
