import { thresholds } from '../alerts/thresholds.ts';
import { type Annotation, type Board, chosen, chosenJob, targetVariable } from './board.ts';
import { bars, lines, type Panel, stat, table, yesOrNo } from './panel.ts';

const limits = thresholds.watchkeeper;
const rate = (metric: string, matchers = chosen) => `rate(${metric}{${matchers}}[$__rate_interval])`;

const configurationLoaded: Annotation = {
  name: 'Configuration',
  expression: `watchkeeper_config_last_reload_success_timestamp_seconds{${chosenJob}}`,
  title: '{{instance}} took over its configuration',
  color: 'blue',
};

const now: readonly Panel[] = [
  stat({
    title: 'Version',
    description: 'Of each daemon, and of Node.js.',
    unit: 'none',
    text: 'name',
    expression: `watchkeeper_build_info{${chosenJob}}`,
    legend: '{{instance}}: {{version}}, Node.js {{node_version}}',
  }),
  stat({
    title: 'Configuration taken over',
    description: 'Whether the last reload was taken over. No: the old configuration runs on, and the log says why.',
    unit: 'none',
    words: yesOrNo,
    limits: { warning: 1, worse: 'below' },
    text: 'value_and_name',
    expression: `watchkeeper_config_last_reload_successful{${chosenJob}}`,
    legend: '{{instance}}',
  }),
  stat({
    title: 'Targets',
    description: 'Targets that are watched.',
    unit: 'none',
    expression: `count(watchkeeper_scrape_duration_seconds{${chosen}})`,
    legend: 'targets',
  }),
  stat({
    title: 'Families that fail',
    description: 'Families that were not collected at the last scrape: the table below tells which.',
    unit: 'none',
    limits: { warning: 1 },
    expression: `count(watchkeeper_collector_success{${chosen}} == 0) or vector(0)`,
    legend: 'families',
  }),
  stat({
    title: 'Longest scrape',
    description: 'Of all targets. A scrape ends at its deadline with what is there by then.',
    unit: 's',
    limits: { warning: limits.scrapeSeconds },
    expression: `max(watchkeeper_scrape_duration_seconds{${chosen}})`,
    legend: 'scrape',
  }),
  stat({
    title: 'Jobs running',
    description: 'Backups, verifications and clean-ups that run now.',
    unit: 'none',
    expression: `sum(watchkeeper_job_running{${chosen}})`,
    legend: 'jobs',
  }),
];

const scraping: readonly Panel[] = [
  lines({
    title: 'Duration of scrapes',
    description: 'How long the last scrape of each target took.',
    unit: 's',
    min: 0,
    limits: { warning: limits.scrapeSeconds },
    expression: `watchkeeper_scrape_duration_seconds{${chosen}}`,
    legend: '{{target}}',
  }),
  lines({
    title: 'What watching costs the servers',
    description: 'Sessions that are at work for Watchkeeper, on average.',
    unit: 'none',
    decimals: 3,
    min: 0,
    expression: rate('watchkeeper_target_collecting_seconds_total'),
    legend: '{{target}}',
  }),
  bars({
    title: 'Slowest families',
    description: 'How long the ten slowest families took when they were last collected.',
    unit: 's',
    expression: `topk(10, watchkeeper_collector_duration_seconds{${chosen}})`,
    legend: '{{target}} {{collector}}',
  }),
  bars({
    title: 'Oldest figures',
    description:
      'Age of the samples of the ten families that were collected longest ago: costly ones are collected less often than scraped.',
    unit: 's',
    expression: `topk(10, watchkeeper_collector_age_seconds{${chosen}})`,
    legend: '{{target}} {{collector}}',
  }),
  lines({
    title: 'Logins',
    description: 'How long the last login for watching took: connecting, TLS, authentication.',
    unit: 's',
    min: 0,
    expression: `watchkeeper_target_login_duration_seconds{${chosen}}`,
    legend: '{{target}}',
  }),
  lines({
    title: 'Logins that failed',
    description: 'In each second, by reason.',
    unit: 'ops',
    min: 0,
    expression: `sum by (target, reason) (${rate('watchkeeper_target_login_failures_total')})`,
    legend: '{{target}} {{reason}}',
  }),
  table({
    title: 'Families that fail or leave something out',
    description:
      'Families that were not collected, and families with more rows than their limit shows. The log tells why, and what to grant.',
    unit: 'none',
    labels: ['target', 'collector'],
    queries: [
      {
        legend: 'Collected',
        expression: `min by (target, collector) (watchkeeper_collector_success{${chosen}}) and on (target, collector) (watchkeeper_collector_success{${chosen}} == 0 or watchkeeper_collector_rows_dropped{${chosen}} > 0)`,
        column: { words: yesOrNo },
      },
      {
        legend: 'Rows left out',
        expression: `sum by (target, collector) (watchkeeper_collector_rows_dropped{${chosen}}) > 0`,
        column: { unit: 'none' },
      },
    ],
  }),
];

