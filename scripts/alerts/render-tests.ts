import { metricSections } from '../generate-metrics-reference.ts';
import { prometheusMinutes, toYaml } from './render-rules.ts';
import type { Alert, AlertCase, AlertGroup, FiringCase, TestSeries } from './rule.ts';

/** The file `alerts/tests/NAME.test.yaml`, for `promtool test rules`. */
export function renderRuleTests(group: AlertGroup): string {
  const tests = group.alerts.flatMap((alert) => [
    ...[alert.fires, ...(alert.firesToo ?? [])].map((one) => firingTest(alert, one)),
    ...alert.silent.map((one) => silentTest(alert, one)),
  ]);
  const file = { rule_files: [`../${group.name}.rules.yaml`], evaluation_interval: '1m', tests };
  return `# Written by \`npm run generate\` from scripts/alerts. Run: promtool test rules ${group.name}.test.yaml\n${toYaml(file)}`;
}

/** Minutes for which a silent case is watched beyond `for`. */
const watchMinutes = 30;

function firingTest(alert: Alert, fires: FiringCase) {
  const firesAt = (fires.fromMinute ?? 0) + alert.forMinutes;
  return {
    name: `${alert.name} fires: ${fires.title}`,
    ...inputs(fires, firesAt),
    promql_expr_test: [...(firesAt > 0 ? [firing(alert, firesAt - 1, 0)] : []), firing(alert, firesAt, 1)],
  };
}

function silentTest(alert: Alert, silent: Alert['silent'][number]) {
  const until = silent.untilMinute ?? alert.forMinutes + watchMinutes;
  return {
    name: `${alert.name} stays silent: ${silent.title}`,
    ...inputs(silent, until),
    promql_expr_test: [
      {
        expr: `count_over_time(ALERTS{alertname="${alert.name}", alertstate="firing"}[${prometheusMinutes(until + 1)}])`,
        eval_time: prometheusMinutes(until),
        exp_samples: [],
      },
    ],
  };
}

function firing({ name, severity }: Alert, minute: number, alerts: number) {
  const labels = `{alertname="${name}", severity="${severity}"}`;
  return {
    expr: `count by (alertname, severity) (ALERTS{alertname="${name}", alertstate="firing"})`,
    eval_time: prometheusMinutes(minute),
    exp_samples: alerts === 0 ? [] : [{ labels, value: alerts }],
  };
}

function inputs({ series }: AlertCase, lastMinute: number) {
  return {
    interval: '1m',
    input_series: series.map((one) => ({ series: withAllLabels(one), values: notation(one.values, lastMinute + 1) })),
  };
}

function notation(values: number | string, minutes: number): string {
  return typeof values === 'number' ? `${values}+0x${minutes}` : values;
}

/** What Prometheus adds to every sample it scrapes. */
const scrapeLabels = { job: 'watchkeeper', instance: 'watchkeeper:9847' };

/** Labels that say something in the rules; others are filled with their own name. */
const usualValues: Readonly<Record<string, string>> = { target: 'shop', datname: 'shop', database: 'shop' };

/**
 * The series with every label that the metric has on the page: rules that join on labels that can never match, or on too
 * few, do not get through their tests then. Throws for a metric or label that is not declared.
 */
function withAllLabels({ metric, labels = {} }: TestSeries): string {
  const declared = declaredLabels(metric);
  const allowed = [...declared, ...Object.keys(scrapeLabels), ...(metric.startsWith('redis_') ? ['node'] : [])];
  const unknown = Object.keys(labels).filter((label) => !allowed.includes(label));
  if (unknown.length > 0) throw new Error(`${metric} has no label ${unknown.join(', ')}`);
  const filled = Object.fromEntries(declared.map((label) => [label, usualValues[label] ?? label]));
  const pairs = Object.entries({ ...scrapeLabels, ...filled, ...labels });
  return `${metric}{${pairs.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(', ')}}`;
}

/** Metrics that every process has, and the one that Prometheus makes; without labels of their own. */
const notDeclared = ['up', 'process_start_time_seconds', 'nodejs_eventloop_lag_p99_seconds'];

function declaredLabels(name: string): readonly string[] {
  if (notDeclared.includes(name)) return [];
  for (const { metrics, withTarget, openNames } of metricSections()) {
    const found = metrics.find((metric) => metric.name === name);
    const isOpen = openNames !== undefined && name.startsWith(openNames.prefix);
    if (found !== undefined || isOpen) return [...(withTarget ? ['target'] : []), ...(found?.labels ?? [])];
  }
  throw new Error(`no metric is called ${name}`);
}
