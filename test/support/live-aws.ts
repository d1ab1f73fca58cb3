import { CreateDBInstanceCommand, CreateDBInstanceReadReplicaCommand, RDSClient } from '@aws-sdk/client-rds';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { startAwsFront } from './aws-front.ts';
import { type Moto, startMoto } from './moto.ts';
import { type Measured, motoOptions, playCloudwatch } from './moto-aws.ts';
import { motoDynamodb, ordersTable, testRegion } from './moto-dynamodb.ts';
import { makeCaches, playCaches } from './played-caches.ts';
import { playFunctions } from './played-functions.ts';
import { type AskedSeries, type AwsAnswer, type AwsRequest, startScriptedAws } from './scripted-aws.ts';

/** DynamoDB as moto plays it, with tables, and a CloudWatch that has measured something. */
export interface LiveAws extends AsyncDisposable {
  readonly endpoint: string;
  /** moto, with databases of RDS, caches of ElastiCache, queues of SQS and functions of Lambda. */
  readonly motoEndpoint: string;
  /** moto knows no percentiles, so CloudWatch is played here. */
  readonly cloudwatchEndpoint: string;
}

/** Credentials that moto takes, for the daemon. */
export const liveAwsCredentials = { AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing' };

export async function startLiveAws(): Promise<LiveAws> {
  await using started = new AsyncDisposableStack();
  const moto = started.use(await startMoto());
  await makeTables(moto);
  await makeDatabases(moto);
  await makeQueues(moto);
  await makeCaches(moto.endpoint);
  const front = started.use(
    await startAwsFront(moto.endpoint, (request) => playCaches(request) ?? playFunctions(request)),
  );
  const cloudwatch = started.use(await startScriptedAws(playCloudwatch(played, overTime)));
  const dynamodb = started.use(await startScriptedAws((request) => askMoto(moto.endpoint, request)));
  const all = started.move();
  return {
    endpoint: dynamodb.endpoint,
    motoEndpoint: front.endpoint,
    cloudwatchEndpoint: cloudwatch.endpoint,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function makeTables(moto: Moto): Promise<void> {
  using dynamodb = motoDynamodb(moto.endpoint);
  await dynamodb.createTable('orders', ordersTable);
  await dynamodb.createTable('sessions');
  await dynamodb.enableRecovery('orders');
  await dynamodb.enableTimeToLive('sessions');
  await dynamodb.createBackup('orders', 'before-the-migration');
}

async function makeDatabases({ endpoint }: Moto): Promise<void> {
  const rds = new RDSClient(motoOptions(endpoint));
  await rds.send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: 'ledger',
      DBInstanceClass: 'db.m7g.large',
      Engine: 'postgres',
      EngineVersion: '16.4',
      AllocatedStorage: 100,
      MasterUsername: 'root',
      MasterUserPassword: 'not-a-secret',
      MultiAZ: true,
      StorageEncrypted: true,
      DeletionProtection: true,
      BackupRetentionPeriod: 14,
    }),
  );
  await rds.send(
    new CreateDBInstanceReadReplicaCommand({
      DBInstanceIdentifier: 'ledger-copy',
      SourceDBInstanceIdentifier: 'ledger',
      DBInstanceClass: 'db.m7g.large',
    }),
  );
  rds.destroy();
}

/** A queue with a dead-letter queue, and a message in each. */
async function makeQueues({ endpoint }: Moto): Promise<void> {
  const sqs = new SQSClient(motoOptions(endpoint));
  const RedrivePolicy = JSON.stringify({
    deadLetterTargetArn: `arn:aws:sqs:${testRegion}:123456789012:failed-orders`,
    maxReceiveCount: 5,
  });
  for (const [QueueName, Attributes] of [['failed-orders', {}] as const, ['orders', { RedrivePolicy }] as const]) {
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'one' }));
  }
  sqs.destroy();
}

