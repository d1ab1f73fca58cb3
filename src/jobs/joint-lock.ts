import type { Leases } from './lease.ts';
import type { JobLock } from './runner.ts';

/**
 * One lock over several stores: held as long as one of its leases is. A store that is away does not hinder work on the
 * others. Two processes that see no store in common may both hold it; then each makes a backup of its own, under another
 * name. Undefined when somebody else holds any of the leases.
 */
export async function acquireJointly(
  leases: readonly Pick<Leases, 'acquire'>[],
  name: string,
  signal: AbortSignal,
): Promise<JobLock | undefined> {
  const held: JobLock[] = [];
  const failures: unknown[] = [];
  // One after the other, always in the same order: two that begin at once do not block each other.
  for (const one of leases) {
    try {
      const lease = await one.acquire(name, signal);
      if (lease === undefined) {
        await release(held);
        return undefined;
      }
      held.push(lease);
    } catch (error) {
      failures.push(error);
    }
    if (signal.aborted) {
      await release(held);
      throw signal.reason;
    }
  }
  if (held.length === 0) throw failures[0];
  return held.length === 1 ? held[0] : new JointLock(held);
}

/** Several different locks, all of them or none: undefined when somebody else holds one. */
export async function acquireAll(
  takers: readonly (() => Promise<JobLock | undefined>)[],
): Promise<AsyncDisposable | undefined> {
  await using stack = new AsyncDisposableStack();
  for (const take of takers) {
    const lock = await take();
    if (lock === undefined) return undefined;
    stack.use(lock);
  }
  return stack.move();
}

class JointLock implements JobLock {
  readonly #held: readonly JobLock[];
  readonly #lost = new AbortController();

  constructor(held: readonly JobLock[]) {
    this.#held = held;
    for (const { signal } of held) signal.addEventListener('abort', () => this.#oneLost(signal), { once: true });
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  async check(signal: AbortSignal): Promise<void> {
    const living = this.#held.filter((lock) => !lock.signal.aborted);
    const answers = await Promise.allSettled(living.map((lock) => lock.check(signal)));
    this.#lost.signal.throwIfAborted();
    if (answers.some(({ status }) => status === 'fulfilled')) return;
    throw answers.find((answer) => answer.status === 'rejected')?.reason;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await release(this.#held);
  }

  #oneLost(signal: AbortSignal): void {
    if (this.#held.every((lock) => lock.signal.aborted)) this.#lost.abort(signal.reason);
  }
}

async function release(held: readonly JobLock[]): Promise<void> {
  await Promise.all(held.map((lock) => lock[Symbol.asyncDispose]()));
}
