import type { KeySchemaElement, Projection, TableDescription } from '@aws-sdk/client-dynamodb';
import type { Findings } from '../findings.ts';
import { keyOf } from './item-table.ts';

interface DescribedIndex {
  /** What it is over, and what it has beside the keys. */
  readonly definition: string;
  /** Items may be lacking in it yet. */
  readonly isBuilt: boolean;
}

/** A restore may leave indexes out, and an application that reads by one of them fails although every item is there. */
export function compareIndexes(
  label: string,
  [before, after]: readonly [TableDescription, TableDescription],
  findings: Findings,
): void {
  const [source, other] = [indexesOf(before), indexesOf(after)];
  for (const name of new Set([...source.keys(), ...other.keys()])) {
    const what = `index ${name} of ${label}`;
    const [one, two] = [source.get(name), other.get(name)];
    findings.compared += 1;
    if (one?.definition !== two?.definition) {
      findings.differences.push({ name: what, source: one?.definition ?? null, other: two?.definition ?? null });
    } else if (one?.isBuilt === false || two?.isBuilt === false) {
      findings.leaveOut(what, 'it is still being built');
    }
  }
}

function indexesOf(table: TableDescription): ReadonlyMap<string, DescribedIndex> {
  const global = (table.GlobalSecondaryIndexes ?? []).map((index) => ({ ...index, kind: 'global' }));
  const local = (table.LocalSecondaryIndexes ?? []).map((index) => ({
    ...index,
    kind: 'local',
    IndexStatus: 'ACTIVE',
  }));
  return new Map(
    [...global, ...local].map(({ IndexName = '', KeySchema = [], Projection, IndexStatus, kind }) => [
      IndexName,
      {
        definition: `${kind}, ${describeKey(table, KeySchema)}, ${describeProjection(Projection)}`,
        isBuilt: IndexStatus !== 'CREATING',
      },
    ]),
  );
}

function describeKey({ AttributeDefinitions }: TableDescription, KeySchema: KeySchemaElement[]): string {
  const parts = keyOf({ KeySchema, ...(AttributeDefinitions === undefined ? {} : { AttributeDefinitions }) });
  return parts.map(({ name, type }) => `${name} (${type})`).join(' and ');
}

function describeProjection({ ProjectionType = 'ALL', NonKeyAttributes = [] }: Projection = {}): string {
  return NonKeyAttributes.length === 0 ? ProjectionType : `${ProjectionType} ${[...NonKeyAttributes].sort().join(' ')}`;
}
