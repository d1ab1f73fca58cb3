import { expect, test } from 'vitest';
import { alertGroups } from '../../../scripts/alerts/index.ts';
import { metricSections } from '../../../scripts/generate-metrics-reference.ts';
import { durationsOf, type LabelsOf, problemsOf, resultLabels, selectorsOf } from '../../support/promql.ts';

const alerts = alertGroups.flatMap((group) => group.alerts);
const scraped = ['job', 'instance'];

/** What every process tells of itself, and what Prometheus says of the scrape. */
const usual = ['up', 'process_start_time_seconds', 'nodejs_eventloop_lag_p99_seconds'];

const declaredLabels: LabelsOf = (name) => {
  if (usual.includes(name)) return new Set(scraped);
  const section = metricSections().find(
    ({ metrics, openNames }) =>
      metrics.some((metric) => metric.name === name) || (openNames !== undefined && name.startsWith(openNames.prefix)),
  );
  if (section === undefined) return undefined;
  const own = section.metrics.find((metric) => metric.name === name)?.labels ?? [];
  // Where Redis is a cluster; a label that is not there is empty, on both sides of a join.
  const node = name.startsWith('redis_') && !own.includes('node') ? ['node'] : [];
  return new Set([...scraped, ...(section.withTarget ? ['target'] : []), ...own, ...node]);
};

test('no alert reads a metric or label that does not exist, or joins what can never match', () => {
  const wrong = alerts.flatMap(({ name, expression }) =>
    problemsOf(expression, declaredLabels).map((problem) => `${name}: ${problem}`),
  );

  expect(wrong).toEqual([]);
});

test.each([
  ['a metric that is not there', 'pg_gone == 0', ['there is no metric pg_gone']],
  ['a label that is not there', 'pg_up{job="x", state="y"} == 0', ['pg_up has no label state']],
  ['operands with other labels', 'pg_up and pg_blocked_sessions', ['operands differ in datname']],
  ['an aggregate that lost a label', 'sum by (target) (pg_up) / pg_up', ['operands differ in job, instance']],
  [
    'a join on what one side lacks',
    'pg_up and on (datname) pg_blocked_sessions',
    ['on (datname): only one side has it'],
  ],
  ['a group that is not there', 'sum by (datname) (pg_up)', ['by (datname) of something without datname']],
  ['a typing error', 'pg_up ==', ['does not parse near "pg_up =="']],
])('the check of expressions finds %s', (_, expression, expected) => {
  expect(problemsOf(expression, declaredLabels)).toEqual(expected);
});

test('a scrape a minute is enough for every range', () => {
  const minutesOf = (duration: string) =>
    Number.parseInt(duration, 10) * ({ m: 1, h: 60, d: 1440 }[duration.at(-1) ?? ''] ?? 0);

  const short = alerts.filter(({ expression }) => durationsOf(expression).some((range) => minutesOf(range) < 5));

  expect(short.map(({ name }) => name)).toEqual([]);
  expect(alerts.flatMap(({ expression }) => durationsOf(expression)).length).toBeGreaterThan(10);
});

test('texts speak only of labels that the alert has', () => {
  const wrong = alerts.flatMap(({ name, expression, summary, description }) => {
    const has = resultLabels(expression, declaredLabels);
    const used = [...`${summary} ${description}`.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
    return used.filter((label) => !has.has(label)).map((label) => `${name}: ${label}`);
  });

  expect(wrong).toEqual([]);
});

test('every alert has its own name, says for whom it is, and is shown to stay silent', () => {
  const names = alerts.map(({ name }) => name);

  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  expect(
    names.filter(
      (name) =>
        !/^(Backup|Verification|Retention|Schedule|Job|Restore|Target|Store|Postgres|Pgbouncer|Redis|Dynamodb|Cloudwatch|Aws|Rds|Elasticache|Sqs|Lambda|Watchkeeper)[A-Z]\w+$/.test(
          name,
        ),
    ),
  ).toEqual([]);
  expect(alerts.filter(({ silent }) => silent.length === 0)).toEqual([]);
  expect(alerts.filter(({ severity, forMinutes }) => severity === 'critical' && forMinutes > 120)).toEqual([]);
});

test('what every process tells is read of the job watchkeeper alone', () => {
  const shared = alerts
    .flatMap(({ expression }) => selectorsOf(expression))
    .filter(({ metric }) => usual.includes(metric));

  expect(shared.length).toBeGreaterThan(3);
  for (const { matchers } of shared) {
    expect(matchers).toContainEqual({ label: 'job', operator: '=', value: 'watchkeeper' });
  }
});
