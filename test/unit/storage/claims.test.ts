import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { withClaims } from '../../../src/storage/claims.ts';
import { type ObjectStore, passingOn } from '../../../src/storage/object-store.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { describeObjectStore } from '../../support/object-store-contract.ts';

const signal = new AbortController().signal;

/** A store that takes everything, as a service that does not know conditions; every call takes a moment of its own. */
function overwriting(memory: MemoryStore): ObjectStore {
  const moment = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
  const put: ObjectStore['put'] = async (key, body, from) => {
    await moment();
    await memory.delete(key, from);
    const stored = await memory.put(key, body, from);
    await moment();
    return stored;
  };
  return {
    ...passingOn(memory),
    put,
    putIfAbsent: async (key, bytes, from) => (await put(key, bytes, from)) !== undefined,
    async head(key, from) {
      await moment();
      return memory.head(key, from);
    },
  };
}

describeObjectStore('with claims over one that overwrites', async () =>
  withClaims(overwriting(new MemoryStore()), systemClock),
);

test('in fifty rounds no two of five writers win the same key, and no claim is left', async () => {
  const memory = new MemoryStore();
  const writers = Array.from({ length: 5 }, () => withClaims(overwriting(memory), systemClock));

  const rounds = Array.from({ length: 50 }, async (_, round) => {
    const key = `.leases/x/${round}`;
    const wins = await Promise.all(writers.map((store, own) => store.putIfAbsent(key, Buffer.from(`${own}`), signal)));
    return { winners: wins.filter((won) => won).length, holds: wins[Number(memory.objects.get(key)?.bytes)] };
  });

  expect(await Promise.all(rounds)).toEqual(Array(50).fill({ winners: 1, holds: true }));
  expect([...memory.objects.keys()].filter((key) => key.startsWith('.claims/'))).toEqual([]);
});

test('the claim of a process that was killed hinders for two minutes, then it is removed', async () => {
  const memory = new MemoryStore();
  const store = withClaims(memory, systemClock);
  const claim = '.claims/.leases_x_1/0000000000000000';
  const claimed = (ageMs: number) =>
    memory.objects.set(claim, { bytes: Buffer.from('claim'), modifiedAt: new Date(Date.now() - ageMs) });

  claimed(119_000);
  const early = new AbortController();
  const waiting = store.putIfAbsent('.leases/x/1', Buffer.from('mine'), early.signal);
  await new Promise((resolve) => setTimeout(resolve, 500));
  early.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  claimed(121_000);
  const late = await store.putIfAbsent('.leases/x/1', Buffer.from('mine'), signal);

  expect(late).toBe(true);
  expect([...memory.objects.keys()]).toEqual(['.leases/x/1']);
});
