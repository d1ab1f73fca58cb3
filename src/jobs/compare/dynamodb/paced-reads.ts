import type { Clock } from '../../../core/clock.ts';
import { AwsFailure } from '../../../targets/aws/failure.ts';
import type { DynamodbItems, GetRequest, Item, ItemPage, ScanRequest } from '../../../targets/dynamodb/items.ts';

/** What may be read was read. */
export class OutOfReadUnits extends Error {
  override readonly name = 'OutOfReadUnits';
}

const firstPauseMs = 500;
const longestPauseMs = 20_000;

/**
 * Reads items within a limit of read capacity units. Where the capacity of a table is provisioned, at most half of it is
 * taken on average, so that applications have the rest; where DynamoDB throttles, the request waits, longer each time.
 */
export class PacedReads {
  readonly #items: DynamodbItems;
  readonly #limitUnits: number;
  readonly #clock: Clock;
  #usedUnits = 0;

  constructor(items: DynamodbItems, given: { readonly limitUnits: number; readonly clock: Clock }) {
    this.#items = items;
    this.#limitUnits = given.limitUnits;
    this.#clock = given.clock;
  }

  get usedUnits(): number {
    return this.#usedUnits;
  }

  get leftUnits(): number {
    return Math.max(0, this.#limitUnits - this.#usedUnits);
  }

  /** `unitsPerSecond`: what is taken at most on average; undefined: no limit. Rejects with {@link OutOfReadUnits}. */
  async scan(request: ScanRequest, unitsPerSecond: number | undefined, signal: AbortSignal): Promise<ItemPage> {
    const page = await this.#withoutHaste(signal, () => this.#items.scan(request, signal));
    await this.#pay(page.units, unitsPerSecond, signal);
    return page;
  }

  /** All of the keys, however often DynamoDB has to be asked. */
  async get(request: GetRequest, unitsPerSecond: number | undefined, signal: AbortSignal): Promise<readonly Item[]> {
    const found: Item[] = [];
    let keys = request.keys;
    for (let pauseMs = firstPauseMs; keys.length > 0; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      const asked = keys;
      const got = await this.#withoutHaste(signal, () => this.#items.get({ ...request, keys: asked }, signal));
      found.push(...got.items);
      await this.#pay(got.units, unitsPerSecond, signal);
      keys = got.unprocessed;
      if (keys.length === asked.length) await this.#clock.sleep(pauseMs, signal);
    }
    return found;
  }

  async #withoutHaste<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    if (this.leftUnits === 0) {
      throw new OutOfReadUnits(`${this.#limitUnits} read units were used; --max-read-units allows more`);
    }
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof AwsFailure) || error.kind !== 'throttled') throw error;
        await this.#clock.sleep(pauseMs, signal);
      }
    }
  }

  async #pay(units: number, unitsPerSecond: number | undefined, signal: AbortSignal): Promise<void> {
    this.#usedUnits += units;
    if (unitsPerSecond !== undefined && units > 0) await this.#clock.sleep((units / unitsPerSecond) * 1_000, signal);
  }
}
