import type { Metric } from '../core/metric.ts';
import type { PooledSession, Sessions } from '../targets/session-pool.ts';
import type { Collector } from './collector.ts';
import type { DatabaseWatch } from './databases.ts';
import type { PeerScrapeMetrics } from './peer-scrape-metrics.ts';

/** How one target is watched, whatever its engine. `S` is what the families read from. */
export interface Watch<P extends PooledSession, S> {
  readonly name: string;
  readonly engine: string;
  /** The families that are switched on. */
  readonly collectors: readonly Collector<S>[];
  readonly sessions: Sessions<P>;
  /** Families that are collected at the same time: the number of sessions. */
  readonly concurrency: number;
  sourceOf(session: P): S;
  /** A family that takes longer loses its session: later than the server's own statement timeout. */
  readonly familyTimeoutMs: number;
  /** For engines whose servers hold several databases: how those of scope `database` are collected in each. */
  readonly databases?: DatabaseWatch<P, S>;
  /** `pg_up` and the like. */
  readonly up: Metric<never>;
  /** What is told of each scrape under names that the engine's dashboards know. */
  readonly peer?: PeerScrapeMetrics;
}
