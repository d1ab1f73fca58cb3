import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import { type Capacity, capacitiesOf, directions } from './capacity-of.ts';
import type { DynamodbCollector } from './source.ts';

const labels = ['table', 'index', 'direction'] as const;

const provisioned = metric({
  name: 'dynamodb_provisioned_capacity_units_per_second',
  type: 'gauge',
  help: 'Units that are provisioned for reads or writes of a table, or of an index where its name is given; absent for on-demand tables.',
  labels,
  source: 'DescribeTable, ProvisionedThroughput',
  unit: 'units per second',
});

const onDemandMax = metric({
  name: 'dynamodb_on_demand_max_units_per_second',
  type: 'gauge',
  help: 'Most units that an on-demand table or index may use; absent where none is configured.',
  labels,
  source: 'DescribeTable, OnDemandThroughput',
  unit: 'units per second',
});

const warm = metric({
  name: 'dynamodb_warm_throughput_units_per_second',
  type: 'gauge',
  help: 'Units that the table or index can take at once, without growing first.',
  labels,
  source: 'DescribeTable, WarmThroughput',
  unit: 'units per second',
});

const decreases = metric({
  name: 'dynamodb_capacity_decreases_today',
  type: 'gauge',
  help: 'How often the provisioned capacity was lowered today (UTC); AWS allows a limited number. Falls back to 0 every day.',
  labels: ['table', 'index'],
  source: 'DescribeTable, NumberOfDecreasesToday',
  unit: 'decreases',
});

export const capacity: DynamodbCollector = {
  name: 'capacity',
  about: 'Provisioned capacity, on-demand maximum and warm throughput of tables and indexes.',
  scope: 'server',
  metrics: [provisioned, onDemandMax, warm, decreases],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOf(source.tables, context, ({ described }) =>
      [...described].flatMap(([table, one]) => capacitiesOf(table, one).flatMap(capacitySamples)),
    ),
};

function capacitySamples(one: Capacity): Sample[] {
  const { table, index } = one;
  const samples = directions.flatMap((direction) =>
    (
      [
        [provisioned, one.provisioned?.[direction]],
        [onDemandMax, one.onDemandMax[direction]],
        [warm, one.warm[direction]],
      ] as const
    ).flatMap(([of, value]) => (value === undefined ? [] : [sample(of, value, { table, index, direction })])),
  );
  return one.isOnDemand ? samples : [...samples, sample(decreases, one.decreasesToday, { table, index })];
}
