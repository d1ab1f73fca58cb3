import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { acquireAll, acquireJointly } from '../../../src/jobs/joint-lock.ts';
import { Leases } from '../../../src/jobs/lease.ts';
import { ownIdentity } from '../../../src/jobs/process-identity.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { MemoryStore } from '../../support/memory-store.ts';

const signal = new AbortController().signal;

async function leasesOn(store: Pick<ObjectStore, 'list' | 'get' | 'putIfAbsent' | 'delete'>, ttlMs = 60_000) {
  return new Leases({ store, clock: systemClock, holder: await ownIdentity(), ttlMs });
}

const away: ObjectStore = new Proxy(new MemoryStore(), {
  get: () => () => {
    throw new Error('HTTP 503');
  },
});

test('whoever holds one of the stores keeps everybody else out', async () => {
  const [a, b] = [await leasesOn(new MemoryStore()), await leasesOn(new MemoryStore())];
  await using _other = await b.acquire('backup/shop', signal);

  const lock = await acquireJointly([a, b], 'backup/shop', signal);

  expect(lock).toBeUndefined();
  await using again = await a.acquire('backup/shop', signal);
  expect(again).toBeDefined();
});

test('a store that is away does not hinder the lock of the others', async () => {
  const memory = new MemoryStore();

  await using lock = await acquireJointly([await leasesOn(away), await leasesOn(memory)], 'backup/shop', signal);

  expect(lock).toBeDefined();
  expect(await (await leasesOn(memory)).acquire('backup/shop', signal)).toBeUndefined();
});

test('when every store is away the failure is told', async () => {
  const leases = [await leasesOn(away), await leasesOn(away)];

  await expect(acquireJointly(leases, 'backup/shop', signal)).rejects.toThrow('HTTP 503');
});

test('the lock is lost with the last of its leases, not with the first', async () => {
  const [a, b] = [new MemoryStore(), new MemoryStore()];
  await using lock = await acquireJointly([await leasesOn(a, 300), await leasesOn(b, 300)], 'backup/shop', signal);
  const breakDown = (memory: MemoryStore) => {
    memory.putIfAbsent = () => Promise.reject(new Error('HTTP 503'));
  };

  breakDown(a);
  await new Promise((resolve) => setTimeout(resolve, 700));
  const afterOne = lock?.signal.aborted;
  await lock?.check(signal);
  breakDown(b);
  await new Promise((resolve) => setTimeout(resolve, 700));

  expect(afterOne).toBe(false);
  expect(lock?.signal.aborted).toBe(true);
  await expect(lock?.check(signal)).rejects.toMatchObject({ reason: 'locked' });
});

test('of several locks all are taken or none', async () => {
  const leases = await leasesOn(new MemoryStore());
  const take = (name: string) => () => leases.acquire(name, signal);
  await using _other = await leases.acquire('prune/shop', signal);

  const none = await acquireAll([take('backup/shop'), take('prune/shop')]);
  await using both = await acquireAll([take('backup/shop'), take('backup/crm')]);

  expect(none).toBeUndefined();
  expect(both).toBeDefined();
});
