import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { dynamodbCollectors } from '../../../src/collectors/dynamodb/index.ts';
import { writeExposition } from '../../../src/collectors/exposition.ts';
import type { Scraper } from '../../../src/collectors/scraper.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { longDelayMs, playCloudwatch } from '../../support/moto-aws.ts';
import { type MotoDynamodb, motoDynamodb, ordersTable, watchedDynamodb } from '../../support/moto-dynamodb.ts';
import { scrapeOne, testScraper, valuesOf } from '../../support/scrape.ts';
import { type ScriptedAws, startScriptedAws } from '../../support/scripted-aws.ts';
import { testSignal } from '../../support/test-context.ts';
import { stubAwsCredentials } from '../../support/test-credentials.ts';

let moto: Moto;
let made: MotoDynamodb;
let cloudwatch: ScriptedAws;
let scraper: Scraper;

const allFamilies = Object.fromEntries(dynamodbCollectors.map(({ name }) => [name, true]));

beforeAll(async () => {
  stubAwsCredentials();
  moto = await startMoto();
  made = motoDynamodb(moto.endpoint);
  await makeTables();
  cloudwatch = await startScriptedAws(playCloudwatch(measured));
  const access = { endpoint: moto.endpoint, cloudwatchEndpoint: cloudwatch.endpoint };
  const watch = { collectors: allFamilies };
  const tables = { names: ['orders', 'gone'], prefixes: ['ord'] };
  scraper = testScraper([watchedDynamodb(access, { watch, tables, cloudwatch: { delay: longDelayMs() } })]);
  await scrapeOne(scraper, 'ledger', new AbortController().signal);
});

afterAll(async () => {
  await scraper?.[Symbol.asyncDispose]();
  made?.[Symbol.dispose]();
  await cloudwatch?.[Symbol.asyncDispose]();
  await moto?.[Symbol.asyncDispose]();
  vi.unstubAllEnvs();
});

/** A provisioned table with an index, an on-demand one with a maximum, and one that is not chosen. */
async function makeTables(): Promise<void> {
  await made.createTable('orders', {
    ...ordersTable,
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
  });
  await made.createTable('ordinals');
  await made.createTable('elsewhere');
  await made.enableRecovery('orders');
  await made.enableTimeToLive('ordinals');
  await made.createBackup('orders', 'before-the-migration');
}

const orders = { TableName: 'orders' };
const index = { ...orders, GlobalSecondaryIndexName: 'by-customer' };
const latency = 'SuccessfulRequestLatency';

/** What CloudWatch has in every period. moto knows no percentiles, so it is played here. */
const measured = (
  [
    ['ConsumedReadCapacityUnits', orders, 1_500],
    ['ConsumedReadCapacityUnits', index, 300],
    ['ConsumedWriteCapacityUnits', { TableName: 'ordinals' }, 600],
    ['WriteThrottleEvents', index, 7],
    ['WriteProvisionedThroughputThrottleEvents', index, 7],
    [latency, { ...orders, Operation: 'GetItem' }, 4],
    [latency, { ...orders, Operation: 'GetRecords', StreamLabel: '2026' }, 9],
    [latency, { TableName: 'elsewhere', Operation: 'Scan' }, 9],
    ['UserErrors', {}, 3],
  ] as const
).map(([metric, dimensions, value]) => ({ metric, dimensions, value }));

const masked =
  /creation_timestamp|restorable|_backup_(newest|oldest)|newest_period|watchkeeper_aws|billed_requests|cost/;

test.each(dynamodbCollectors.map(({ name }) => name))(
  'the family %s gives the page that is written down',
  async (family) => {
    const samples = await scrapeOne(scraper, 'ledger', testSignal());
    const own = new Set(dynamodbCollectors.find(({ name }) => name === family)?.metrics);
    const page = writeExposition(
      [{ target: 'ledger', samples: samples.filter(({ metric }) => own.has(metric)) }],
      'text',
    );
    const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('# HELP'));
    const text = lines.map((line) => (masked.test(line) && !line.startsWith('#') ? line.replace(/ \S+$/, ' N') : line));

    await expect(`${text.join('\n')}\n`).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `${family}.txt`));
  },
);

test('every family succeeds, and the target is up', async () => {
  const samples = await scrapeOne(scraper, 'ledger', testSignal());

  const failed = Object.entries(valuesOf(samples, 'watchkeeper_collector_success')).filter(([, value]) => value !== 1);
  expect(failed).toEqual([]);
  expect(valuesOf(samples, 'dynamodb_up')).toEqual({ '': 1 });
});

test('a table and its index are told apart, and consumption is units per second against what is allowed', async () => {
  const samples = await scrapeOne(scraper, 'ledger', testSignal());

  expect(valuesOf(samples, 'dynamodb_consumed_capacity_units_per_second')).toMatchObject({
    'orders  read': 5,
    'orders by-customer read': 1,
    'ordinals  write': 2,
    'ordinals  read': 0,
  });
  expect(valuesOf(samples, 'dynamodb_capacity_utilization_ratio')).toMatchObject({
    'orders  read provisioned': 0.5,
    'orders by-customer read provisioned': 0.25,
    'ordinals  write table_quota': 2 / 10_000,
  });
});

test('throttling is told in total and by reason; where nothing happened it is 0', async () => {
  const samples = await scrapeOne(scraper, 'ledger', testSignal());

  const total = valuesOf(samples, 'dynamodb_throttle_events_total');
  const byReason = valuesOf(samples, 'dynamodb_throttle_events_by_reason_total');
  expect(total).toMatchObject({ 'orders by-customer write': 7, 'orders  write': 0, 'ordinals  read': 0 });
  expect(byReason).toMatchObject({
    'orders by-customer write provisioned_throughput': 7,
    'orders by-customer write key_range_throughput': 0,
  });
});

test('latency is there for operations that were used, without series of streams, and absent where nothing was measured', async () => {
  const samples = await scrapeOne(scraper, 'ledger', testSignal());

  const latencies = samples.filter(({ metric }) => metric.name === 'aws_dynamodb_successful_request_latency_average');
  expect(latencies.map(({ labelValues, value }) => [...labelValues.slice(3), value])).toEqual([
    ['orders', 'GetItem', 4],
  ]);
  expect(valuesOf(samples, 'aws_dynamodb_account_max_reads_maximum')).toEqual({});
});

test('a table that the configuration names and that is not there is told', async () => {
  const samples = await scrapeOne(scraper, 'ledger', testSignal());

  expect(valuesOf(samples, 'dynamodb_table_exists')).toEqual({ orders: 1, ordinals: 1, gone: 0 });
});

test('moto’s own CloudWatch is read too', async () => {
  const at = new Date(Math.floor((Date.now() - 180_000) / 300_000) * 300_000 - 100_000);
  await made.putMetric('ReadThrottleEvents', orders, at, 12);
  await made.putMetric('ReadKeyRangeThroughputThrottleEvents', orders, at, 12);
  // moto knows no percentiles, which the family operations asks for.
  const watch = { collectors: { operations: false } };
  await using other = testScraper([
    watchedDynamodb({ endpoint: moto.endpoint }, { watch, tables: { names: ['orders'] } }),
  ]);

  const samples = await scrapeOne(other, 'ledger', testSignal());

  expect(valuesOf(samples, 'dynamodb_throttle_events_by_reason_total')).toMatchObject({
    'orders  read key_range_throughput': 12,
    'orders  read provisioned_throughput': 0,
  });
});
