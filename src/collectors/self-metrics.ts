import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { type AwsRequestCounts, awsRequests } from '../core/aws-requests.ts';
import { type Metric, type MetricType, metric, type Sample, sample } from '../core/metric.ts';
import { EventLoopLag, eventLoopLagMetrics } from './event-loop-lag.ts';

const buildInfo = metric({
  name: 'watchkeeper_build_info',
  type: 'info',
  help: 'Always 1; the versions of Watchkeeper and of Node.js that run.',
  labels: ['version', 'node_version'],
  source: 'package.json, process.version',
  unit: '',
});

const httpRequests = metric({
  name: 'watchkeeper_http_requests_total',
  type: 'counter',
  help: 'Requests answered, by route and status; the route is empty where there is none.',
  labels: ['route', 'code'],
  source: 'the HTTP server',
  unit: 'requests',
});

const httpRequestDuration = metric({
  name: 'watchkeeper_http_request_duration_seconds',
  type: 'histogram',
  help: 'Seconds from the arrival of a request until its answer was handed over, by route.',
  labels: ['route'],
  source: 'the HTTP server',
  unit: 'seconds',
});

const awsRequestsMetric = metric({
  name: 'watchkeeper_aws_api_requests_total',
  type: 'counter',
  help: 'Requests that the whole process sent to AWS or a service like it (stores, secrets, targets), each attempt counted.',
  labels: ['service', 'operation'],
  source: 'the AWS SDK',
  unit: 'requests',
});

const awsThrottles = metric({
  name: 'watchkeeper_aws_api_throttles_total',
  type: 'counter',
  help: 'Of these, those that were refused because there were too many (SlowDown, ThrottlingException, ...), also where a later attempt succeeded.',
  labels: ['service', 'operation', 'reason'],
  source: 'the AWS SDK',
  unit: 'requests',
});

const awsErrors = metric({
  name: 'watchkeeper_aws_api_errors_total',
  type: 'counter',
  help: 'Of these, those that failed otherwise, by what AWS calls it, the status, or what happened to the connection; also where a later attempt succeeded. That something is not there, or is there already, is no failure.',
  labels: ['service', 'operation', 'reason'],
  source: 'the AWS SDK',
  unit: 'requests',
});

/** What the process tells of itself, besides the `process_*` and `nodejs_*` metrics of prom-client. */
export const selfMetricDeclarations: readonly Metric[] = [
  buildInfo,
  httpRequests,
  httpRequestDuration,
  awsRequestsMetric,
  awsThrottles,
  awsErrors,
  ...eventLoopLagMetrics,
];

export interface AnsweredRequest {
  /** The pattern of the route, never what the caller wrote: labels must stay few. Empty where no route matched. */
  readonly route: string;
  readonly statusCode: number;
  readonly durationSeconds: number;
}

/** The metrics that live as long as the process. */
export interface SelfMetrics {
  requestAnswered(request: AnsweredRequest): void;
  /** As of now. Rejects when one of prom-client's own metrics cannot be read. */
  samples(): Promise<Sample[]>;
}

const durationBuckets = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10];

/** prom-client measures the lag of the event loop as well and cannot be told not to; so seldom it costs nothing. */
const neverMs = 24 * 3_600_000;

/** Once per process: the metrics of the event loop and of garbage collection keep observing for ever. */
export function createSelfMetrics({ version }: { readonly version: string }): SelfMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: neverMs });
  for (const { name } of registry.getMetricsAsArray()) {
    if (name.startsWith('nodejs_eventloop_lag_')) registry.removeSingleMetric(name);
  }
  const lag = new EventLoopLag();
  const requests = new Counter({ ...forPromClient(httpRequests), registers: [registry] });
  const durations = new Histogram({
    ...forPromClient(httpRequestDuration),
    buckets: durationBuckets,
    registers: [registry],
  });
  return {
    requestAnswered({ route, statusCode, durationSeconds }) {
      requests.inc({ route, code: String(statusCode) });
      durations.observe({ route }, durationSeconds);
    },
    async samples() {
      const metrics = await registry.getMetricsAsJSON();
      const build = sample(buildInfo, 1, { version, node_version: process.version });
      return [build, ...lag.samples(), ...metrics.filter(isWanted).flatMap(samplesOf), ...awsSamples(awsRequests.all)];
    },
  };
}

/** A call that never failed has no reason. */
function awsSamples(all: readonly AwsRequestCounts[]): Sample[] {
  return all.flatMap(({ service, call: operation, requests, throttles, errors }) => [
    sample(awsRequestsMetric, requests, { service, operation }),
    ...[...throttles].map(([reason, count]) => sample(awsThrottles, count, { service, operation, reason })),
    ...[...errors].map(([reason, count]) => sample(awsErrors, count, { service, operation, reason })),
  ]);
}

function forPromClient<L extends string>({
  name,
  help,
  labels,
}: Metric<L>): { name: string; help: string; labelNames: L[] } {
  return { name, help, labelNames: [...labels] };
}

type JsonMetric = Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number];

/**
 * Leaves out gauges like `nodejs_active_handles_total`: no counters, and the sum of `nodejs_active_handles` tells the
 * same.
 */
function isWanted({ name, type }: JsonMetric): boolean {
  return typeOf(type) === 'counter' || !name.endsWith('_total');
}

function samplesOf({ name, help, type, values }: JsonMetric): Sample[] {
  const labels = [...new Set(values.flatMap((value) => Object.keys(value.labels)))].filter((label) => label !== 'le');
  const unit = /_(seconds|bytes)(_total)?$/.exec(name)?.[1] ?? '';
  const of: Metric = { name, help, type: typeOf(type), labels, source: 'prom-client', unit };
  return values.map((value) => sampleOf(of, value));
}

function sampleOf(of: Metric, { value, labels, ...rest }: JsonMetric['values'][number]): Sample {
  const labelValues = of.labels.map((label) => String(labels[label] ?? ''));
  if (of.type !== 'histogram' || !('metricName' in rest)) return { metric: of, labelValues, value };
  const suffix = String(rest.metricName).slice(of.name.length);
  const le = labels['le'];
  return { metric: of, labelValues, value, suffix, ...(le === undefined ? {} : { extraLabel: ['le', String(le)] }) };
}

/** The type's declaration promises numbers of an enum; what comes are words. */
function typeOf(type: JsonMetric['type']): MetricType {
  const word = String(type);
  return word === 'counter' || word === 'gauge' || word === 'histogram' ? word : 'unknown';
}
