import { expect, test } from 'vitest';
import { type Look, Refreshed } from '../../../src/collectors/refreshed.ts';
import { silentLog } from '../../../src/core/log.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { testSignal } from '../../support/test-context.ts';

/** Looks every minute and gives values out for three. */
function setUp(look: (number: number) => Promise<Look<string>>) {
  const clock = new ManualClock('2026-11-21T12:00:00Z');
  let looks = 0;
  const refreshed = new Refreshed<string>({
    what: 'it',
    look: () => look(++looks),
    nextInMs: () => 60_000,
    shownMs: 180_000,
    clock,
    log: silentLog,
  });
  const signal = testSignal();
  return { clock, refreshed, read: () => refreshed.read(signal), looks: () => looks };
}

test('the first reader waits for the first look, the others take what is there', async () => {
  const { clock, refreshed, read, looks } = setUp(async (number) => ({ value: `look ${number}` }));
  await using _ended = refreshed;

  expect(await read()).toEqual({ value: 'look 1' });
  expect(await read()).toEqual({ value: 'look 1' });
  await clock.advance(60_000);
  expect(await read()).toEqual({ value: 'look 2' });
  expect(looks()).toBe(2);
});

test('a first look that takes too long is told, and goes on', async () => {
  const slow = Promise.withResolvers<Look<string>>();
  const { clock, refreshed, read } = setUp(() => slow.promise);
  await using _ended = refreshed;
  const first = read();
  const told = expect(first).rejects.toThrow('the first look at it took longer than 5000 ms');
  await clock.advance(5_000);
  await told;

  slow.resolve({ value: 'late' });
  await clock.settle();

  expect(await read()).toEqual({ value: 'late' });
});

test('a look that fails is told beside the last value, which is given out until it is too old', async () => {
  const failure = new Error('no answer');
  const { clock, refreshed, read } = setUp(async (number) => {
    if (number > 1) throw failure;
    return { value: 'good' };
  });
  await using _ended = refreshed;
  await read();
  await clock.advance(60_000);
  expect(await read()).toEqual({ value: 'good', failure });

  await clock.advance(60_000);
  await clock.advance(60_001);

  await expect(read()).rejects.toBe(failure);
});

test('when nobody asks for a quarter of an hour looking stops, until somebody asks again', async () => {
  const { clock, refreshed, read, looks } = setUp(async (number) => ({ value: `look ${number}` }));
  await using _ended = refreshed;
  await read();
  for (let minute = 0; minute < 60; minute++) await clock.advance(60_000);
  const before = looks();
  expect(before).toBe(16);
  expect(clock.sleeping).toBe(0);

  expect(await read()).toEqual({ value: `look ${before + 1}` });
  expect(looks()).toBe(before + 1);
});

test('the end of it ends the waiting between two looks', async () => {
  const { clock, refreshed, read } = setUp(async () => ({ value: 'x' }));
  await read();
  await refreshed[Symbol.asyncDispose]();

  expect(clock.sleeping).toBe(0);
  await expect(read()).rejects.toThrow('looking at it has ended');
});
