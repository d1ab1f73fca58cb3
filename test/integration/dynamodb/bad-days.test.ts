import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { freePort } from '../../support/free-port.ts';
import { watchedDynamodb } from '../../support/moto-dynamodb.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { scrapeOne, testScraper, valuesOf } from '../../support/scrape.ts';
import { type AwsAnswer, type AwsRequest, metricData, startScriptedAws } from '../../support/scripted-aws.ts';
import { testSignal } from '../../support/test-context.ts';
import { stubAwsCredentials } from '../../support/test-credentials.ts';

beforeEach(() => {
  stubAwsCredentials();
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('HOME', '/nonexistent');
});
afterEach(() => vi.unstubAllEnvs());

const description = (name: string) => ({
  TableName: name,
  TableStatus: 'ACTIVE',
  TableArn: `arn:aws:dynamodb:eu-central-1:123456789012:table/${name}`,
  BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
});

/** An account with the tables a and b, in which nothing is wrong. */
function healthy(request: AwsRequest): AwsAnswer {
  const table = String(request.body['TableName'] ?? '');
  const answers: Readonly<Record<string, unknown>> = {
    ListTables: { TableNames: ['a', 'b'] },
    DescribeTable: { Table: description(table) },
    DescribeTimeToLive: { TimeToLiveDescription: { TimeToLiveStatus: 'DISABLED' } },
    DescribeContinuousBackups: { ContinuousBackupsDescription: { ContinuousBackupsStatus: 'ENABLED' } },
    ListBackups: { BackupSummaries: [] },
    DescribeLimits: { TableMaxReadCapacityUnits: 40_000, TableMaxWriteCapacityUnits: 40_000 },
    ListMetrics: { Metrics: [] },
  };
  if (request.call === 'GetMetricData') return metricData(request, () => ({}));
  return { value: answers[request.call] };
}

/** The first scrape of an account where `spoil` answers some of the calls. */
async function scrapeWith(spoil: (request: AwsRequest, count: number) => AwsAnswer | undefined) {
  const counts = new Map<string, number>();
  await using aws = await startScriptedAws((request) => {
    const count = (counts.get(request.call) ?? 0) + 1;
    counts.set(request.call, count);
    return spoil(request, count) ?? healthy(request);
  });
  const { log, lines } = recordingLog();
  await using scraper = testScraper([watchedDynamodb({ endpoint: aws.endpoint, timeoutMs: 500 })], log);
  const samples = await scrapeOne(scraper, 'ledger', testSignal());
  const success = valuesOf(samples, 'watchkeeper_collector_success');
  const failed = Object.keys(success).filter((family) => success[family] === 0);
  const warnings = lines.map(({ fields, message }) => `${message} ${String(fields['collector'] ?? fields['reason'])}`);
  const errors = lines.map(({ fields }) => fields['error']).filter((error) => error instanceof Error);
  return { samples, failed, warnings, errors, reason: scraper.states()[0]?.reason };
}

test('an account in which nothing is wrong has no failed family', async () => {
  expect((await scrapeWith(() => undefined)).failed).toEqual([]);
});

test('throttling is answered by asking again, slower, and is counted', async () => {
  const { samples, failed } = await scrapeWith(({ call }, count) =>
    call === 'DescribeLimits' && count === 1 ? { error: 'ThrottlingException' } : undefined,
  );

  expect(failed).toEqual([]);
  expect(valuesOf(samples, 'watchkeeper_aws_throttled_requests_total')).toMatchObject({ 'dynamodb DescribeLimits': 1 });
  expect(valuesOf(samples, 'watchkeeper_aws_requests_total')).toMatchObject({ 'dynamodb DescribeLimits': 2 });
});

test('a table that cannot be described fails the family, and the others are shown', async () => {
  const { samples, failed } = await scrapeWith(({ call, body }) =>
    call === 'DescribeTable' && body['TableName'] === 'b' ? { error: 'AccessDeniedException' } : undefined,
  );

  expect(failed).toEqual(expect.arrayContaining(['tables', 'indexes', 'capacity']));
  expect(valuesOf(samples, 'dynamodb_table_active')).toEqual({ a: 1 });
  expect(valuesOf(samples, 'dynamodb_table_exists')).toEqual({ a: 1 });
});

