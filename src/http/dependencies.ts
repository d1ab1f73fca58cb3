import type { Scraper } from '../collectors/scraper.ts';
import type { AnsweredRequest } from '../collectors/self-metrics.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { Sample } from '../core/metric.ts';

/** UNKNOWN: nobody has looked yet. */
export type HealthStatus = 'UP' | 'DOWN' | 'UNKNOWN';

/** One line of `/health/ready`. */
export interface HealthCheck {
  readonly name: string;
  readonly status: HealthStatus;
  /** Anything JSON can hold; no secrets, everybody who reaches the port reads it. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Whether the daemon itself cannot work while this is DOWN. A store or a database that is away is not its fault. */
  readonly essential: boolean;
}

/** One lineage on the landing page. */
export interface KeepingRow {
  readonly target: string;
  readonly schedule: string;
  readonly database: string;
  /** When the newest complete backup was taken. */
  readonly lastSuccessAt?: Date | undefined;
  /** When a backup was last proven restorable. */
  readonly lastProofAt?: Date | undefined;
  /** Of the last verification, in words: `proven`, `failed`, `inconclusive`; absent when there was none. */
  readonly verdict?: string | undefined;
  readonly nextDueAt?: Date | undefined;
  /** What is being done at present: `backup`, `verify`, `prune`. */
  readonly running?: string | undefined;
}

export type ReloadReport =
  | { readonly ok: true; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * What the pages are made of. What a reload may exchange is asked for anew with every request.
 */
export interface AppDependencies {
  scraper(): Scraper;
  /** Of the daemon itself, for `/metrics`; when it throws, the page is served without them. */
  ownSamples(): readonly Sample[] | Promise<readonly Sample[]>;
  /** Of the daemon; the watched targets are added from the scraper. */
  checks(): readonly HealthCheck[];
  reload(): Promise<ReloadReport>;
  keeping(): readonly KeepingRow[];
  /** The longest a scrape may take, in milliseconds. */
  scrapeTimeoutMs(): number;
  /** Told of each answer, for the metrics. */
  requestAnswered?(request: AnsweredRequest): void;
  readonly log: Log;
  readonly clock: Clock;
  readonly version: string;
}