/** moto’s answer, with a replica of `orders` in another region: it knows nothing of global tables. */
async function askMoto(endpoint: string, { service, call, body }: AwsRequest): Promise<AwsAnswer> {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `${service}.${call}`,
      // moto takes the region from it.
      authorization: `AWS4-HMAC-SHA256 Credential=testing/20260101/${testRegion}/dynamodb/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(body),
  });
  const value = (await answer.json()) as { readonly __type?: string; readonly Table?: { readonly TableName: string } };
  if (!answer.ok) return { error: value.__type?.split('#').at(-1) ?? 'InternalServerError', status: answer.status };
  if (value.Table?.TableName !== orders.TableName) return { value };
  return { value: { ...value, Table: { ...value.Table, Replicas: [replica] } } };
}

type Dimensions = Readonly<Record<string, string>>;

const orders = { TableName: 'orders' };
const index = { ...orders, GlobalSecondaryIndexName: 'by-customer' };
const replica = { RegionName: 'eu-west-1', ReplicaStatus: 'ACTIVE' };
const sessions = { TableName: 'sessions' };
const latency = 'SuccessfulRequestLatency';

/** What the periods of an instance of RDS have: percent, connections, bytes, seconds. */
const ofInstance: readonly (readonly [metric: string, value: number])[] = [
  ['CPUUtilization', 42],
  ['DatabaseConnections', 85],
  ['FreeableMemory', 3 * 2 ** 30],
  ['FreeStorageSpace', 61 * 2 ** 30],
  ['ReadLatency', 0.002],
  ['WriteLatency', 0.004],
  ['ReplicaLag', 3],
];

/** The same of a node of Valkey: percent, connections, keys, seconds. */
const ofCacheNode: readonly (readonly [metric: string, value: number])[] = [
  ['EngineCPUUtilization', 61],
  ['CPUUtilization', 33],
  ['CurrConnections', 240],
  ['DatabaseMemoryUsagePercentage', 66],
  ['Evictions', 12],
  ['CacheHits', 9_000],
  ['CacheMisses', 800],
  ['ReplicationLag', 0.4],
];

/** The same of a serverless cache of Valkey: bytes, units of five minutes, percent. */
const ofServerless: readonly (readonly [metric: string, value: number])[] = [
  ['BytesUsedForCache', 6_100_000_000],
  ['ElastiCacheProcessingUnits', 610_000],
  ['ThrottledCmds', 3],
  ['CacheHitRate', 93],
  ['CurrConnections', 70],
];

/** The same of a function: invocations, milliseconds. */
const ofFunction: readonly (readonly [metric: string, value: number])[] = [
  ['Invocations', 1_200],
  ['Errors', 30],
  ['Throttles', 4],
  ['ConcurrentExecutions', 60],
  ['Duration', 180],
  ['IteratorAge', 2_500],
  ['AsyncEventsDropped', 2],
];

/** What every period of five minutes has, give or take a third. */
const measured: readonly (readonly [metric: string, dimensions: Dimensions, value: number])[] = [
  ['ConsumedReadCapacityUnits', orders, 1_500],
  ['ConsumedReadCapacityUnits', index, 300],
  ['ConsumedWriteCapacityUnits', orders, 900],
  ['ConsumedWriteCapacityUnits', sessions, 600],
  ['WriteThrottleEvents', index, 7],
  ['WriteProvisionedThroughputThrottleEvents', index, 7],
  [latency, { ...orders, Operation: 'GetItem' }, 4],
  [latency, { ...orders, Operation: 'Query' }, 9],
  [latency, { ...sessions, Operation: 'PutItem' }, 6],
  ['ReplicationLatency', { ...orders, ReceivingRegion: replica.RegionName }, 800],
  ['UserErrors', {}, 3],
  ['ApproximateAgeOfOldestMessage', { QueueName: 'orders' }, 40],
  ['NumberOfMessagesSent', { QueueName: 'orders' }, 900],
  ['NumberOfMessagesDeleted', { QueueName: 'orders' }, 880],
  ...ofServerless.map(([metric, value]) => [metric, { clusterId: 'prod-carts' }, value] as const),
  ['GetHits', { CacheClusterId: 'prod-pages', CacheNodeId: '0001' }, 700],
  ['GetMisses', { CacheClusterId: 'prod-pages', CacheNodeId: '0001' }, 90],
  ...['prod-sessions-001', 'prod-sessions-002'].flatMap((CacheClusterId) =>
    ofCacheNode.map(([metric, value]) => [metric, { CacheClusterId, CacheNodeId: '0001' }, value] as const),
  ),
  ['ConcurrentExecutions', {}, 130],
  ['UnreservedConcurrentExecutions', {}, 90],
  ...['prod-orders', 'prod-clicks'].flatMap((FunctionName) =>
    ofFunction.map(([metric, value]) => [metric, { FunctionName }, value] as const),
  ),
  ...['ledger', 'ledger-copy'].flatMap((DBInstanceIdentifier) =>
    ofInstance.map(([metric, value]) => [metric, { DBInstanceIdentifier }, value] as const),
  ),
];

const played = measured.map(([metric, dimensions, value]): Measured => ({ metric, dimensions, value }));

function overTime({ value }: Measured, { start, end, periodSeconds }: AskedSeries): Record<number, number> {
  const points: Record<number, number> = {};
  for (let at = start; at < end; at += periodSeconds) points[at] = wave(value, at / periodSeconds);
  return points;
}

/** The same for the same period, never 0, and whole where the value is. */
function wave(value: number, period: number): number {
  const moved = value * (1 + Math.sin(period * 1.3) / 3);
  return Number.isInteger(value) ? Math.max(1, Math.round(moved)) : moved;
}
