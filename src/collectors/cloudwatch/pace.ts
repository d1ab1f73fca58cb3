import type { Clock } from '../../core/clock.ts';

/** Calls that may be made at once. */
const burst = 10;

/** Spreads calls over time, because AWS allows few of some kinds for each second. */
export class Pace {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #nextMs = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number, clock: Clock) {
    this.#clock = clock;
    this.#intervalMs = 1_000 / perSecond;
  }

  /** Resolves when the next call may be made. */
  async turn(signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const atMs = Math.max(this.#nextMs, nowMs - burst * this.#intervalMs) + this.#intervalMs;
    this.#nextMs = atMs;
    if (atMs > nowMs) await this.#clock.sleep(atMs - nowMs, signal);
    else signal.throwIfAborted();
  }
}
