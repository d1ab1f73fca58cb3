import { expect, test } from 'vitest';
import { Leases } from '../../../src/jobs/lease.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';

const signal = new AbortController().signal;
const ttlMs = 60_000;

function setUp() {
  const clock = new ManualClock('2026-03-02T02:00:00Z');
  const store = new MemoryStore(() => clock.now());
  const leasesOf = (host: string, given: Partial<{ clock: ManualClock; pid: number; place: string }> = {}) =>
    new Leases({
      store,
      clock: given.clock ?? clock,
      ttlMs,
      holder: { host, pid: given.pid ?? 1, place: given.place ?? '' },
    });
  return { clock, store, leasesOf };
}

test('a lease is held by one process until it gives it back', async () => {
  const { leasesOf } = setUp();
  const lease = await leasesOf('a').acquire('backup/payments', signal);

  const refused = await leasesOf('b').acquire('backup/payments', signal);
  const other = await leasesOf('b').acquire('backup/auth', signal);
  await lease?.[Symbol.asyncDispose]();
  await using next = await leasesOf('b').acquire('backup/payments', signal);

  expect(lease).toBeDefined();
  expect(refused).toBeUndefined();
  expect(other).toBeDefined();
  expect(next).toBeDefined();
  await other?.[Symbol.asyncDispose]();
});

test('of several who ask at once one gets it', async () => {
  const { leasesOf } = setUp();

  const answers = await Promise.all(['a', 'b', 'c', 'd'].map((host) => leasesOf(host).acquire('x', signal)));

  expect(answers.filter((lease) => lease !== undefined)).toHaveLength(1);
  for (const lease of answers) await lease?.[Symbol.asyncDispose]();
});

test('a lease is renewed for as long as its holder lives, and leaves one record', async () => {
  const { clock, store, leasesOf } = setUp();
  await using lease = await leasesOf('a').acquire('x', signal);
  const watcher = leasesOf('b');

  for (let minute = 0; minute < 10; minute++) {
    await clock.advance(60_000);
    expect(await watcher.acquire('x', signal)).toBeUndefined();
  }

  await lease?.check(signal);
  expect(store.objects.size).toBe(1);
});

test('an abandoned lease is free after it was watched for its time to live', async () => {
  const { clock, store, leasesOf } = setUp();
  await using _abandoned = await leasesOf('a').acquire('x', signal);
  const silent = new ManualClock('2026-03-02T02:00:00Z');
  const watcher = leasesOf('b', { clock: silent });

  const first = await watcher.acquire('x', signal);
  await silent.advance(ttlMs - 1);
  const second = await watcher.acquire('x', signal);
  await silent.advance(2);
  await using third = await watcher.acquire('x', signal);

  expect([first, second]).toEqual([undefined, undefined]);
  expect(third).toBeDefined();
  expect(clock.monotonicMs()).toBe(0);
  expect(store.objects.size).toBe(1);
});

test.each(['2026-03-02T01:59:00Z', '2026-03-02T02:01:00Z'])(
  'a clock that is off by a minute (%s) takes no living lease away',
  async (wrong) => {
    const { leasesOf } = setUp();
    await using lease = await leasesOf('a').acquire('x', signal);

    const refused = await leasesOf('b', { clock: new ManualClock(wrong) }).acquire('x', signal);

    expect(refused).toBeUndefined();
    await lease?.check(signal);
  },
);

test('a holder that slept past its lease learns that it was taken over, before it commits anything', async () => {
  const { leasesOf } = setUp();
  const sleeping = new ManualClock('2026-03-02T02:00:00Z');
  const lease = await leasesOf('a', { clock: sleeping }).acquire('x', signal);
  const other = new ManualClock('2026-03-02T02:00:00Z');
  const watcher = leasesOf('b', { clock: other });
  await watcher.acquire('x', signal);
  await other.advance(ttlMs + 1);
  await using taken = await watcher.acquire('x', signal);

  const checked = lease?.check(signal);

  expect(taken).toBeDefined();
  await expect(checked).rejects.toThrow('another process took it over');
  expect(lease?.signal.aborted).toBe(true);
  await lease?.[Symbol.asyncDispose]();
  await taken?.check(signal);
});

