import type { Clock } from '../../core/clock.ts';
import type { CloudwatchSettings } from './settings.ts';

export const secondsPerMonth = 31 * 86_400;
const secondsPerHour = 3_600;

/**
 * Requests that cost money, and how many may still be made. The limit of a month grows back evenly, an hour's share can be
 * saved up; so no 31 days cost more than the limit, however often the daemon starts (each start may add an hour's share).
 */
export class CloudwatchBudget {
  readonly #clock: Clock;
  readonly #pricePerRequest: number;
  readonly #perSecond: number;
  readonly #capacity: number;
  readonly #billed = new Map<string, number>();
  #left: number;
  #atMs: number;
  #refused = 0;

  constructor({ monthlyLimit, pricePerThousand }: CloudwatchSettings, clock: Clock) {
    this.#clock = clock;
    this.#pricePerRequest = pricePerThousand / 1_000;
    const perMonth = monthlyLimit / this.#pricePerRequest;
    this.#capacity = perMonth / (secondsPerMonth / secondsPerHour);
    // What may be saved up is part of the limit, not beside it.
    this.#perSecond = (perMonth - this.#capacity) / secondsPerMonth;
    this.#left = this.#capacity;
    this.#atMs = clock.monotonicMs();
  }

  /** Requests that were made, by call of the API. */
  get billed(): ReadonlyMap<string, number> {
    return this.#billed;
  }

  /** Requests that were not made because of the limit. */
  get refused(): number {
    return this.#refused;
  }

  /** US dollars since the start of the daemon. */
  get spent(): number {
    return [...this.#billed.values()].reduce((sum, count) => sum + count, 0) * this.#pricePerRequest;
  }

  /** US dollars for so many requests each second, all month. */
  monthlyCost(requestsPerSecond: number): number {
    return requestsPerSecond * secondsPerMonth * this.#pricePerRequest;
  }

  /** Requests that may be made now. */
  get left(): number {
    const nowMs = this.#clock.monotonicMs();
    this.#left = Math.min(this.#capacity, this.#left + ((nowMs - this.#atMs) / 1_000) * this.#perSecond);
    this.#atMs = nowMs;
    return Math.floor(this.#left);
  }

  /** Notes requests that are about to be made. False, and nothing noted, when that would pass the limit. */
  take(call: string, requests: number): boolean {
    if (requests > this.left) {
      this.refuse(requests);
      return false;
    }
    this.#left -= requests;
    this.#billed.set(call, (this.#billed.get(call) ?? 0) + requests);
    return true;
  }

  refuse(requests: number): void {
    this.#refused += requests;
  }
}
