import { expect, test } from 'vitest';
import type { FrontAnswer, FrontRequest } from '../../support/aws-front.ts';
import { awsGolden } from '../../support/aws-golden.ts';
import { watchedLambda } from '../../support/moto-aws.ts';
import { valuesOf } from '../../support/scrape.ts';

const arn = (name: string) => `arn:aws:lambda:eu-central-1:123456789012:function:${name}`;

const described = (FunctionName: string, others: object = {}) => ({
  FunctionName,
  FunctionArn: arn(FunctionName),
  Runtime: 'nodejs24.x',
  Architectures: ['arm64'],
  PackageType: 'Zip',
  Timeout: 30,
  MemorySize: 512,
  CodeSize: 1_000,
  LastModified: '2026-11-01T10:00:00.000+0000',
  ...others,
});

/** Two pages of functions: moto needs Docker and a role for functions of its own. */
const pages: Readonly<Record<string, object>> = {
  first: { Functions: [described('prod-orders'), described('elsewhere')], NextMarker: 'more' },
  more: {
    Functions: [described('prod-clicks', { DeadLetterConfig: { TargetArn: 'arn:aws:sqs:eu-central-1:1:lost' } })],
  },
};

const mappings = [
  {
    UUID: 'u-1',
    FunctionArn: arn('prod-clicks'),
    EventSourceArn: 'arn:aws:kinesis:eu-central-1:1:stream/clicks',
    State: 'Enabled',
    BatchSize: 100,
  },
  {
    UUID: 'u-2',
    FunctionArn: `${arn('prod-orders')}:live`,
    EventSourceArn: 'arn:aws:sqs:eu-central-1:1:orders',
    State: 'Disabled',
    BatchSize: 10,
  },
];

const limits = {
  AccountLimit: { ConcurrentExecutions: 1_000, UnreservedConcurrentExecutions: 900, TotalCodeSize: 80_530_636_800 },
  AccountUsage: { TotalCodeSize: 12_345, FunctionCount: 3 },
};

function answer({ path }: FrontRequest): FrontAnswer | undefined {
  const url = new URL(path, 'http://lambda');
  const json = (value: unknown) => ({ status: 200, contentType: 'application/json', body: JSON.stringify(value) });
  if (/\/functions\/?$/.test(url.pathname)) return json(pages[url.searchParams.get('Marker') ?? 'first']);
  if (url.pathname.includes('event-source-mappings')) return json({ EventSourceMappings: mappings });
  return url.pathname.includes('account-settings') ? json(limits) : undefined;
}

const measuredOf = (FunctionName: string, metric: string, value: number) => ({
  metric,
  dimensions: { FunctionName },
  value,
});

const played = awsGolden({
  engine: 'lambda',
  make: async () => undefined,
  watched: watchedLambda,
  select: { names: ['gone'], prefixes: ['prod-'] },
  measured: [
    measuredOf('prod-orders', 'Invocations', 200),
    measuredOf('prod-orders', 'Errors', 20),
    measuredOf('prod-orders', 'Duration', 35),
    measuredOf('prod-clicks', 'IteratorAge', 90_000),
    measuredOf('prod-orders', 'ConcurrentExecutions', 7),
    { metric: 'ConcurrentExecutions', dimensions: {}, value: 42 },
  ],
  lacking: answer,
  masked: /nothing else/,
});

test('functions of all pages are found, and one that is called by name and not there is told', async () => {
  expect(valuesOf(await played.scrape(), 'lambda_function_exists')).toEqual({
    'prod-clicks': 1,
    'prod-orders': 1,
    gone: 0,
  });
});

test('the error rate is that of the newest period, and there is none without invocations', async () => {
  expect(valuesOf(await played.scrape(), 'lambda_error_ratio')).toEqual({ 'prod-orders': 0.1 });
});

test('only functions that read a stream are asked how far they are behind', async () => {
  const asked = played.asked().filter(({ metric }) => metric === 'IteratorAge');

  expect(new Set(asked.map(({ dimensions }) => dimensions['FunctionName']))).toEqual(new Set(['prod-clicks']));
});

test('concurrency of a function and of the account are told apart', async () => {
  const samples = await played.scrape();

  const found = samples.filter(({ metric }) => metric.name === 'aws_lambda_concurrent_executions_maximum');
  expect(found.map(({ labelValues, value }) => [labelValues[0], labelValues[3], value])).toEqual([
    ['global', '', 42],
    [arn('prod-orders'), 'prod-orders', 7],
  ]);
});
