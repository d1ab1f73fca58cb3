import { expect, test } from 'vitest';
import { awsGolden } from '../../support/aws-golden.ts';
import { watchedLambda } from '../../support/moto-aws.ts';
import { functionArn, playFunctions } from '../../support/played-functions.ts';
import { valuesOf } from '../../support/scrape.ts';

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
    { metric: 'UnreservedConcurrentExecutions', dimensions: {}, value: 9 },
  ],
  lacking: playFunctions,
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
    [functionArn('prod-orders'), 'prod-orders', 7],
  ]);
});

test('shares of what is reserved, of the quota and of what is left of it', async () => {
  const samples = await played.scrape();

  expect(valuesOf(samples, 'lambda_function_reserved_concurrency')).toEqual({ 'prod-orders': 100 });
  expect(valuesOf(samples, 'lambda_function_reserved_concurrency_used_ratio')).toEqual({ 'prod-orders': 0.07 });
  expect(valuesOf(samples, 'lambda_account_concurrency_used_ratio')).toEqual({ '': 0.042 });
  expect(valuesOf(samples, 'lambda_account_unreserved_concurrency_used_ratio')).toEqual({ '': 0.01 });
});
