import { metric } from '../core/metric.ts';

export const collectorSuccess = metric({
  name: 'watchkeeper_collector_success',
  type: 'gauge',
  help: 'Whether the family was collected: 1 yes (also where there is nothing to measure), 0 it failed or was not ready at the deadline.',
  labels: ['collector'],
  source: 'the scrape',
  unit: 'boolean',
});

export const collectorApplicable = metric({
  name: 'watchkeeper_collector_applicable',
  type: 'gauge',
  help: 'Whether the family has anything to measure on this target: 0 where an extension is missing or the role of the server is another one.',
  labels: ['collector'],
  source: 'the scrape',
  unit: 'boolean',
});

export const collectorDuration = metric({
  name: 'watchkeeper_collector_duration_seconds',
  type: 'gauge',
  help: 'Seconds that collecting the family took, without waiting for a connection.',
  labels: ['collector'],
  source: 'the scrape',
  unit: 'seconds',
});

export const collectorAge = metric({
  name: 'watchkeeper_collector_age_seconds',
  type: 'gauge',
  help: 'Seconds since the shown samples of the family were collected; costly families are collected less often than scraped.',
  labels: ['collector'],
  source: 'the scrape',
  unit: 'seconds',
});

export const rowsDropped = metric({
  name: 'watchkeeper_collector_rows_dropped',
  type: 'gauge',
  help: 'Rows (such as tables, indexes or statements) that the family found and does not show, because there are more than the limit that the configuration sets; what is left out is what matters least. datname is empty for families that do not look into databases.',
  labels: ['collector', 'datname'],
  source: 'the family',
  unit: 'rows',
});

export const scrapeDuration = metric({
  name: 'watchkeeper_scrape_duration_seconds',
  type: 'gauge',
  help: 'Seconds from the beginning of this scrape of the target until its samples were put on the page.',
  labels: [],
  source: 'the scrape',
  unit: 'seconds',
});

export const loginFailures = metric({
  name: 'watchkeeper_target_login_failures_total',
  type: 'counter',
  help: 'Logins for watching that failed, by reason, since the start of the daemon.',
  labels: ['reason'],
  source: 'the scrape',
  unit: 'logins',
});

export const loginDuration = metric({
  name: 'watchkeeper_target_login_duration_seconds',
  type: 'gauge',
  help: 'Seconds that the last successful login for watching took: connecting, TLS, authentication, settings. Absent before the first.',
  labels: [],
  source: 'the scrape',
  unit: 'seconds',
});

export const collectingTime = metric({
  name: 'watchkeeper_target_collecting_seconds_total',
  type: 'counter',
  help: 'Seconds that sessions on the target spent on collecting families since the start of the daemon, all sessions and databases together: an upper bound of what watching costs the server, because the way there and back and our own reading are part of it. rate() is the mean number of sessions that were at work; logins are not included.',
  labels: [],
  source: 'the scrape',
  unit: 'seconds',
});

export const databasesByState = metric({
  name: 'watchkeeper_databases',
  type: 'gauge',
  help: 'Databases of the server: open (the last login succeeded), failed (it did not), waiting (not yet visited), excluded (by the configuration), inaccessible (they let nobody in, or not us).',
  labels: ['state'],
  source: 'the scrape',
  unit: 'databases',
});

export const databaseUp = metric({
  name: 'watchkeeper_database_up',
  type: 'gauge',
  help: 'Whether the last login to the database succeeded.',
  labels: ['datname'],
  source: 'the scrape',
  unit: 'boolean',
});

export const databaseAge = metric({
  name: 'watchkeeper_database_age_seconds',
  type: 'gauge',
  help: 'Seconds since the database was visited: so old are the figures about what is in it. Where there are many each scrape visits a part of them (watch.databasesPerScrape).',
  labels: ['datname'],
  source: 'the scrape',
  unit: 'seconds',
});

/** What a scrape tells about itself, for every target. */
export const scrapeMetrics = [
  collectorSuccess,
  collectorApplicable,
  collectorDuration,
  collectorAge,
  rowsDropped,
  scrapeDuration,
  loginFailures,
  loginDuration,
  collectingTime,
  databasesByState,
  databaseUp,
  databaseAge,
] as const;
