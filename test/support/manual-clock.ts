import type { Clock } from '../../src/core/clock.ts';

interface Sleeper {
  readonly wakeAtMs: number;
  wake(): void;
}

/** Time that passes only by hand. Waits end in their order, and what they start gets its turn before time goes on. */
export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  readonly #sleepers = new Set<Sleeper>();

  constructor(now: string) {
    this.#wallMs = Date.parse(now);
  }

  now(): Date {
    return new Date(this.#wallMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Waits under way: a finished test has none left. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (ms <= 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener('abort', onAbort);
      };
      const sleeper = {
        wakeAtMs: this.#monotonicMs + ms,
        wake: () => {
          end();
          resolve();
        },
      };
      const onAbort = () => {
        end();
        reject(signal?.reason);
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  startTimer(ms: number, onEnd: () => void): () => void {
    const sleeper = {
      wakeAtMs: this.#monotonicMs + Math.max(ms, 0),
      wake: () => {
        this.#sleepers.delete(sleeper);
        onEnd();
      },
    };
    this.#sleepers.add(sleeper);
    return () => void this.#sleepers.delete(sleeper);
  }

  /** Lets `ms` milliseconds pass, wait by wait. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    await this.settle();
    for (let next = this.#nextSleeper(endMs); next !== undefined; next = this.#nextSleeper(endMs)) {
      this.#moveTo(Math.max(this.#monotonicMs, next.wakeAtMs));
      next.wake();
      await this.settle();
    }
    this.#moveTo(endMs);
    await this.settle();
  }

  /** Lets time pass until the given instant of the wall clock. */
  advanceTo(instant: string): Promise<void> {
    return this.advance(Date.parse(instant) - this.#wallMs);
  }

  /** Sets the wall clock, forwards or back, while no time passes: an administrator, NTP, or a suspended machine. */
  setWallClock(instant: string): void {
    this.#wallMs = Date.parse(instant);
  }

  /** Gives everything that is ready its turn. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  #nextSleeper(endMs: number): Sleeper | undefined {
    const [first] = [...this.#sleepers].sort((a, b) => a.wakeAtMs - b.wakeAtMs);
    return first !== undefined && first.wakeAtMs <= endMs ? first : undefined;
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}
