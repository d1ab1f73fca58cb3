import { metric } from '../../core/metric.ts';
import type { PeerScrapeMetrics } from '../peer-scrape-metrics.ts';

/** What postgres_exporter tells of its scrapes. */
export const pgScrapeMetrics: PeerScrapeMetrics = {
  lastScrapeError: metric({
    name: 'pg_exporter_last_scrape_error',
    type: 'gauge',
    help: '1 when the target is down or any family failed in this scrape. In postgres_exporter a family that fails does not set it.',
    labels: [],
    source: 'the scrape',
    unit: 'boolean',
  }),
  lastScrapeDuration: metric({
    name: 'pg_exporter_last_scrape_duration_seconds',
    type: 'gauge',
    help: 'As postgres_exporter has it; the same as watchkeeper_scrape_duration_seconds.',
    labels: [],
    source: 'the scrape',
    unit: 'seconds',
  }),
  scrapes: metric({
    name: 'pg_exporter_scrapes_total',
    type: 'counter',
    help: 'Scrapes of the target since the start of the daemon; those that ask at the same time share one.',
    labels: [],
    source: 'the scrape',
    unit: 'scrapes',
  }),
  collectorSuccess: metric({
    name: 'pg_scrape_collector_success',
    type: 'gauge',
    help: 'As postgres_exporter has it, with the names of our families; the same as watchkeeper_collector_success.',
    labels: ['collector'],
    source: 'the scrape',
    unit: 'boolean',
  }),
  collectorDuration: metric({
    name: 'pg_scrape_collector_duration_seconds',
    type: 'gauge',
    help: 'As postgres_exporter has it, with the names of our families and without waiting for a connection; the same as watchkeeper_collector_duration_seconds.',
    labels: ['collector'],
    source: 'the scrape',
    unit: 'seconds',
  }),
};
