import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import type { StoreSettings } from '../../../src/storage/settings.ts';
import { type FaultyProxy, startFaultyProxy } from '../../support/faulty-proxy.ts';
import { type LeaseHolder, startLeaseHolder } from '../../support/lease-holder.ts';
import { type Moto, startMoto } from '../../support/moto.ts';

/** Long enough for a busy machine to renew in time. */
const ttlMs = 4_000;

let folder: WorkDirectory;
let store: StoreSettings;
beforeEach(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-lease-' });
  store = { type: 'filesystem', path: folder.path };
});
afterEach(() => folder[Symbol.asyncDispose]());

/** Asks again and again until the lease is there; resolves with the milliseconds that took. */
async function acquireInTheEnd(holder: LeaseHolder): Promise<number> {
  const startMs = performance.now();
  while ((await holder.tell('acquire')) !== 'held') {
    if (performance.now() - startMs > 60_000) throw new Error('not acquired within a minute');
    await delay(200);
  }
  return performance.now() - startMs;
}

test('of several processes that start at once one gets the lease, and the next one after it', async () => {
  const holders = await Promise.all([1, 2, 3].map(() => startLeaseHolder(store)));

  const answers = await Promise.all(holders.map(({ tell }) => tell('acquire')));
  const holder = holders[answers.indexOf('held')];
  const released = await holder?.tell('release');
  const next = await startLeaseHolder(store);

  expect(answers.sort()).toEqual(['held', 'refused', 'refused']);
  expect(released).toBe('released');
  expect(await next.tell('acquire')).toBe('held');
});

test('the lease of a process that was killed is free at once on the same machine', async () => {
  const [holder, other] = [await startLeaseHolder(store), await startLeaseHolder(store)];
  expect(await holder.tell('acquire')).toBe('held');
  const before = await other.tell('acquire');

  const ended = once(holder.child, 'exit');
  holder.child.kill('SIGKILL');
  await ended;

  expect(before).toBe('refused');
  expect(await other.tell('acquire')).toBe('held');
});

test('a holder that is stopped past its lease loses it, and learns that before it could commit anything', async () => {
  const [stopped, other] = [await startLeaseHolder(store, { ttlMs }), await startLeaseHolder(store, { ttlMs })];
  expect(await stopped.tell('acquire')).toBe('held');
  expect(await stopped.tell('check')).toBe('confirmed');

  stopped.child.kill('SIGSTOP');
  const waitedMs = await acquireInTheEnd(other);
  stopped.child.kill('SIGCONT');
  const woken = await stopped.tell('check');
  await stopped.tell('release');

  expect(waitedMs).toBeGreaterThan(ttlMs);
  expect(woken).toMatch(/^the lease was lost: /);
  expect(await other.tell('check')).toBe('confirmed');
});

test.each([-60_000, 60_000])(
  'a clock that is off by %i ms takes no lease away, nor keeps an abandoned one',
  async (clockOffsetMs) => {
    const holder = await startLeaseHolder(store, { ttlMs });
    const other = await startLeaseHolder(store, { ttlMs, clockOffsetMs });
    expect(await holder.tell('acquire')).toBe('held');

    const answers = new Set<string>();
    for (const endMs = performance.now() + 2 * ttlMs; performance.now() < endMs; await delay(300)) {
      answers.add(await other.tell('acquire'));
    }
    const stillHeld = await holder.tell('check');
    holder.child.kill('SIGSTOP');
    const waitedMs = await acquireInTheEnd(other);

    expect([...answers]).toEqual(['refused']);
    expect(stillHeld).toBe('confirmed');
    expect(waitedMs).toBeGreaterThan(ttlMs / 2);
  },
);

describe('on a service without conditional writes', () => {
  let moto: Moto;
  const proxies: FaultyProxy[] = [];
  beforeAll(async () => {
    moto = await startMoto();
    proxies.push(await startFaultyProxy(moto.endpoint, () => 'ignore_condition'));
    proxies.push(
      await startFaultyProxy(moto.endpoint, ({ isConditional }) => (isConditional ? { status: 501 } : undefined)),
    );
  });
  afterAll(async () => {
    for (const one of [...proxies, moto]) await one[Symbol.asyncDispose]();
  });

  test.each([
    ['ignores', 0],
    ['refuses', 1],
  ])('that %s the condition, of several processes at once one gets the lease, round for round', async (_, proxy) => {
    const settings = moto.settings(await moto.makeBucket(), proxies[proxy]?.endpoint);
    const auto: StoreSettings = { ...settings, conditionalWrites: 'auto' };
    const holders = await Promise.all(['a', 'b', 'c'].map(() => startLeaseHolder(auto)));
    const rounds: string[] = [];

    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(holders.map(({ tell }) => tell('acquire')));
      rounds.push([...answers].sort().join(' '));
      const index = answers.indexOf('held');
      const [holder] = holders.splice(index, 1);
      expect(await holder?.tell('check')).toBe('confirmed');
      expect(await holder?.tell('release')).toBe('released');
    }

    expect(rounds).toEqual(['held refused refused', 'held refused', 'held']);
  });

  test('a stopped holder loses its lease there as well', async () => {
    const settings = moto.settings(await moto.makeBucket(), proxies[0]?.endpoint);
    const auto: StoreSettings = { ...settings, conditionalWrites: 'auto' };
    const [stopped, other] = [await startLeaseHolder(auto, { ttlMs }), await startLeaseHolder(auto, { ttlMs })];
    expect(await stopped.tell('acquire')).toBe('held');

    stopped.child.kill('SIGSTOP');
    await acquireInTheEnd(other);
    stopped.child.kill('SIGCONT');

    expect(await stopped.tell('check')).toMatch(/^the lease was lost: /);
    expect(await other.tell('check')).toBe('confirmed');
  });
});
