import type { Clock } from '../../core/clock.ts';
import { Allowance, secondsPerMonth } from './allowance.ts';
import type { CloudwatchSettings } from './settings.ts';

/** Requests of one target that cost money, and how many may still be made. */
export class CloudwatchBudget {
  readonly #pricePerRequest: number;
  readonly #own: Allowance;
  readonly #common: Allowance | undefined;
  readonly #billed = new Map<string, number>();
  #refused = 0;

  /** `common` are the US dollars of all targets together; absent where nothing limits these. */
  constructor({ monthlyLimit, pricePerThousand }: CloudwatchSettings, clock: Clock, common?: Allowance) {
    this.#pricePerRequest = pricePerThousand / 1_000;
    this.#own = new Allowance(monthlyLimit / this.#pricePerRequest, clock);
    this.#common = common;
  }

  /** US dollars that all targets together may cost in 31 days; undefined where nothing limits them. */
  get commonMonthlyLimit(): number | undefined {
    return this.#common?.perMonth;
  }

  /** Requests that were made, by call of the API. */
  get billed(): ReadonlyMap<string, number> {
    return this.#billed;
  }

  /** Requests that were not made because of a limit. */
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
    const ofAll = this.#common === undefined ? Number.POSITIVE_INFINITY : this.#common.left / this.#pricePerRequest;
    return Math.floor(Math.min(this.#own.left, ofAll));
  }

  /** Notes requests that are about to be made. False, and nothing noted, when that would pass a limit. */
  take(call: string, requests: number): boolean {
    if (requests > this.left) {
      this.refuse(requests);
      return false;
    }
    this.#own.take(requests);
    this.#common?.take(requests * this.#pricePerRequest);
    this.#billed.set(call, (this.#billed.get(call) ?? 0) + requests);
    return true;
  }

  refuse(requests: number): void {
    this.#refused += requests;
  }
}
