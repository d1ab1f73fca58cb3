import { metric, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { DynamodbCollector } from './source.ts';

const enabled = metric({
  name: 'dynamodb_ttl_enabled',
  type: 'gauge',
  help: 'Whether DynamoDB deletes items of the table whose time is over. A restored table has it switched off.',
  labels: ['table'],
  source: 'DescribeTimeToLive',
  unit: 'boolean',
});

export const timeToLive: DynamodbCollector = {
  name: 'ttl',
  about: 'Whether items have a time to live.',
  scope: 'server',
  metrics: [enabled],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOf(source.timeToLive, context, (found) =>
      [...found].map(([table, isEnabled]) => sample(enabled, isEnabled ? 1 : 0, { table })),
    ),
};
