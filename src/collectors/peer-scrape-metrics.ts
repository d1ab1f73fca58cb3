import { type Metric, type Sample, sample } from '../core/metric.ts';
import type { FamilyResult } from './family.ts';

/** How the exporter whose names an engine keeps tells of its scrapes: dashboards and alerts know these. */
export interface PeerScrapeMetrics {
  /** Not every exporter has families. */
  readonly collectorSuccess?: Metric<'collector'>;
  readonly collectorDuration?: Metric<'collector'>;
  /** 1 when the target is down or any family failed. */
  readonly lastScrapeError: Metric<never>;
  readonly lastScrapeDuration: Metric<never>;
  readonly scrapes: Metric<never>;
}

/** One scrape of one target as the page tells it. */
export interface ScrapeSummary {
  readonly up: boolean;
  readonly durationSeconds: number;
  /** Scrapes of the target since the start of the daemon, this one included. */
  readonly scrapes: number;
  readonly results: readonly (Pick<FamilyResult, 'success' | 'durationSeconds'> & { readonly collector: string })[];
}

export function peerScrapeSamples(peer: PeerScrapeMetrics, summary: ScrapeSummary): Sample[] {
  const { up, durationSeconds, scrapes, results } = summary;
  const { collectorSuccess, collectorDuration } = peer;
  const isGood = up && results.every(({ success }) => success);
  return [
    sample(peer.lastScrapeError, isGood ? 0 : 1, {}),
    sample(peer.lastScrapeDuration, durationSeconds, {}),
    sample(peer.scrapes, scrapes, {}),
    ...results.flatMap(({ collector, ...result }) => [
      ...(collectorSuccess === undefined ? [] : [sample(collectorSuccess, result.success ? 1 : 0, { collector })]),
      ...(collectorDuration === undefined ? [] : [sample(collectorDuration, result.durationSeconds, { collector })]),
    ]),
  ];
}
