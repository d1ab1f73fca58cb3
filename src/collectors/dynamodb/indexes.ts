import { metric, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { DynamodbCollector } from './source.ts';

const labels = ['table', 'index'] as const;

const active = metric({
  name: 'dynamodb_index_active',
  type: 'gauge',
  help: 'Whether the global secondary index is ACTIVE and can be queried.',
  labels,
  source: 'DescribeTable, IndexStatus',
  unit: 'boolean',
});

const backfilling = metric({
  name: 'dynamodb_index_backfilling',
  type: 'gauge',
  help: 'Whether the items that the table has are being put into the index.',
  labels,
  source: 'DescribeTable, Backfilling',
  unit: 'boolean',
});

const info = metric({
  name: 'dynamodb_index_info',
  type: 'gauge',
  help: 'Always 1; state and projection (ALL, KEYS_ONLY, INCLUDE) of a global secondary index.',
  labels: [...labels, 'status', 'projection'],
  source: 'DescribeTable, GlobalSecondaryIndexes',
  unit: 'info',
});

export const indexes: DynamodbCollector = {
  name: 'indexes',
  about: 'State of global secondary indexes, and whether they are being filled.',
  scope: 'server',
  metrics: [active, backfilling, info],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOf(source.tables, context, ({ described }) =>
      [...described].flatMap(([table, { GlobalSecondaryIndexes = [] }]) =>
        GlobalSecondaryIndexes.flatMap(({ IndexName: index = '', IndexStatus = '', Backfilling, Projection }) => [
          sample(active, IndexStatus === 'ACTIVE' ? 1 : 0, { table, index }),
          sample(backfilling, Backfilling === true ? 1 : 0, { table, index }),
          sample(info, 1, { table, index, status: IndexStatus, projection: Projection?.ProjectionType ?? '' }),
        ]),
      ),
    ),
};
