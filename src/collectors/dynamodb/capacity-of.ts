import type { GlobalSecondaryIndexDescription, TableDescription } from '@aws-sdk/client-dynamodb';
import { billingModeOf } from './tables.ts';

export const directions = ['read', 'write'] as const;
export type Direction = (typeof directions)[number];

/** What a table or one of its indexes may do in a second, as its settings say. */
export interface Capacity {
  readonly table: string;
  /** Empty for the table itself. */
  readonly index: string;
  /** ARN of the table. */
  readonly arn: string;
  readonly isOnDemand: boolean;
  /** Undefined for on-demand. */
  readonly provisioned: Readonly<Record<Direction, number>> | undefined;
  /** Undefined where no maximum is configured. */
  readonly onDemandMax: Readonly<Record<Direction, number | undefined>>;
  /** What it can take at once; undefined where AWS does not tell. */
  readonly warm: Readonly<Record<Direction, number | undefined>>;
  readonly decreasesToday: number;
}

/** Of the table and of each of its global secondary indexes. */
export function capacitiesOf(table: string, description: TableDescription): Capacity[] {
  const isOnDemand = billingModeOf(description) === 'PAY_PER_REQUEST';
  const arn = description.TableArn ?? '';
  const indexes = description.GlobalSecondaryIndexes ?? [];
  return [
    { table, index: '', arn, isOnDemand, ...throughputOf(description, isOnDemand) },
    ...indexes.map((one) => ({ table, index: one.IndexName ?? '', arn, isOnDemand, ...throughputOf(one, isOnDemand) })),
  ];
}

type Described = Pick<
  TableDescription & GlobalSecondaryIndexDescription,
  'ProvisionedThroughput' | 'OnDemandThroughput'
> & {
  readonly WarmThroughput?:
    | { ReadUnitsPerSecond?: number | undefined; WriteUnitsPerSecond?: number | undefined }
    | undefined;
};

function throughputOf({ ProvisionedThroughput, OnDemandThroughput, WarmThroughput }: Described, isOnDemand: boolean) {
  const { ReadCapacityUnits = 0, WriteCapacityUnits = 0, NumberOfDecreasesToday = 0 } = ProvisionedThroughput ?? {};
  return {
    provisioned: isOnDemand ? undefined : { read: ReadCapacityUnits, write: WriteCapacityUnits },
    onDemandMax: {
      read: limitOf(OnDemandThroughput?.MaxReadRequestUnits),
      write: limitOf(OnDemandThroughput?.MaxWriteRequestUnits),
    },
    warm: { read: WarmThroughput?.ReadUnitsPerSecond, write: WarmThroughput?.WriteUnitsPerSecond },
    decreasesToday: NumberOfDecreasesToday,
  };
}

/** AWS says -1 where there is no limit. */
function limitOf(units: number | undefined): number | undefined {
  return units === undefined || units < 0 ? undefined : units;
}
