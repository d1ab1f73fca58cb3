import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  CreateBackupCommand,
  CreateTableCommand,
  type CreateTableCommandInput,
  DeleteTableCommand,
  DynamoDBClient,
  UpdateContinuousBackupsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { cloudwatchSettings } from '../../src/collectors/cloudwatch/settings.ts';
import { dynamodbWatchSettings, tableSelection } from '../../src/collectors/dynamodb/settings.ts';
import type { WatchedDynamodb } from '../../src/collectors/dynamodb/watch.ts';
import type { AwsAccess } from '../../src/targets/aws/settings.ts';

export const testRegion = 'eu-central-1';

/** DynamoDB and CloudWatch as moto plays them, to make tables and metrics in. */
export interface MotoDynamodb extends Disposable {
  createTable(name: string, changes?: Partial<CreateTableCommandInput>): Promise<void>;
  deleteTable(name: string): Promise<void>;
  enableRecovery(table: string): Promise<void>;
  enableTimeToLive(table: string): Promise<void>;
  createBackup(table: string, name: string): Promise<void>;
  putMetric(metric: string, dimensions: Readonly<Record<string, string>>, at: Date, value: number): Promise<void>;
}

/** A provisioned table with an index, protected from deletion. */
export const ordersTable: Partial<CreateTableCommandInput> = {
  BillingMode: 'PROVISIONED',
  ProvisionedThroughput: { ReadCapacityUnits: 10, WriteCapacityUnits: 5 },
  AttributeDefinitions: [
    { AttributeName: 'id', AttributeType: 'S' },
    { AttributeName: 'customer', AttributeType: 'S' },
  ],
  GlobalSecondaryIndexes: [
    {
      IndexName: 'by-customer',
      KeySchema: [{ AttributeName: 'customer', KeyType: 'HASH' }],
      Projection: { ProjectionType: 'KEYS_ONLY' },
      ProvisionedThroughput: { ReadCapacityUnits: 4, WriteCapacityUnits: 2 },
    },
  ],
  DeletionProtectionEnabled: true,
};

export function motoDynamodb(endpoint: string): MotoDynamodb {
  const options = {
    region: testRegion,
    endpoint,
    credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
  };
  const dynamodb = new DynamoDBClient(options);
  const cloudwatch = new CloudWatchClient(options);
  return {
    async createTable(name, changes = {}) {
      await dynamodb.send(
        new CreateTableCommand({
          TableName: name,
          AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
          KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
          BillingMode: 'PAY_PER_REQUEST',
          ...changes,
        }),
      );
    },
    async deleteTable(name) {
      await dynamodb.send(new DeleteTableCommand({ TableName: name }));
    },
    async enableRecovery(table) {
      const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true };
      await dynamodb.send(new UpdateContinuousBackupsCommand({ TableName: table, PointInTimeRecoverySpecification }));
    },
    async enableTimeToLive(table) {
      const TimeToLiveSpecification = { AttributeName: 'expires', Enabled: true };
      await dynamodb.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification }));
    },
    async createBackup(table, name) {
      await dynamodb.send(new CreateBackupCommand({ TableName: table, BackupName: name }));
    },
    async putMetric(metric, dimensions, at, value) {
      const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
      const MetricData = [{ MetricName: metric, Dimensions, Timestamp: at, Value: value }];
      await cloudwatch.send(new PutMetricDataCommand({ Namespace: 'AWS/DynamoDB', MetricData }));
    },
    [Symbol.dispose]() {
      dynamodb.destroy();
      cloudwatch.destroy();
    },
  };
}

/** As the configuration would give it, with defaults filled in. */
export function watchedDynamodb(
  access: Partial<AwsAccess>,
  given: {
    readonly tables?: Readonly<Record<string, unknown>>;
    readonly watch?: Readonly<Record<string, unknown>>;
    readonly cloudwatch?: Readonly<Record<string, unknown>>;
  } = {},
): WatchedDynamodb {
  return {
    name: 'ledger',
    engine: 'dynamodb',
    access: {
      region: testRegion,
      profile: undefined,
      endpoint: undefined,
      cloudwatchEndpoint: undefined,
      timeoutMs: 2_000,
      ...access,
    },
    tables: tableSelection.parse(given.tables ?? {}),
    watch: dynamodbWatchSettings.parse({
      ...given.watch,
      cloudwatch: cloudwatchSettings.parse(given.cloudwatch ?? {}),
    }),
  };
}
