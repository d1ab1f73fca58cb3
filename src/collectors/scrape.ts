import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { mapLimit } from '../core/map-limit.ts';
import { Allowance } from './cloudwatch/allowance.ts';
import { type WatchedTarget, watchTarget } from './engines.ts';
import type { SampleGroup, ScrapeRequest, Scraper } from './scraper.ts';
import type { AnyTargetScrape } from './target-scrape.ts';

export interface ScraperOptions {
  readonly targets: readonly WatchedTarget[];
  readonly clock: Clock;
  readonly log: Log;
  /** Targets asked at the same time by one request. */
  readonly concurrency: number;
  /** US dollars that CloudWatch may cost in 31 days for all targets together; absent: only each has its own limit. */
  readonly cloudwatchMonthlyLimit?: number;
}

/** Connects to nothing until the first scrape. */
export function createScraper(options: ScraperOptions): Scraper {
  return new TargetsScraper(options);
}

class TargetsScraper implements Scraper {
  readonly targets: Scraper['targets'];
  readonly #scrapes: readonly AnyTargetScrape[];
  readonly #options: ScraperOptions;

  constructor(options: ScraperOptions) {
    this.#options = options;
    this.targets = options.targets.map(({ name, engine }) => ({ name, engine }));
    const { clock, log, cloudwatchMonthlyLimit: limit } = options;
    const cloudwatchAllowance = limit === undefined ? undefined : new Allowance(limit, clock);
    this.#scrapes = options.targets.map((target) => watchTarget(target, { clock, log, cloudwatchAllowance }));
  }

  async scrape({ targets, signal, deadlineMs }: ScrapeRequest): Promise<readonly SampleGroup[]> {
    const { clock, log, concurrency } = this.#options;
    const endsAtMs = clock.monotonicMs() + deadlineMs;
    const asked = this.#scrapes.filter(({ state }) => targets?.includes(state.name) ?? true);
    return mapLimit(asked, concurrency, async (scrape) => {
      const leftMs = endsAtMs - clock.monotonicMs();
      if (leftMs > 0)
        return { target: scrape.state.name, samples: await scrape.scrape({ signal, deadlineMs: leftMs }) };
      log.warn(
        { target: scrape.state.name, concurrency },
        'target not asked: no time left, too many before it are slow',
      );
      return { target: scrape.state.name, samples: [] };
    });
  }

  states() {
    return this.#scrapes.map(({ state }) => state);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#scrapes.map((scrape) => scrape[Symbol.asyncDispose]()));
  }
}
