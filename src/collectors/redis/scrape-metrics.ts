import { metric } from '../../core/metric.ts';
import type { PeerScrapeMetrics } from '../peer-scrape-metrics.ts';

/** What redis_exporter tells of its scrapes. */
export const redisScrapeMetrics: PeerScrapeMetrics = {
  lastScrapeError: metric({
    name: 'redis_exporter_last_scrape_error',
    type: 'gauge',
    help: '1 when the target is down or any family failed in this scrape. Without the text of the error, which redis_exporter puts into the label err: the log has it.',
    labels: [],
    source: 'the scrape',
    unit: 'boolean',
  }),
  lastScrapeDuration: metric({
    name: 'redis_exporter_last_scrape_duration_seconds',
    type: 'gauge',
    help: 'As redis_exporter has it; the same as watchkeeper_scrape_duration_seconds.',
    labels: [],
    source: 'the scrape',
    unit: 'seconds',
  }),
  scrapes: metric({
    name: 'redis_exporter_scrapes_total',
    type: 'counter',
    help: 'Scrapes of the target since the start of the daemon; those that ask at the same time share one.',
    labels: [],
    source: 'the scrape',
    unit: 'scrapes',
  }),
  durations: metric({
    name: 'redis_exporter_scrape_duration_seconds',
    type: 'summary',
    help: 'Seconds that the answers to scrapes of the target took since the start of the daemon, without quantiles, as redis_exporter has it.',
    labels: [],
    source: 'the scrape',
    unit: 'seconds',
  }),
  connectTime: metric({
    name: 'redis_exporter_last_scrape_connect_time_seconds',
    type: 'gauge',
    help: 'As redis_exporter has it, of the last login that succeeded: connections are kept between scrapes. The same as watchkeeper_target_login_duration_seconds.',
    labels: [],
    source: 'the scrape',
    unit: 'seconds',
  }),
};
