import { metric, sample } from '../../core/metric.ts';
import type { Collector } from '../collector.ts';
import { costMetrics, costSamples } from './costs.ts';
import type { AwsSource } from './source.ts';

const labels = ['service', 'call'] as const;

const requests = metric({
  name: 'watchkeeper_aws_requests_total',
  type: 'counter',
  help: 'Requests that watching this target sent to AWS, each attempt counted.',
  labels,
  source: 'the AWS SDK',
  unit: 'requests',
});

const throttles = metric({
  name: 'watchkeeper_aws_throttled_requests_total',
  type: 'counter',
  help: 'Of these, those that AWS refused because there were too many; they are sent again, ever slower.',
  labels,
  source: 'the AWS SDK',
  unit: 'requests',
});

const errors = metric({
  name: 'watchkeeper_aws_failed_requests_total',
  type: 'counter',
  help: 'Of these, those that failed otherwise.',
  labels,
  source: 'the AWS SDK',
  unit: 'requests',
});

export const ownCalls: Collector<AwsSource> = {
  name: 'own_calls',
  about:
    'What Watchkeeper itself asks of AWS for this target: how often, how often throttled, and what CloudWatch costs.',
  scope: 'server',
  metrics: [requests, throttles, errors, ...costMetrics],
  enabledByDefault: true,
  async collect({ calls, feed, budget, settings }) {
    return [
      ...calls.all.flatMap(({ service, call, ...counts }) => [
        sample(requests, counts.requests, { service, call }),
        sample(throttles, counts.throttles, { service, call }),
        sample(errors, counts.errors, { service, call }),
      ]),
      ...(feed === undefined ? [] : costSamples(feed, budget, settings.cloudwatch.monthlyLimit)),
    ];
  },
};
