import type { Clock } from '../../core/clock.ts';

export const secondsPerMonth = 31 * 86_400;
const secondsPerHour = 3_600;

/**
 * Something of which there is so much in 31 days. It grows back evenly, and an hour's share can be saved up; so no 31 days
 * take more, however often it is made anew (each time may add an hour's share).
 */
export class Allowance {
  /** In 31 days. */
  readonly perMonth: number;
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #capacity: number;
  #left: number;
  #atMs: number;

  constructor(perMonth: number, clock: Clock) {
    this.perMonth = perMonth;
    this.#clock = clock;
    this.#capacity = perMonth / (secondsPerMonth / secondsPerHour);
    // What may be saved up is part of the limit, not beside it.
    this.#perSecond = (perMonth - this.#capacity) / secondsPerMonth;
    this.#left = this.#capacity;
    this.#atMs = clock.monotonicMs();
  }

  /** What may be taken now. */
  get left(): number {
    const nowMs = this.#clock.monotonicMs();
    this.#left = Math.min(this.#capacity, this.#left + ((nowMs - this.#atMs) / 1_000) * this.#perSecond);
    this.#atMs = nowMs;
    return this.#left;
  }

  /** Notes that so much is taken; ask for {@link left} first. */
  take(amount: number): void {
    this.#left = this.left - amount;
  }
}
