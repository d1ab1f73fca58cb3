import { expect, test } from 'vitest';
import { type FrontAnswer, startAwsFront } from '../../support/aws-front.ts';
import { watchedLambda } from '../../support/moto-aws.ts';
import { playFunctions } from '../../support/played-functions.ts';
import { scrapeOne, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';
import { useAwsCredentials } from '../../support/test-credentials.ts';

useAwsCredentials();

const answer = (status: number, value: object): FrontAnswer => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(value),
});
const denied = answer(403, { __type: 'AccessDeniedException', message: 'not authorised' });

/** The first scrape of an account where `spoil` answers some paths; two functions are chosen. */
async function scrapeWith(spoil: (path: string) => FrontAnswer | undefined) {
  await using front = await startAwsFront(
    'http://127.0.0.1:1',
    (request) => spoil(request.path) ?? playFunctions(request),
  );
  const given = { select: { prefixes: ['prod-'] }, cloudwatch: { enabled: false } };
  await using scraper = testScraper([watchedLambda({ endpoint: front.endpoint }, given)]);
  const samples = await scrapeOne(scraper, 'ledger', testSignal());
  return {
    reserved: valuesOf(samples, 'lambda_function_reserved_concurrency'),
    success: valuesOf(samples, 'watchkeeper_collector_success'),
    asked: front.requests.map(({ path }) => path).filter((path) => path.endsWith('/concurrency')).length,
  };
}

test('every function that is watched is asked once what is reserved for it', async () => {
  const { reserved, asked } = await scrapeWith(() => undefined);

  expect(reserved).toEqual({ 'prod-orders': 100 });
  expect(asked).toBe(2);
});

test('no function is asked while the account has nothing reserved', async () => {
  const AccountLimit = { ConcurrentExecutions: 1_000, UnreservedConcurrentExecutions: 1_000 };
  const { reserved, success, asked } = await scrapeWith((path) =>
    path.includes('account-settings') ? answer(200, { AccountLimit }) : undefined,
  );

  expect(reserved).toEqual({});
  expect(success['reserved_concurrency']).toBe(1);
  expect(asked).toBe(0);
});

test('functions are asked one by one where the quotas are not to be had', async () => {
  const { reserved, success } = await scrapeWith((path) => (path.includes('account-settings') ? denied : undefined));

  expect(reserved).toEqual({ 'prod-orders': 100 });
  expect([success['account'], success['reserved_concurrency']]).toEqual([0, 1]);
});

test('a permission that is missing for it fails that family alone', async () => {
  const { success } = await scrapeWith((path) => (path.endsWith('/concurrency') ? denied : undefined));

  expect(Object.keys(success).filter((family) => success[family] === 0)).toEqual(['reserved_concurrency']);
});

test('a function that is deleted meanwhile has nothing reserved, and that is no failure', async () => {
  const gone = answer(404, { __type: 'ResourceNotFoundException', message: 'Function not found' });
  const { reserved, success } = await scrapeWith((path) =>
    path.endsWith('/prod-clicks/concurrency') ? gone : undefined,
  );

  expect(reserved).toEqual({ 'prod-orders': 100 });
  expect(success['reserved_concurrency']).toBe(1);
});
