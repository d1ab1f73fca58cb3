import { expect, test } from 'vitest';
import { type FrontAnswer, startAwsFront } from '../../support/aws-front.ts';
import { watchedElasticache } from '../../support/moto-aws.ts';
import { playCaches } from '../../support/played-caches.ts';
import { scrapeOne, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';
import { useAwsCredentials } from '../../support/test-credentials.ts';

useAwsCredentials();

const patience = { timeout: 10_000 };

const refused = (status: number, code: string): FrontAnswer => ({
  status,
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${code}</Message></Error></ErrorResponse>`,
});
const answered = (call: string, result: string): FrontAnswer => ({
  status: 200,
  body: `<${call}Response><${call}Result>${result}</${call}Result></${call}Response>`,
});
const noGroups = answered('DescribeReplicationGroups', '<ReplicationGroups/>');
const oneGroup = answered(
  'DescribeReplicationGroups',
  '<ReplicationGroups><ReplicationGroup><ReplicationGroupId>orders</ReplicationGroupId><ARN>arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:orders</ARN><Status>available</Status></ReplicationGroup></ReplicationGroups>',
);
const noClusters = answered('DescribeCacheClusters', '<CacheClusters/>');
const denied = refused(403, 'AccessDenied');

/** Scrapes again and again, of caches that are looked at five times a second, while `answers` may change. */
async function watchChanging(select: Readonly<Record<string, unknown>>, answers: Map<string, FrontAnswer>) {
  const front = await startAwsFront('http://127.0.0.1:1', ({ call }) => answers.get(call) ?? denied);
  const given = { select, watch: { refresh: '200ms' }, cloudwatch: { enabled: false } };
  const scraper = testScraper([watchedElasticache({ endpoint: front.endpoint }, given)]);
  const scrape = () => scrapeOne(scraper, 'ledger', testSignal());
  return {
    exists: async () => valuesOf(await scrape(), 'elasticache_exists'),
    watched: async () => valuesOf(await scrape(), 'watchkeeper_aws_resources_watched'),
    looks: () => front.requests.filter(({ call }) => call === 'DescribeServerlessCaches').length,
    [Symbol.asyncDispose]: async () => {
      await scraper[Symbol.asyncDispose]();
      await front[Symbol.asyncDispose]();
    },
  };
}

/** The first scrape of an account without replication groups where `spoil` answers some calls. */
async function scrapeWith(
  select: Readonly<Record<string, unknown>>,
  spoil: (call: string) => FrontAnswer | undefined = () => undefined,
) {
  await using front = await startAwsFront(
    'http://127.0.0.1:1',
    (request) =>
      spoil(request.call) ??
      (request.call === 'DescribeReplicationGroups' ? noGroups : playCaches(request)) ??
      refused(400, 'NotPlayed'),
  );
  const given = { select, cloudwatch: { enabled: false } };
  await using scraper = testScraper([watchedElasticache({ endpoint: front.endpoint }, given)]);
  const samples = await scrapeOne(scraper, 'ledger', testSignal());
  return {
    exists: valuesOf(samples, 'elasticache_exists'),
    success: valuesOf(samples, 'watchkeeper_collector_success'),
    calls: front.requests.map(({ call }) => call),
  };
}

test('nodes are shown all the same where serverless caches may not be listed, and nothing is called missing', async () => {
  const { exists, success } = await scrapeWith({ names: ['elsewhere', 'prod-carts'] }, (call) =>
    call === 'DescribeServerlessCaches' ? denied : undefined,
  );

  expect(exists).toEqual({ elsewhere: 1 });
  expect([success['nodes'], success['serverless'], success['own_calls']]).toEqual([0, 0, 1]);
});

test('a region that does not know serverless caches has none, and no family fails', async () => {
  const { exists, success } = await scrapeWith({ names: ['elsewhere'] }, (call) =>
    call === 'DescribeServerlessCaches' ? refused(400, 'InvalidAction') : undefined,
  );

  expect(exists).toEqual({ elsewhere: 1 });
  expect(Object.values(success)).not.toContain(0);
});

test('snapshots of serverless caches are asked for where such caches are watched', async () => {
  const nodesOnly = await scrapeWith({ names: ['elsewhere'] });
  const serverless = await scrapeWith({ names: ['prod-carts'] });

  expect(nodesOnly.calls).not.toContain('DescribeServerlessCacheSnapshots');
  expect(serverless.calls).toContain('DescribeServerlessCacheSnapshots');
  expect(serverless.exists).toEqual({ 'prod-carts': 1 });
});

test('a group that is gone is missing, look after look, where serverless caches may not be listed', async () => {
  const answers = new Map([
    ['DescribeReplicationGroups', oneGroup],
    ['DescribeCacheClusters', noClusters],
  ]);
  await using caches = await watchChanging({ names: ['orders', 'carts'] }, answers);
  expect(await caches.exists()).toEqual({ orders: 1 });

  answers.set('DescribeReplicationGroups', noGroups);

  // "carts" may be one of those that are not told.
  await expect.poll(caches.exists, patience).toEqual({ orders: 0 });
  const before = caches.looks();
  await expect.poll(async () => (await caches.exists()) && caches.looks(), patience).toBeGreaterThan(before + 2);
  await expect.poll(caches.exists, patience).toEqual({ orders: 0 });
});

test('nothing beside serverless caches that may not be listed is not called nothing watched', async () => {
  const answers = new Map([
    ['DescribeReplicationGroups', noGroups],
    ['DescribeCacheClusters', noClusters],
  ]);
  await using caches = await watchChanging({}, answers);
  await caches.exists();
  expect(await caches.watched()).toEqual({});

  answers.set('DescribeServerlessCaches', answered('DescribeServerlessCaches', '<ServerlessCaches/>'));

  await expect.poll(caches.watched, patience).toEqual({ '': 0 });
});

test('how much is watched is no longer told when looks fail for longer than what they found is shown', async () => {
  const answers = new Map([
    ['DescribeReplicationGroups', oneGroup],
    ['DescribeCacheClusters', noClusters],
  ]);
  await using caches = await watchChanging({}, answers);
  await expect.poll(caches.watched, patience).toEqual({ '': 1 });

  answers.clear();

  await expect.poll(caches.watched, patience).toEqual({});
  await expect.poll(caches.exists, patience).toEqual({});
});
