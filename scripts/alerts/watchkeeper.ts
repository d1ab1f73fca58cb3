import { engines } from '../../src/collectors/engines.ts';
import { type AlertGroup, sameTarget, series } from './rule.ts';
import { thresholds } from './thresholds.ts';

const ups = Object.values(engines).map(({ up }) => up.name);
const isDown = ups.map((up) => `${up} == 0`).join(' or ');
const wasDown = ups.map((up) => `min_over_time(${up}[1h]) == 0`).join(' or ');
const limits = thresholds.watchkeeper;

/** The daemon itself. The rules about its absence need the scrape job to be called `watchkeeper`. */
export const watchkeeperAlerts: AlertGroup = {
  name: 'watchkeeper',
  about: 'The daemon itself: without it all other alerts are blind.',
  alerts: [
    {
      name: 'WatchkeeperDown',
      severity: 'critical',
      expression: 'up{job="watchkeeper"} == 0',
      forMinutes: 5,
      summary: 'Watchkeeper on {{ $labels.instance }} does not answer',
      description: 'Nothing is watched, backed up or proven by it; all other alerts about its targets are blind.',
      fires: { title: 'the scrape fails', series: [series('up', 0)] },
      silent: [
        { title: 'one scrape failed', series: [series('up', '1 1 0 1+0x60')] },
        { title: 'another exporter is down', series: [series('up', 0, { job: 'node' }), series('up', 1)] },
      ],
    },
    {
      name: 'WatchkeeperAbsent',
      severity: 'critical',
      expression: 'absent(up{job="watchkeeper"})',
      forMinutes: 10,
      summary: 'No Watchkeeper is scraped',
      description: 'Prometheus has no target of the job watchkeeper: nothing is watched, and no other alert can tell.',
      fires: { title: 'only others are scraped', series: [series('up', 1, { job: 'node' })] },
      silent: [
        { title: 'one is there', series: [series('up', 1)] },
        { title: 'one is there and does not answer', series: [series('up', 0)] },
      ],
    },
    {
      name: 'WatchkeeperRestartsOften',
      severity: 'warning',
      expression: `changes(process_start_time_seconds{job="watchkeeper"}[1h]) > ${limits.restartsInHour}`,
      forMinutes: 0,
      summary: 'Watchkeeper on {{ $labels.instance }} starts again and again',
      description: 'It was started {{ $value }} times in the last hour; jobs are cut off each time.',
      fires: {
        title: 'every ten minutes',
        series: [series('process_start_time_seconds', '1+0x9 600+0x9 1200+0x9 1800+0x9 2400+0x30')],
        fromMinute: 40,
      },
      silent: [
        { title: 'one update', series: [series('process_start_time_seconds', '1+0x20 1200+0x60')] },
        { title: 'another program', series: [series('process_start_time_seconds', '0+60x60', { job: 'node' })] },
      ],
    },
    {
      name: 'WatchkeeperConfigurationRefused',
      severity: 'warning',
      expression: 'watchkeeper_config_last_reload_successful == 0',
      forMinutes: 5,
      summary: 'Watchkeeper on {{ $labels.instance }} refused its new configuration',
      description: 'It goes on with the old one; a restart would fail.',
      fires: { title: 'refused', series: [series('watchkeeper_config_last_reload_successful', 0)] },
      silent: [{ title: 'taken over', series: [series('watchkeeper_config_last_reload_successful', 1)] }],
    },
    {
      name: 'WatchkeeperOverloaded',
      severity: 'warning',
      expression: `nodejs_eventloop_lag_p99_seconds{job="watchkeeper"} > ${limits.eventLoopSeconds}`,
      forMinutes: 15,
      summary: 'Watchkeeper on {{ $labels.instance }} is too busy to answer in time',
      description:
        'Its event loop was held up for {{ $value | humanizeDuration }}: scrapes and health checks may time out.',
      fires: { title: 'three seconds', series: [series('nodejs_eventloop_lag_p99_seconds', 3)] },
      silent: [
        { title: 'one long moment', series: [series('nodejs_eventloop_lag_p99_seconds', '0.02 3 0.02+0x60')] },
        { title: 'another program', series: [series('nodejs_eventloop_lag_p99_seconds', 3, { job: 'shop' })] },
      ],
    },
    {
      name: 'WatchkeeperScrapeSlow',
      severity: 'warning',
      expression: `watchkeeper_scrape_duration_seconds > ${limits.scrapeSeconds} unless on (${sameTarget}) (${isDown})`,
      forMinutes: 15,
      summary: 'Scraping {{ $labels.target }} takes nearly all the time there is',
      description:
        'It takes {{ $value | humanizeDuration }}; at the deadline the families that are not ready are left out.',
      fires: { title: 'nine seconds', series: [series('watchkeeper_scrape_duration_seconds', 9), series('pg_up', 1)] },
      silent: [
        { title: 'fast', series: [series('watchkeeper_scrape_duration_seconds', 0.2), series('pg_up', 1)] },
        { title: 'the target hangs', series: [series('watchkeeper_scrape_duration_seconds', 9), series('pg_up', 0)] },
      ],
    },
    {
      name: 'WatchkeeperCollectorFails',
      severity: 'warning',
      // Costly families are collected once in an hour at most: what failed while the target was down is told until then.
      expression: `watchkeeper_collector_success == 0 unless on (${sameTarget}) (${wasDown})`,
      forMinutes: 15,
      summary: 'Family {{ $labels.collector }} of {{ $labels.target }} cannot be collected',
      description: 'Its metrics are missing, and alerts that need them are blind. Often a privilege is missing.',
      fires: {
        title: 'one family fails',
        series: [series('watchkeeper_collector_success', 0, { collector: 'wal' }), series('pg_up', 1)],
      },
      silent: [
        {
          title: 'the target is down, which has its own alert',
          series: [series('watchkeeper_collector_success', 0), series('redis_up', 0)],
        },
        {
          title: 'the target was down when a costly family was to be collected',
          series: [
            series('watchkeeper_collector_success', '1+0x9 0+0x50 1+0x60', { collector: 'bloat' }),
            series('pg_up', '1+0x9 0+0x5 1+0x120'),
          ],
          untilMinute: 90,
        },
        { title: 'all goes well', series: [series('watchkeeper_collector_success', 1), series('pg_up', 1)] },
      ],
    },
    {
      name: 'WatchkeeperLoginsFail',
      severity: 'warning',
      expression: `increase(watchkeeper_target_login_failures_total[15m]) > 0 unless on (${sameTarget}) (${isDown})`,
      forMinutes: 15,
      summary: 'Some logins of Watchkeeper to {{ $labels.target }} fail ({{ $labels.reason }})',
      description: 'The target answers, yet not every login succeeds: applications are likely to see the same.',
      fires: {
        title: 'a login fails now and then',
        series: [
          series('watchkeeper_target_login_failures_total', '0+1x60', { reason: 'timeout' }),
          series('pg_up', 1),
        ],
        fromMinute: 1,
      },
      silent: [
        {
          title: 'failures of yesterday',
          series: [series('watchkeeper_target_login_failures_total', 42), series('pg_up', 1)],
        },
        {
          title: 'the target is down, which has its own alert',
          series: [series('watchkeeper_target_login_failures_total', '0+1x60'), series('pg_up', 0)],
        },
      ],
    },
    {
      name: 'WatchkeeperDatabaseUnreachable',
      severity: 'warning',
      expression: `watchkeeper_database_up == 0 unless on (${sameTarget}) pg_up == 0`,
      forMinutes: 10,
      summary: 'Database {{ $labels.datname }} of {{ $labels.target }} lets nobody in',
      description: 'The server answers, this database refuses the login. What is in it is not watched.',
      fires: {
        title: 'one database refuses',
        series: [series('watchkeeper_database_up', 0), series('pg_up', 1)],
      },
      silent: [
        {
          title: 'the whole server is down, which has its own alert',
          series: [series('watchkeeper_database_up', 0), series('pg_up', 0)],
        },
      ],
    },
  ],
};
