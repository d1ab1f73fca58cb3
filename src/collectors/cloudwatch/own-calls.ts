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

const resources = metric({
  name: 'watchkeeper_aws_resources_watched',
  type: 'gauge',
  help: 'Tables, databases, caches, queues or functions that are watched. 0 where the selection fits none, as in a wrong region.',
  labels: [],
  source: 'what the service lists, and the selection of the target',
  unit: 'resources',
});

export const ownCalls: Collector<AwsSource> = {
  name: 'own_calls',
  about:
    'How much is watched, and what Watchkeeper itself asks of AWS for this target: how often, how often throttled, and what CloudWatch costs.',
  scope: 'server',
  metrics: [resources, requests, throttles, errors, ...costMetrics],
  enabledByDefault: true,
  async collect({ watched, calls, feed, budget, settings }) {
    const count = watched();
    return [
      ...(count === undefined ? [] : [sample(resources, count, {})]),
      ...calls.all.flatMap(({ service, call, ...counts }) => [
        sample(requests, counts.requests, { service, call }),
        sample(throttles, counts.throttles, { service, call }),
        sample(errors, counts.errors, { service, call }),
      ]),
      ...(feed === undefined ? [] : costSamples(feed, budget, settings.cloudwatch.monthlyLimit)),
    ];
  },
};