test('partial results of CloudWatch fail the families that they are about, and the rest is shown', async () => {
  const { samples, failed } = await scrapeWith((request) =>
    request.call === 'GetMetricData'
      ? metricData(request, ({ metric }) => (metric === 'ReadThrottleEvents' ? { status: 'PartialData' } : {}))
      : undefined,
  );

  expect(failed).toEqual(['throttle_events']);
  expect(valuesOf(samples, 'watchkeeper_cloudwatch_failed_queries_total')).toEqual({ PartialData: 2 });
  const events = valuesOf(samples, 'dynamodb_throttle_events_total');
  expect(events).toEqual({ 'a  write': 0, 'b  write': 0 });
});

test('pages of CloudWatch are put together', async () => {
  const { samples } = await scrapeWith((request) => {
    if (request.call !== 'GetMetricData') return undefined;
    const isFirst = request.body['NextToken'] === undefined;
    const full = metricData(request, ({ metric, start }) => (metric === 'ReadThrottleEvents' ? { [start]: 2 } : {}));
    if (typeof full !== 'object' || !('value' in full)) return full;
    const { MetricDataResults } = full.value as { MetricDataResults: { StatusCode: string }[] };
    const cut = Math.floor(MetricDataResults.length / 2);
    if (!isFirst) return { value: { MetricDataResults: MetricDataResults.slice(cut) } };
    return { value: { MetricDataResults: MetricDataResults.slice(0, cut), NextToken: 'more' } };
  });

  expect(valuesOf(samples, 'watchkeeper_collector_success')).toMatchObject({ throttle_events: 1, request_errors: 1 });
  expect(valuesOf(samples, 'dynamodb_throttle_events_total')).toMatchObject({
    'a  read': 2,
    'b  read': 2,
    'a  write': 0,
  });
});

test.each([
  ['expired credentials', { error: 'ExpiredTokenException' }, /the AWS credentials have expired/, 'authentication'],
  [
    'another region’s signature',
    {
      error: 'InvalidSignatureException',
      message: "Credential should be scoped to a valid region, not 'eu-central-1'.",
    },
    /belong to another region/,
    'unknown_host',
  ],
  ['a missing permission', { error: 'AccessDeniedException' }, /the credentials lack dynamodb:ListTables/, 'privilege'],
] as const)('%s: the target is down, and why is told', async (_, answer, message, reason) => {
  const { samples, reason: told } = await scrapeWith(() => answer);

  expect(valuesOf(samples, 'dynamodb_up')).toEqual({ '': 0 });
  expect(told).toMatch(message);
  expect(valuesOf(samples, 'watchkeeper_target_login_failures_total')).toMatchObject({ [reason]: 1 });
});

test.each([
  ['nobody listens', async () => `http://127.0.0.1:${await freePort()}`, /nobody listens there/],
  [
    'a region that does not exist',
    async () => 'http://dynamodb.eu-nowhere-9.invalid',
    /host name is not known|name server/,
  ],
])('without a network (%s) the target is down, and why is told', async (_, endpoint, message) => {
  await using scraper = testScraper([watchedDynamodb({ endpoint: await endpoint(), timeoutMs: 4_000 })]);

  const samples = await scrapeOne(scraper, 'ledger', testSignal());

  expect(valuesOf(samples, 'dynamodb_up')).toEqual({ '': 0 });
  expect(scraper.states()[0]?.reason).toMatch(message);
});

test('CloudWatch that never answers costs a later scrape nothing', async () => {
  await using aws = await startScriptedAws((request) =>
    request.call === 'GetMetricData' ? 'stall' : healthy(request),
  );
  await using scraper = testScraper([watchedDynamodb({ endpoint: aws.endpoint, timeoutMs: 1_000 })]);
  await scrapeOne(scraper, 'ledger', testSignal());
  await vi.waitFor(
    async () => {
      const samples = await scrapeOne(scraper, 'ledger', testSignal());
      expect(valuesOf(samples, 'watchkeeper_cloudwatch_failed_queries_total')).toHaveProperty('timeout');
    },
    { timeout: 30_000, interval: 500 },
  );

  const startedAt = performance.now();
  const samples = await scrapeOne(scraper, 'ledger', testSignal());

  expect(performance.now() - startedAt).toBeLessThan(500);
  expect(valuesOf(samples, 'watchkeeper_collector_success')).toMatchObject({ tables: 1, throttle_events: 0 });
  expect(valuesOf(samples, 'dynamodb_throttle_events_total')).toEqual({});
});
