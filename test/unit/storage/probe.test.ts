import { expect, test } from 'vitest';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { probeStore } from '../../../src/storage/probe.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import { MemoryStore } from '../../support/memory-store.ts';

const signal = new AbortController().signal;

test('a probe of a good store leaves nothing in it', async () => {
  const memory = new MemoryStore();

  await probeStore(memory, signal);

  expect(memory.objects.size).toBe(0);
});

test.each([
  [0, 'writing an object'],
  [1, 'reading it back'],
  [2, 'listing it'],
  [3, 'refusing to overwrite it'],
  [4, 'deleting it'],
])('when call %i is denied, the probe names the step "%s" and keeps the kind', async (at, step) => {
  const { store } = faultyStore(new MemoryStore(), at, 'denied');

  await expect(probeStore(store, signal)).rejects.toThrow(`${step}: access denied`);
  await expect(probeStore(faultyStore(new MemoryStore(), at, 'denied').store, signal)).rejects.toMatchObject({
    name: 'StoreError',
    kind: 'denied',
  });
});

test.each([1, 2, 3])('a probe that fails at call %i leaves nothing behind', async (at) => {
  const memory = new MemoryStore();

  await probeStore(faultyStore(memory, at, 'unavailable').store, signal).catch(() => undefined);

  expect(memory.objects.size).toBe(0);
});

test('a store that gives back other bytes is told', async () => {
  const { store } = faultyStore(new MemoryStore(), 1, 'bit_flip');

  await expect(probeStore(store, signal)).rejects.toThrow('other bytes came back than were written');
});

test('a service that overwrites in spite of the condition is told', async () => {
  const store = changed({ putIfAbsent: async () => true });

  await expect(probeStore(store, signal)).rejects.toMatchObject({ kind: 'misconfigured' });
  await expect(probeStore(store, signal)).rejects.toThrow('overwrites in spite of If-None-Match');
});

test('a service that says it deleted and did not is told', async () => {
  const store = changed({ delete: async () => undefined });

  await expect(probeStore(store, signal)).rejects.toThrow('deleting it: it is still there');
});

test('a listing that does not show what was written is told', async () => {
  const store = changed({ async *list() {} });

  await expect(probeStore(store, signal)).rejects.toThrow('the listing does not show what was written');
});

function changed(by: Partial<ObjectStore>): ObjectStore {
  return Object.assign(new MemoryStore(), by);
}
