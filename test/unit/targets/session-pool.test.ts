import { expect, test } from 'vitest';
import { type PooledSession, SessionPool } from '../../../src/targets/session-pool.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { testSignal } from '../../support/test-context.ts';

class NumberedSession implements PooledSession {
  readonly number: number;
  usable = true;
  closed = false;

  constructor(number: number) {
    this.number = number;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.usable = false;
    this.closed = true;
  }
}

/** Logs in at once, unless `refusal` says why not; `hang` waits until the login is given up. */
function poolOf(clock: ManualClock, size = 2) {
  const server = {
    refusal: undefined as string | undefined,
    hang: false,
    sessions: [] as NumberedSession[],
    attempts: 0,
  };
  const pool = new SessionPool<NumberedSession>({
    async open(signal) {
      server.attempts++;
      if (server.hang) await clock.sleep(60_000, signal);
      if (server.refusal !== undefined) throw new Error(server.refusal);
      const session = new NumberedSession(server.sessions.length + 1);
      server.sessions.push(session);
      return session;
    },
    classify: (error) => (error instanceof Error && error.message === 'wrong password' ? 'authentication' : 'timeout'),
    size,
    loginIntervalMs: 60_000,
    loginTimeoutMs: 3_000,
    clock,
  });
  return { pool, server };
}

test('a session is used again by the next scrape', async () => {
  const { pool, server } = poolOf(new ManualClock('2026-03-02T09:00:00Z'));
  const signal = testSignal();

  const first = await pool.acquire(signal);
  pool.release(first);
  const second = await pool.acquire(signal);

  expect(second).toBe(first);
  expect(server.attempts).toBe(1);
});

test('a new login takes the place of the oldest session when the interval is over', async () => {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const { pool, server } = poolOf(clock);
  const signal = testSignal();
  const both = [await pool.acquire(signal), await pool.acquire(signal)];
  for (const session of both.reverse()) pool.release(session);

  await clock.advance(60_000);
  await pool.proveLogin(signal);

  expect(server.sessions.map(({ closed }) => closed)).toEqual([true, false, false]);
  expect((await pool.acquire(signal)).number).toBe(3);
});

test('within the interval no login is tried', async () => {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const { pool, server } = poolOf(clock);
  const signal = testSignal();
  await pool.proveLogin(signal);

  await clock.advance(59_999);
  const proof = await pool.proveLogin(signal);

  expect(proof).toBe('recent');
  expect(server.attempts).toBe(1);
});

test('when a new login is refused that is told, and the old sessions go on', async () => {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const { pool, server } = poolOf(clock);
  const signal = testSignal();
  await pool.proveLogin(signal);

  await clock.advance(60_000);
  server.refusal = 'wrong password';
  const proof = pool.proveLogin(signal);

  await expect(proof).rejects.toThrow('wrong password');
  expect((await pool.acquire(signal)).number).toBe(1);
  expect([...pool.loginFailures]).toEqual([['authentication', 1]]);
});

test('a server that refuses is tried less and less often, and each time in between the last answer is given at once', async () => {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const { pool, server } = poolOf(clock);
  const signal = testSignal();
  server.refusal = 'wrong password';

  for (let second = 0; second < 60; second++) {
    await expect(pool.proveLogin(signal)).rejects.toThrow('wrong password');
    await clock.advance(1_000);
  }

  // At 0, 1, 3, 7, 15, 30 and 45 s.
  expect(server.attempts).toBe(7);
});

test('a server that is back is noticed at the next try, and the next failure waits briefly again', async () => {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const { pool, server } = poolOf(clock);
  const signal = testSignal();
  server.refusal = 'wrong password';
  await expect(pool.proveLogin(signal)).rejects.toThrow();
  server.refusal = undefined;

  await clock.advance(1_000);
  const proof = await pool.proveLogin(signal);

  expect(proof).toBe('new');
});

test('a login that gets no answer is given up, whoever waits for it', async () => {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const { pool, server } = poolOf(clock);
  server.hang = true;

  const proof = expect(pool.proveLogin(testSignal())).rejects.toThrow('logging in took longer than 3000 ms');
  await clock.advance(3_000);

  await proof;
  expect([...pool.loginFailures]).toEqual([['timeout', 1]]);
  expect(clock.sleeping).toBe(0);
});

test('a server that gave no answer last time is not waited for again, yet noticed when it answers', async () => {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const { pool, server } = poolOf(clock);
  const signal = testSignal();
  server.hang = true;
  const first = expect(pool.proveLogin(signal)).rejects.toThrow('logging in took longer than 3000 ms');
  await clock.advance(4_000);
  await first;

  const second = expect(pool.proveLogin(signal)).rejects.toThrow('logging in took longer than 3000 ms');
  await clock.advance(250);
  await second;
  await clock.advance(60_000);
  server.hang = false;

  expect(await pool.proveLogin(signal)).toBe('new');
  expect([...pool.loginFailures]).toEqual([['timeout', 2]]);
});

test('whoever leaves does not end a login that others may use', async () => {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const { pool, server } = poolOf(clock);
  server.hang = true;
  const impatient = new AbortController();

  const left = expect(pool.proveLogin(impatient.signal)).rejects.toThrow('no time');
  impatient.abort(new Error('no time'));
  await left;
  const stayed = expect(pool.proveLogin(testSignal())).rejects.toThrow('logging in');
  await clock.advance(3_000);

  await stayed;
  expect(server.attempts).toBe(1);
});

test('a broken session is not handed out again', async () => {
  const { pool } = poolOf(new ManualClock('2026-03-02T09:00:00Z'));
  const signal = testSignal();
  const first = await pool.acquire(signal);

  first.usable = false;
  pool.release(first);
  const second = await pool.acquire(signal);

  expect(second.number).toBe(2);
  expect(first.closed).toBe(true);
});

test('disposing closes every session and gives up the login under way', async () => {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const { pool, server } = poolOf(clock);
  const signal = testSignal();
  pool.release(await pool.acquire(signal));
  server.hang = true;
  await clock.advance(60_000);
  const proof = expect(pool.proveLogin(signal)).rejects.toThrow('being closed');

  await pool[Symbol.asyncDispose]();

  await proof;
  expect(server.sessions.map(({ closed }) => closed)).toEqual([true]);
  expect(clock.sleeping).toBe(0);
});
