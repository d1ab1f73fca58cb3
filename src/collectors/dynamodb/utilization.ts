import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOfCloudwatch } from '../cloudwatch/family.ts';
import type { CloudwatchMemory } from '../cloudwatch/memory.ts';
import type { Subject } from '../cloudwatch/service.ts';
import { type Capacity, capacitiesOf, type Direction, directions } from './capacity-of.ts';
import type { DynamodbCollector } from './source.ts';

const labels = ['table', 'index', 'direction'] as const;
const consumedMetrics = { read: 'ConsumedReadCapacityUnits', write: 'ConsumedWriteCapacityUnits' } as const;

const consumed = metric({
  name: 'dynamodb_consumed_capacity_units_per_second',
  type: 'gauge',
  help: 'Units that a table, without its indexes, or an index consumed for each second, on average over the newest period.',
  labels,
  source: 'CloudWatch AWS/DynamoDB, Sum of Consumed…CapacityUnits divided by the seconds of the period',
  unit: 'units per second',
});

const utilization = metric({
  name: 'dynamodb_capacity_utilization_ratio',
  type: 'gauge',
  help: 'Consumed units for each unit that is allowed. What allows them is in the label ceiling: provisioned capacity, the maximum of an on-demand table (on_demand_max), or else the quota of a table (table_quota).',
  labels: [...labels, 'ceiling'],
  source: 'CloudWatch AWS/DynamoDB, DescribeTable and DescribeLimits',
  unit: 'ratio',
});

export const utilizationFamily: DynamodbCollector = {
  name: 'utilization',
  about:
    'Consumed capacity as units per second and against what is allowed, of provisioned and of on-demand tables. Needs the family consumed_capacity.',
  scope: 'server',
  metrics: [consumed, utilization],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOfCloudwatch(source, context, async (memory, nowMs) => {
      const { value: tables } = await source.tables.read(context.signal);
      const limits = await source.limits.read(context.signal).catch(() => undefined);
      const quota = {
        read: limits?.value.TableMaxReadCapacityUnits,
        write: limits?.value.TableMaxWriteCapacityUnits,
      };
      const around = { memory, nowMs, quota, periodMs: source.settings.cloudwatch.period };
      return [...tables.described].flatMap(([table, description]) =>
        capacitiesOf(table, description).flatMap((one) => directions.flatMap((way) => usageOf(one, way, around))),
      );
    }),
};

interface Around {
  readonly memory: CloudwatchMemory;
  readonly nowMs: number;
  readonly quota: Readonly<Record<Direction, number | undefined>>;
  readonly periodMs: number;
}

function usageOf(one: Capacity, direction: Direction, { memory, nowMs, quota, periodMs }: Around): Sample[] {
  const sum = memory.value(consumedMetrics[direction], subjectOf(one), 'Sum', nowMs);
  if (sum === undefined) return [];
  const perSecond = sum / (periodMs / 1_000);
  const { table, index } = one;
  const { ceiling, units } = ceilingOf(one, direction, quota[direction]);
  const ratio =
    units === undefined || units <= 0
      ? []
      : [sample(utilization, perSecond / units, { table, index, direction, ceiling })];
  return [sample(consumed, perSecond, { table, index, direction }), ...ratio];
}

function ceilingOf(one: Capacity, direction: Direction, quota: number | undefined) {
  if (one.provisioned !== undefined) return { ceiling: 'provisioned', units: one.provisioned[direction] };
  const most = one.onDemandMax[direction];
  return most === undefined ? { ceiling: 'table_quota', units: quota } : { ceiling: 'on_demand_max', units: most };
}

/** As `subjects.ts` makes them. */
export function subjectOf({ table, index, arn }: Pick<Capacity, 'table' | 'index' | 'arn'>): Subject {
  return index === ''
    ? { kind: 'table', name: arn, values: [table] }
    : { kind: 'index', name: arn, values: [table, index] };
}