test('a process of this machine that ended without a word holds nothing back', async () => {
  const { leasesOf } = setUp();
  const place = 'boot-1 pid:[1]';
  await using _dead = await leasesOf('here', { pid: 2 ** 22 + 1, place }).acquire('x', signal);

  await using lease = await leasesOf('here', { pid: process.pid, place }).acquire('x', signal);

  expect(lease).toBeDefined();
});

test('a store that cannot be reached loses the lease after its time to live, not before', async () => {
  const { clock, store, leasesOf } = setUp();
  const lease = await leasesOf('a').acquire('x', signal);
  store.putIfAbsent = async () => {
    throw new Error('unreachable');
  };

  await clock.advance(ttlMs - 1);
  const early = lease?.signal.aborted;
  await clock.advance(1);

  expect(early).toBe(false);
  expect(lease?.signal.reason).toMatchObject({ message: 'the lease was lost: it could not be renewed in time' });
  await lease?.[Symbol.asyncDispose]();
});

test('a record that nobody can read holds the lease until it runs out, not for ever', async () => {
  const { clock, store, leasesOf } = setUp();
  await store.put('.leases/x/000000000007', Buffer.from('{"token":'), signal);
  const watcher = leasesOf('b');

  const first = await watcher.acquire('x', signal);
  await clock.advance(ttlMs + 1);
  await using second = await watcher.acquire('x', signal);

  expect(first).toBeUndefined();
  expect(second).toBeDefined();
  expect([...store.objects.keys()]).toEqual(['.leases/x/000000000008']);
});

test('an answer that was lost does not lose the lease', async () => {
  const { store, leasesOf } = setUp();
  const original = store.putIfAbsent.bind(store);
  store.putIfAbsent = async (key, bytes, from) => {
    await original(key, bytes, from);
    return false;
  };

  await using lease = await leasesOf('a').acquire('x', signal);

  expect(lease).toBeDefined();
  await lease?.check(signal);
});

test('a lease whose old records cannot be removed is held all the same', async () => {
  const { clock, store, leasesOf } = setUp();
  store.delete = async () => {
    throw new Error('denied');
  };

  await using lease = await leasesOf('a').acquire('x', signal);
  await clock.advance(2 * ttlMs);

  await lease?.check(signal);
  expect(await leasesOf('b').acquire('x', signal)).toBeUndefined();
});

test('names that are no keys, and names that look alike, have leases of their own', async () => {
  const { leasesOf } = setUp();
  const names = ['backup/payments nightly', 'backup/payments_nightly', 'backup_payments nightly', '../x', 'Größe'];

  const leases = await Promise.all(names.map((name) => leasesOf('a').acquire(name, signal)));

  expect(leases.every((lease) => lease !== undefined)).toBe(true);
  for (const lease of leases) await lease?.[Symbol.asyncDispose]();
});

test('a released lease leaves no timer behind', async () => {
  const { clock, leasesOf } = setUp();
  const lease = await leasesOf('a').acquire('x', signal);

  await lease?.[Symbol.asyncDispose]();

  expect(clock.sleeping).toBe(0);
});

test('a lease is given back even when its last renewal arrived without an answer', async () => {
  const { clock, store, leasesOf } = setUp();
  const lease = await leasesOf('a').acquire('x', signal);
  const original = store.putIfAbsent.bind(store);
  store.putIfAbsent = async (key, bytes, from) => {
    await original(key, bytes, from);
    throw new Error('no answer');
  };
  await clock.advance(ttlMs / 3);
  store.putIfAbsent = original;

  await lease?.[Symbol.asyncDispose]();
  await using next = await leasesOf('b').acquire('x', signal);

  expect(next).toBeDefined();
});
