import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { type ObjectStore, StoreError, type StoreErrorKind } from '../../../src/storage/object-store.ts';
import { withRetry } from '../../../src/storage/retry.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';

const signal = new AbortController().signal;

/** A store whose first `failures` calls fail; with `lose_answer` they do their work before. */
function setUp(given: { failures: number; kind?: StoreErrorKind; how?: 'refuse' | 'lose_answer' }) {
  const clock = new ManualClock('2026-03-02T02:00:00Z');
  const memory = new MemoryStore();
  const calls: string[] = [];
  const fail = async (call: string, work: () => Promise<unknown>) => {
    calls.push(call);
    if (calls.length > given.failures) return work();
    if (given.how === 'lose_answer') await work();
    throw new StoreError(given.kind ?? 'unavailable', `HTTP 503 number ${calls.length}`);
  };
  const flaky = new Proxy<ObjectStore>(memory, {
    get(target, name: keyof ObjectStore) {
      const method = target[name];
      if (typeof method !== 'function') return method;
      if (name === 'list') return failingList;
      return (...args: unknown[]) => fail(String(name), () => Reflect.apply(method, target, args));
    },
  });
  async function* failingList(prefix: string, from: AbortSignal) {
    await fail('list', async () => undefined);
    yield* memory.list(prefix, from);
  }
  return { clock, memory, calls, store: withRetry(flaky, { clock, attempts: 3, baseDelayMs: 1_000 }) };
}

test('what was unavailable is tried again, each time after a longer wait', async () => {
  const { clock, calls, store } = setUp({ failures: 2 });

  const asking = store.head('a/b', signal);
  await clock.advance(499);
  const early = calls.length;
  await clock.advance(501);
  const second = calls.length;
  await clock.advance(2_000);

  expect(await asking).toBeUndefined();
  expect([early, second, calls.length]).toEqual([1, 2, 3]);
});

test('after the last try the last failure is told', async () => {
  const { clock, calls, store } = setUp({ failures: 9 });

  const refused = store.delete('a/b', signal);
  refused.catch(() => undefined);
  await clock.advance(60_000);

  await expect(refused).rejects.toThrow('HTTP 503 number 3');
  expect(calls).toHaveLength(3);
});

test.each(['denied', 'full', 'misconfigured', 'missing', 'damaged'] as const)(
  'what is %s is not tried again',
  async (kind) => {
    const { calls, store } = setUp({ failures: 1, kind });

    await expect(store.head('a/b', signal)).rejects.toMatchObject({ kind });

    expect(calls).toHaveLength(1);
  },
);

test('a stream is sent once, since it cannot be sent again', async () => {
  const { calls, store } = setUp({ failures: 1 });

  await expect(store.put('a/b', Readable.from([]), signal)).rejects.toMatchObject({ kind: 'unavailable' });

  expect(calls).toEqual(['put']);
});

test('a buffer whose answer was lost is stored once, and its put succeeds', async () => {
  const { clock, memory, store } = setUp({ failures: 1, how: 'lose_answer' });

  const putting = store.put('a/b', Buffer.from('x'), signal);
  await clock.advance(1_000);

  expect((await putting).sizeBytes).toBe(1);
  expect(memory.objects.size).toBe(1);
});

test('the same object put by somebody else is no success at the first try', async () => {
  const { memory, store } = setUp({ failures: 0 });
  await memory.put('a/b', Buffer.from('x'), signal);

  await expect(store.put('a/b', Buffer.from('x'), signal)).rejects.toMatchObject({ kind: 'exists' });
});

test('a listing that breaks off is begun anew, and names nothing twice', async () => {
  const { clock, memory, store } = setUp({ failures: 1 });
  await memory.put('a/b', Buffer.from('x'), signal);

  const listing = Array.fromAsync(store.list('a/', signal));
  await clock.advance(1_000);

  expect((await listing).map(({ key }) => key)).toEqual(['a/b']);
});

test('a wait between two tries ends when the caller gives up', async () => {
  const { clock, store } = setUp({ failures: 1 });
  const stop = new AbortController();
  const reason = new Error('stopped by SIGTERM');

  const asking = store.head('a/b', stop.signal);
  asking.catch(() => undefined);
  await clock.settle();
  stop.abort(reason);

  await expect(asking).rejects.toBe(reason);
  expect(clock.sleeping).toBe(0);
});
