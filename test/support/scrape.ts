import type { WatchedTarget } from '../../src/collectors/engines.ts';
import { postgresCollectors } from '../../src/collectors/postgres/index.ts';
import { pgScrapeMetrics } from '../../src/collectors/postgres/scrape-metrics.ts';
import { type PostgresWatchSettings, postgresWatchSettings } from '../../src/collectors/postgres/settings.ts';
import { pgUp } from '../../src/collectors/postgres/watch.ts';
import { createScraper } from '../../src/collectors/scrape.ts';
import { rowsDropped, scrapeMetrics } from '../../src/collectors/scrape-metrics.ts';
import type { Scraper } from '../../src/collectors/scraper.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type Log, silentLog } from '../../src/core/log.ts';
import type { Metric, Sample } from '../../src/core/metric.ts';
import type { PostgresAccess } from '../../src/targets/libpq/access.ts';

/** A PostgreSQL server to be watched with the default settings, as far as they are not given. */
export function watched(
  name: string,
  access: PostgresAccess,
  watch: Partial<PostgresWatchSettings> = {},
): WatchedTarget {
  return { name, engine: 'postgres', access, watch: { ...postgresWatchSettings.parse({}), ...watch } };
}

/** Only this family: what a test about it needs. */
export function onlyFamily(name: string): Pick<PostgresWatchSettings, 'collectors'> {
  return { collectors: Object.fromEntries(postgresCollectors.map((one) => [one.name, one.name === name])) };
}

/** A scraper in real time. */
export function testScraper(targets: readonly WatchedTarget[], log: Log = silentLog): Scraper {
  return createScraper({ targets, clock: systemClock, log, concurrency: 16 });
}

/** Everything of one target. */
export async function scrapeOne(scraper: Scraper, target: string, signal: AbortSignal, deadlineMs = 9_000) {
  const [group] = await scraper.scrape({ targets: [target], signal, deadlineMs });
  return group?.samples ?? [];
}

/** What the families gave, without what is told of every scrape. */
export function samplesOfFamilies(samples: readonly Sample[]): Sample[] {
  const ofScrape = new Set<Metric>([pgUp, ...Object.values(pgScrapeMetrics), ...scrapeMetrics]);
  ofScrape.delete(rowsDropped);
  return samples.filter(({ metric }) => !ofScrape.has(metric));
}

/** The values of one metric, by its label values with spaces in between. */
export function valuesOf(samples: readonly Sample[], name: string): Record<string, number> {
  const ofName = samples.filter(({ metric }) => metric.name === name);
  return Object.fromEntries(ofName.map(({ labelValues, value }) => [labelValues.join(' '), value]));
}

/** The only value of a metric that has one at most; undefined when it has none. */
export function singleValue(samples: readonly Sample[], name: string): number | undefined {
  const values = Object.values(valuesOf(samples, name));
  if (values.length > 1) throw new Error(`${name} has ${values.length} samples`);
  return values[0];
}
