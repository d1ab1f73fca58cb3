import type { Subject } from '../cloudwatch/service.ts';
import { capacitiesOf } from './capacity-of.ts';
import type { Tables } from './source.ts';
import { subjectOf } from './utilization.ts';

/** Operations of a table that CloudWatch knows. */
export interface UsedOperation {
  readonly table: string;
  readonly operation: string;
}

/** Operation that CloudWatch gives to changes on their way to Kinesis. */
const kinesisOperation = 'PutRecord';

/** Everything that has metrics: the account, tables, indexes, operations, replicas, in a fixed order. */
export function subjectsOf({ described }: Tables, used: readonly UsedOperation[], region: string): Subject[] {
  const arnOf = (table: string) => described.get(table)?.TableArn ?? '';
  return [
    { kind: 'account', name: 'global', values: [] },
    ...[...described].flatMap(([table, description]) => [
      ...capacitiesOf(table, description).map(subjectOf),
      { kind: 'kinesis', name: arnOf(table), values: [table, kinesisOperation] },
      ...(description.Replicas ?? [])
        .filter(({ RegionName }) => RegionName !== undefined && RegionName !== region)
        .map(({ RegionName = '' }) => ({ kind: 'replica', name: arnOf(table), values: [table, RegionName] })),
    ]),
    ...used
      .filter(({ table }) => described.has(table))
      .map(({ table, operation }) => ({ kind: 'operation', name: arnOf(table), values: [table, operation] })),
  ];
}

/** Series with exactly these dimensions: those of a stream have one more and are others. */
export function usedOperations(series: readonly Readonly<Record<string, string>>[]): UsedOperation[] {
  return series.flatMap(({ TableName, Operation, ...others }) =>
    TableName === undefined || Operation === undefined || Object.keys(others).length > 0
      ? []
      : [{ table: TableName, operation: Operation }],
  );
}
