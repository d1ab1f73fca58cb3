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
  /** A summary of how long scrapes took. */
  readonly durations?: Metric<never>;
  /** Of the last login that succeeded. */
  readonly connectTime?: Metric<never>;
}

/** One scrape of one target as the page tells it. */
export interface ScrapeSummary {
  readonly up: boolean;
  readonly durationSeconds: number;
  /** Scrapes of the target since the start of the daemon, this one included. */
  readonly scrapes: number;
  /** Pages that were asked for since then, and the seconds that they took together; this one included. */
  readonly pages: { readonly count: number; readonly seconds: number };
  /** Undefined before the first login. */
  readonly loginSeconds: number | undefined;
  readonly results: readonly (Pick<FamilyResult, 'success' | 'durationSeconds'> & { readonly collector: string })[];
}

export function peerScrapeSamples(peer: PeerScrapeMetrics, summary: ScrapeSummary): Sample[] {
  const { up, durationSeconds, scrapes, pages, loginSeconds, results } = summary;
  const { collectorSuccess, collectorDuration, durations, connectTime } = peer;
  const isGood = up && results.every(({ success }) => success);
  return [
    sample(peer.lastScrapeError, isGood ? 0 : 1, {}),
    sample(peer.lastScrapeDuration, durationSeconds, {}),
    sample(peer.scrapes, scrapes, {}),
    ...(durations === undefined ? [] : summarySamples(durations, pages)),
    ...(connectTime === undefined || loginSeconds === undefined ? [] : [sample(connectTime, loginSeconds, {})]),
    ...results.flatMap(({ collector, ...result }) => [
      ...(collectorSuccess === undefined ? [] : [sample(collectorSuccess, result.success ? 1 : 0, { collector })]),
      ...(collectorDuration === undefined ? [] : [sample(collectorDuration, result.durationSeconds, { collector })]),
    ]),
  ];
}

function summarySamples(of: Metric<never>, { count, seconds }: ScrapeSummary['pages']): Sample[] {
  return [
    { metric: of, labelValues: [], suffix: '_sum', value: seconds },
    { metric: of, labelValues: [], suffix: '_count', value: count },
  ];
}
