import { metric, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { DynamodbCollector } from './source.ts';

const place = ['name', 'account_id', 'region', 'dimension_TableName'] as const;

const items = metric({
  name: 'aws_dynamodb_item_count',
  type: 'gauge',
  help: 'Items of a table, or of an index where its name is given; AWS counts them about every six hours.',
  labels: [...place, 'dimension_GlobalSecondaryIndexName'],
  source: 'DescribeTable, ItemCount',
  unit: 'items',
});

const tableSize = metric({
  name: 'aws_dynamodb_table_size_bytes',
  type: 'gauge',
  help: 'Bytes of a table without its indexes; AWS measures them about every six hours.',
  labels: place,
  source: 'DescribeTable, TableSizeBytes',
  unit: 'bytes',
});

const indexSize = metric({
  name: 'aws_dynamodb_index_size_bytes',
  type: 'gauge',
  help: 'Bytes of a global secondary index; AWS measures them about every six hours.',
  labels: [...place, 'dimension_GlobalSecondaryIndexName'],
  source: 'DescribeTable, IndexSizeBytes',
  unit: 'bytes',
});

export const sizes: DynamodbCollector = {
  name: 'sizes',
  about: 'Items and bytes of tables and their indexes, with the names that yet-another-cloudwatch-exporter has.',
  scope: 'server',
  metrics: [items, tableSize, indexSize],
  enabledByDefault: true,
  collect: (source, context) =>
    samplesOf(source.tables, context, ({ described }) => {
      const { accountId, region } = source.place();
      return [...described].flatMap(([table, description]) => {
        const labels = {
          name: description.TableArn ?? '',
          account_id: accountId,
          region,
          dimension_TableName: table,
        };
        const ofTable = { ...labels, dimension_GlobalSecondaryIndexName: '' };
        return [
          sample(items, description.ItemCount ?? 0, ofTable),
          sample(tableSize, description.TableSizeBytes ?? 0, labels),
          ...(description.GlobalSecondaryIndexes ?? []).flatMap(({ IndexName = '', ItemCount, IndexSizeBytes }) => {
            const ofIndex = { ...labels, dimension_GlobalSecondaryIndexName: IndexName };
            return [sample(items, ItemCount ?? 0, ofIndex), sample(indexSize, IndexSizeBytes ?? 0, ofIndex)];
          }),
        ];
      });
    }),
};