const daemon: readonly Panel[] = [
  lines({
    title: 'Requests',
    description: 'Answered in each second, by route and status.',
    unit: 'reqps',
    min: 0,
    expression: `sum by (instance, route, code) (${rate('watchkeeper_http_requests_total', chosenJob)})`,
    legend: '{{instance}} {{route}} {{code}}',
  }),
  lines({
    title: 'Slowest twentieth of the requests',
    description: '95th percentile of the time until a request was answered, by route.',
    unit: 's',
    min: 0,
    expression: `histogram_quantile(0.95, sum by (instance, route, le) (${rate('watchkeeper_http_request_duration_seconds_bucket', chosenJob)}))`,
    legend: '{{instance}} {{route}}',
  }),
  lines({
    title: 'Memory',
    description: 'Resident, and the heap of Node.js.',
    unit: 'bytes',
    min: 0,
    queries: [
      { expression: `process_resident_memory_bytes{${chosenJob}}`, legend: '{{instance}} resident' },
      { expression: `nodejs_heap_size_used_bytes{${chosenJob}}`, legend: '{{instance}} heap' },
    ],
  }),
  lines({
    title: 'Processor',
    description:
      'Seconds of processor time in each second. More than 1 is possible: compression and TLS have threads of their own.',
    unit: 'percentunit',
    min: 0,
    expression: rate('process_cpu_seconds_total', chosenJob),
    legend: '{{instance}}',
  }),
  lines({
    title: 'Annotations that Grafana did not take',
    description:
      'Given up within an hour, by why, and waiting now. 0 too where none are configured (annotations.grafana). The log tells the first failure.',
    unit: 'none',
    min: 0,
    queries: [
      {
        expression: `sum by (instance, reason) (increase(watchkeeper_annotations_dropped_total{${chosenJob}}[1h])) or vector(0)`,
        legend: '{{instance}} {{reason}}',
      },
      {
        expression: `sum by (instance) (watchkeeper_annotations_queued{${chosenJob}}) or vector(0)`,
        legend: '{{instance}} waiting',
      },
    ],
  }),
  lines({
    title: 'Lag of the event loop',
    description: '99th percentile since the last scrape: for so long nothing else was done.',
    unit: 's',
    min: 0,
    limits: { warning: limits.eventLoopSeconds },
    expression: `nodejs_eventloop_lag_p99_seconds{${chosenJob}}`,
    legend: '{{instance}}',
  }),
  lines({
    title: 'Open files',
    description: 'Connections included. The limit is process_max_fds.',
    unit: 'none',
    min: 0,
    expression: `process_open_fds{${chosenJob}}`,
    legend: '{{instance}}',
  }),
];

/** Does the watchman itself work? */
export const watchkeeperBoard: Board = {
  name: 'self',
  title: 'Watchkeeper / Watchkeeper itself',
  description: 'Scrapes, families, requests and resources of the daemon.',
  variables: [targetVariable('watchkeeper_scrape_duration_seconds')],
  annotations: [configurationLoaded],
  rows: [
    { title: 'Now', panels: now },
    { title: 'Scraping', panels: scraping },
    { title: 'The daemon', panels: daemon },
  ],
};
