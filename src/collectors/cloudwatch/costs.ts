import { metric, type Sample, sample } from '../../core/metric.ts';
import type { CloudwatchBudget } from './budget.ts';
import type { CloudwatchFeed } from './feed.ts';

const billed = metric({
  name: 'watchkeeper_cloudwatch_billed_requests_total',
  type: 'counter',
  help: 'Requests that AWS bills: metrics asked of GetMetricData (up to five statistics of one are one), pages of ListMetrics.',
  labels: ['api'],
  source: 'the calls to CloudWatch',
  unit: 'requests',
});

const cost = metric({
  name: 'watchkeeper_cloudwatch_cost_dollars_total',
  type: 'counter',
  help: 'What these cost at the configured price, in US dollars, since the start of the daemon.',
  labels: [],
  source: 'the calls to CloudWatch',
  unit: 'dollars',
});

const estimate = metric({
  name: 'watchkeeper_cloudwatch_estimated_monthly_cost_dollars',
  type: 'gauge',
  help: 'What 31 days cost when everything that is switched on is read each time, in US dollars. Above the limit, some of it is left out.',
  labels: [],
  source: 'the plan of queries',
  unit: 'dollars',
});

const limit = metric({
  name: 'watchkeeper_cloudwatch_monthly_limit_dollars',
  type: 'gauge',
  help: 'The limit of this target, in US dollars.',
  labels: [],
  source: 'watch.cloudwatch.monthlyLimit',
  unit: 'dollars',
});

const commonLimit = metric({
  name: 'watchkeeper_cloudwatch_common_monthly_limit_dollars',
  type: 'gauge',
  help: 'The limit of all targets of the daemon together, in US dollars; the same for each of them.',
  labels: [],
  source: 'cloudwatch.monthlyLimit',
  unit: 'dollars',
});

const refused = metric({
  name: 'watchkeeper_cloudwatch_requests_over_limit_total',
  type: 'counter',
  help: 'Requests that were not made because they would have passed a limit, of the target or of all targets together.',
  labels: [],
  source: 'the calls to CloudWatch',
  unit: 'requests',
});

const failed = metric({
  name: 'watchkeeper_cloudwatch_failed_queries_total',
  type: 'counter',
  help: 'Metrics that could not be read, by reason: what AWS answers about one (InternalError, PartialData, Forbidden), or how the whole call failed (such as throttled or denied).',
  labels: ['reason'],
  source: 'GetMetricData, StatusCode',
  unit: 'metrics',
});

const newest = metric({
  name: 'watchkeeper_cloudwatch_newest_period_end_timestamp_seconds',
  type: 'gauge',
  help: 'End of the newest period that was read, in seconds since 1970: values of CloudWatch are about the time before it.',
  labels: [],
  source: 'the calls to CloudWatch',
  unit: 'seconds',
});

export const costMetrics = [billed, cost, estimate, limit, commonLimit, refused, failed, newest];

/** What reading CloudWatch costs, and how it goes. */
export function costSamples(feed: CloudwatchFeed, budget: CloudwatchBudget, monthlyLimit: number): Sample[] {
  const newestMs = feed.memory.newestMs;
  const common = budget.commonMonthlyLimit;
  return [
    ...['GetMetricData', 'ListMetrics'].map((api) => sample(billed, budget.billed.get(api) ?? 0, { api })),
    sample(cost, budget.spent, {}),
    sample(estimate, budget.monthlyCost(feed.requestsPerSecond), {}),
    sample(limit, monthlyLimit, {}),
    ...(common === undefined ? [] : [sample(commonLimit, common, {})]),
    sample(refused, budget.refused, {}),
    ...[...feed.failures].map(([reason, count]) => sample(failed, count, { reason })),
    ...(newestMs === undefined ? [] : [sample(newest, newestMs / 1_000, {})]),
  ];
}
