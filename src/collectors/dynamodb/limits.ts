import { metric, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { DynamodbCollector } from './source.ts';

const ofAccount = metric({
  name: 'dynamodb_account_max_capacity_units_per_second',
  type: 'gauge',
  help: 'Quota of provisioned units of all tables of the account in the region.',
  labels: ['direction'],
  source: 'DescribeLimits',
  unit: 'units per second',
});

const ofTable = metric({
  name: 'dynamodb_table_max_capacity_units_per_second',
  type: 'gauge',
  help: 'Quota of units of one table.',
  labels: ['direction'],
  source: 'DescribeLimits',
  unit: 'units per second',
});

export const limits: DynamodbCollector = {
  name: 'limits',
  about: 'Quotas of the account in the region.',
  scope: 'server',
  metrics: [ofAccount, ofTable],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOf(source.limits, context, (found) =>
      (
        [
          [ofAccount, found.AccountMaxReadCapacityUnits, 'read'],
          [ofAccount, found.AccountMaxWriteCapacityUnits, 'write'],
          [ofTable, found.TableMaxReadCapacityUnits, 'read'],
          [ofTable, found.TableMaxWriteCapacityUnits, 'write'],
        ] as const
      ).flatMap(([of, value, direction]) => (value === undefined ? [] : [sample(of, value, { direction })])),
    ),
};
