import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOfCloudwatch } from '../cloudwatch/family.ts';
import type { CloudwatchMemory } from '../cloudwatch/memory.ts';
import { type Capacity, capacitiesOf, directions } from './capacity-of.ts';
import type { DynamodbCollector } from './source.ts';
import { subjectOf } from './utilization.ts';

const labels = ['table', 'index', 'direction'] as const;

const events = metric({
  name: 'dynamodb_throttle_events_total',
  type: 'counter',
  help: 'Events of throttling of a table, or of an index where its name is given, since the daemon began to look. Throttled writes of an index hold up writes of its table.',
  labels,
  source: 'CloudWatch AWS/DynamoDB, Sum of ReadThrottleEvents and WriteThrottleEvents, each period once',
  unit: 'events',
});

const byReason = metric({
  name: 'dynamodb_throttle_events_by_reason_total',
  type: 'counter',
  help: 'The same by reason: provisioned_throughput, key_range_throughput (a hot partition), account_limit, max_on_demand_throughput.',
  labels: [...labels, 'reason'],
  source: 'CloudWatch AWS/DynamoDB, Sum of …ThrottleEvents by reason, each period once',
  unit: 'events',
});

const reasons = {
  provisioned_throughput: 'ProvisionedThroughput',
  key_range_throughput: 'KeyRangeThroughput',
  account_limit: 'AccountLimit',
  max_on_demand_throughput: 'MaxOnDemandThroughput',
} as const;

const names = { read: 'Read', write: 'Write' } as const;

export const throttling: DynamodbCollector = {
  name: 'throttling',
  about:
    'Throttling of tables and indexes as counters, in total and by reason, under one name each. Needs the family throttle_events.',
  scope: 'server',
  metrics: [events, byReason],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOfCloudwatch(source, context, async (memory) => {
      const { value: tables } = await source.tables.read(context.signal);
      return [...tables.described].flatMap(([table, description]) =>
        capacitiesOf(table, description).flatMap((one) => throttlesOf(one, memory)),
      );
    }),
};

function throttlesOf(one: Capacity, memory: CloudwatchMemory): Sample[] {
  const { table, index } = one;
  const totalOf = (name: string) => memory.total(`${name}ThrottleEvents`, subjectOf(one), 'Sum');
  return directions.flatMap((direction) => {
    const all = totalOf(names[direction]);
    const samples = all === undefined ? [] : [sample(events, all, { table, index, direction })];
    for (const [reason, name] of Object.entries(reasons)) {
      const count = totalOf(`${names[direction]}${name}`);
      if (count !== undefined) samples.push(sample(byReason, count, { table, index, direction, reason }));
    }
    return samples;
  });
}
