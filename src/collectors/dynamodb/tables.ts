import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { DynamodbCollector, Tables } from './source.ts';

const exists = metric({
  name: 'dynamodb_table_exists',
  type: 'gauge',
  help: 'Whether there is such a table in this account and region; 0 only for tables that the configuration calls by name.',
  labels: ['table'],
  source: 'DescribeTable',
  unit: 'boolean',
});

const active = metric({
  name: 'dynamodb_table_active',
  type: 'gauge',
  help: 'Whether the table is ACTIVE, that is whole and not being changed.',
  labels: ['table'],
  source: 'DescribeTable, TableStatus',
  unit: 'boolean',
});

const info = metric({
  name: 'dynamodb_table_info',
  type: 'gauge',
  help: 'Always 1; state, billing mode (PROVISIONED or PAY_PER_REQUEST), class, encryption (AES256 with the own key of DynamoDB, KMS) and what the stream shows, empty without a stream.',
  labels: ['table', 'arn', 'status', 'billing_mode', 'table_class', 'encryption', 'stream_view'],
  source: 'DescribeTable',
  unit: 'info',
});

const created = metric({
  name: 'dynamodb_table_creation_timestamp_seconds',
  type: 'gauge',
  help: 'When the table was made, in seconds since 1970; a restore makes a new table.',
  labels: ['table'],
  source: 'DescribeTable, CreationDateTime',
  unit: 'seconds',
});

const deletionProtection = metric({
  name: 'dynamodb_table_deletion_protection',
  type: 'gauge',
  help: 'Whether the table is protected against being deleted.',
  labels: ['table'],
  source: 'DescribeTable, DeletionProtectionEnabled',
  unit: 'boolean',
});

const stream = metric({
  name: 'dynamodb_table_stream_enabled',
  type: 'gauge',
  help: 'Whether changes of the table go to a stream.',
  labels: ['table'],
  source: 'DescribeTable, StreamSpecification',
  unit: 'boolean',
});

const keyInaccessible = metric({
  name: 'dynamodb_table_encryption_key_inaccessible_timestamp_seconds',
  type: 'gauge',
  help: 'Since when DynamoDB cannot use the key of the table, in seconds since 1970; absent while it can. After seven days the table is archived.',
  labels: ['table'],
  source: 'DescribeTable, SSEDescription',
  unit: 'seconds',
});

const notWatched = metric({
  name: 'dynamodb_tables_not_watched',
  type: 'gauge',
  help: 'Tables that are chosen and left out because of tables.limit.',
  labels: [],
  source: 'ListTables',
  unit: 'tables',
});

export const tables: DynamodbCollector = {
  name: 'tables',
  about: 'State and settings of each table.',
  scope: 'server',
  metrics: [exists, active, info, created, deletionProtection, stream, keyInaccessible, notWatched],
  enabledByDefault: true,
  collect: (source, context) => samplesOf(source.tables, context, tableSamples),
};

function tableSamples(found: Tables): Sample[] {
  return [
    ...[...found.described].flatMap(([table, description]) => describedSamples(table, description)),
    ...found.missing.map((table) => sample(exists, 0, { table })),
    sample(notWatched, found.notWatched, {}),
  ];
}

function describedSamples(table: string, description: TableDescription): Sample[] {
  const { CreationDateTime, DeletionProtectionEnabled, SSEDescription, StreamSpecification } = description;
  const inaccessible = SSEDescription?.InaccessibleEncryptionDateTime;
  return [
    sample(exists, 1, { table }),
    sample(active, description.TableStatus === 'ACTIVE' ? 1 : 0, { table }),
    sample(info, 1, infoLabels(table, description)),
    sample(deletionProtection, DeletionProtectionEnabled === true ? 1 : 0, { table }),
    sample(stream, StreamSpecification?.StreamEnabled === true ? 1 : 0, { table }),
    ...(CreationDateTime === undefined ? [] : [sample(created, CreationDateTime.getTime() / 1_000, { table })]),
    ...(inaccessible === undefined ? [] : [sample(keyInaccessible, inaccessible.getTime() / 1_000, { table })]),
  ];
}

function infoLabels(table: string, description: TableDescription) {
  return {
    table,
    arn: description.TableArn ?? '',
    status: description.TableStatus ?? '',
    billing_mode: billingModeOf(description),
    table_class: description.TableClassSummary?.TableClass ?? 'STANDARD',
    encryption: description.SSEDescription?.SSEType ?? 'AES256',
    stream_view: description.StreamSpecification?.StreamViewType ?? '',
  };
}

/** AWS leaves it away for tables that never were on-demand. */
export function billingModeOf({ BillingModeSummary }: TableDescription): 'PROVISIONED' | 'PAY_PER_REQUEST' {
  return BillingModeSummary?.BillingMode ?? 'PROVISIONED';
}
