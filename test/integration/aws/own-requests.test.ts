import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createSelfMetrics } from '../../../src/collectors/self-metrics.ts';
import { readAwsSecret } from '../../../src/config/aws-secret.ts';
import { awsRequests } from '../../../src/core/aws-requests.ts';
import { type FrontAnswer, type FrontRequest, startAwsFront } from '../../support/aws-front.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { watchedDynamodb } from '../../support/moto-dynamodb.ts';
import { scrapeOne, testScraper } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';
import { useAwsCredentials } from '../../support/test-credentials.ts';

let moto: Moto;
beforeAll(async () => {
  moto = await startMoto();
});
afterAll(async () => {
  await moto?.[Symbol.asyncDispose]();
});
useAwsCredentials();

/** What was counted for one call since the beginning of the test, by metric without its beginning. */
function countsOf(service: string, call: string) {
  const now = () => awsRequests.all.find((one) => one.service === service && one.call === call);
  const before = structuredClone(now());
  const added = (known: ReadonlyMap<string, number> = new Map(), all: ReadonlyMap<string, number> = new Map()) =>
    Object.fromEntries(
      [...all].map(([reason, count]) => [reason, count - (known.get(reason) ?? 0)]).filter(([, n]) => n),
    );
  return () => ({
    requests: (now()?.requests ?? 0) - (before?.requests ?? 0),
    throttles: added(before?.throttles, now()?.throttles),
    errors: added(before?.errors, now()?.errors),
  });
}

/** Answers the first requests that fit with a fault; all else goes to moto. */
function faults(count: number, fits: (request: FrontRequest) => boolean, fault: FrontAnswer) {
  let left = count;
  return startAwsFront(moto.endpoint, (request) => (fits(request) && left-- > 0 ? fault : undefined));
}

const slowDown = {
  status: 503,
  body: '<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>',
};

test('a backup that S3 slows down is stored, and the throttles that the SDK hides are counted', async () => {
  const counts = countsOf('s3', 'PutObject');
  await using front = await faults(2, ({ method }) => method === 'PUT', slowDown);
  await using store = await moto.openStore({ endpoint: front.endpoint });

  await store.put('a/part', Readable.from([Buffer.from('content')]), testSignal());

  expect(counts()).toEqual({ requests: 3, throttles: { SlowDown: 2 }, errors: {} });
});

test('an answer without a name is told by its status, and what is not there is no failure', async () => {
  const counts = countsOf('s3', 'HeadObject');
  await using front = await faults(1, ({ method }) => method === 'HEAD', { status: 500, body: '' });
  await using store = await moto.openStore({ endpoint: front.endpoint });

  expect(await store.head('a/nothing', testSignal())).toBeUndefined();

  expect(counts()).toEqual({ requests: 2, throttles: {}, errors: { 'HTTP 500': 1 } });
});

test('a connection that breaks is told by what happened to it', async () => {
  const counts = countsOf('s3', 'HeadObject');
  await using server = createServer((request) => request.socket.resetAndDestroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const limits = { connectTimeoutMs: 1_000, idleTimeoutMs: 1_000, attempts: 2 };
  await using store = await moto.openStore({ endpoint, limits });

  await expect(store.head('a/b', testSignal())).rejects.toMatchObject({ kind: 'unavailable' });

  expect(counts()).toEqual({ requests: 2, throttles: {}, errors: { ECONNRESET: 2 } });
});

test('throttles of Secrets Manager, DynamoDB and CloudWatch are counted too', async () => {
  const [secrets, tables, metrics] = [
    countsOf('secretsmanager', 'GetSecretValue'),
    countsOf('dynamodb', 'ListTables'),
    countsOf('cloudwatch', 'GetMetricData'),
  ];
  const throttled = {
    status: 400,
    contentType: 'application/x-amz-json-1.1',
    body: '{"__type":"ThrottlingException"}',
  };
  const seen = new Set<string>();
  await using front = await startAwsFront(moto.endpoint, ({ call }) => {
    if (seen.has(call)) return undefined;
    seen.add(call);
    return throttled;
  });

  const { endpoint } = front;
  const refused = await readAwsSecret({ id: 'none' }, { region: 'eu-central-1', endpoint }).catch(
    (error) => error.message,
  );
  await using scraper = testScraper([watchedDynamodb({ endpoint })]);
  await scrapeOne(scraper, 'ledger', testSignal());
  // Asked beside the scrape, once the tables are known.
  await vi.waitFor(() => expect(metrics().requests).toBeGreaterThan(0), 30_000);

  expect(refused).toMatch(/there is no such secret/);
  expect(secrets()).toMatchObject({ requests: 2, throttles: { ThrottlingException: 1 } });
  expect(tables()).toMatchObject({ throttles: { ThrottlingException: 1 } });
  expect(metrics()).toMatchObject({ throttles: { ThrottlingException: 1 } });
});

test('the counts are metrics of the daemon', async () => {
  awsRequests.note('s3', 'UploadPart', Object.assign(new Error('slow'), { name: 'SlowDown' }));
  awsRequests.note('s3', 'UploadPart', Object.assign(new Error('no'), { name: 'AccessDenied' }));

  const samples = await createSelfMetrics({ version: 'test' }).samples();

  const own = samples.filter(({ labelValues }) => labelValues[1] === 'UploadPart');
  expect(own.map(({ metric, labelValues, value }) => [metric.name, ...labelValues, value])).toEqual([
    ['watchkeeper_aws_api_requests_total', 's3', 'UploadPart', 2],
    ['watchkeeper_aws_api_throttles_total', 's3', 'UploadPart', 'SlowDown', 1],
    ['watchkeeper_aws_api_errors_total', 's3', 'UploadPart', 'AccessDenied', 1],
  ]);
});
