import type { Sample } from '../core/metric.ts';

/**
 * Samples of one target, which the writer gives its name as first label `target`. `undefined`: the daemon's own, which
 * carry all their labels themselves.
 */
export interface SampleGroup {
  readonly target: string | undefined;
  readonly samples: readonly Sample[];
}

/** What the last scrape of a target showed. */
export interface TargetState {
  readonly name: string;
  readonly engine: string;
  /** Undefined until it was scraped for the first time. */
  readonly up: boolean | undefined;
  /** Why it is not up, for people. */
  readonly reason?: string;
  readonly lastScrapeAt?: Date;
}

export interface ScrapeRequest {
  /** Names; all targets when absent. Unknown ones give nothing. */
  readonly targets?: readonly string[];
  /** Whoever asked is gone: nothing more is to be done for them. */
  readonly signal: AbortSignal;
  /** From now until the answer must stand, in milliseconds. */
  readonly deadlineMs: number;
}

/** Asks the targets. Disposing closes all sessions. */
export interface Scraper extends AsyncDisposable {
  readonly targets: readonly { readonly name: string; readonly engine: string }[];
  /** One group per target, in the order of `targets`, with what was there at the deadline. Rejects only when `signal` fires. */
  scrape(request: ScrapeRequest): Promise<readonly SampleGroup[]>;
  states(): readonly TargetState[];
}
