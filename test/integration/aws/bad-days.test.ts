import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startAwsFront } from '../../support/aws-front.ts';
import { freePort } from '../../support/free-port.ts';
import { type GivenAws, watchedLambda, watchedRds, watchedSqs } from '../../support/moto-aws.ts';
import { scrapeOne, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';
import { stubAwsCredentials } from '../../support/test-credentials.ts';

beforeEach(() => {
  stubAwsCredentials();
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('HOME', '/nonexistent');
});
afterEach(() => vi.unstubAllEnvs());

const nothing = 'http://127.0.0.1:1';
const free: GivenAws = { cloudwatch: { enabled: false } };

/** An answer of the protocol of RDS. */
const xmlError = (status: number, code: string, message = code) => ({
  status,
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
});

const empty = (call: string, list: string) => ({
  status: 200,
  body: `<${call}Response xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><${call}Result><${list}/></${call}Result></${call}Response>`,
});

const lists: Readonly<Record<string, string>> = {
  DescribeDBInstances: 'DBInstances',
  DescribeDBClusters: 'DBClusters',
  DescribeDBInstanceAutomatedBackups: 'DBInstanceAutomatedBackups',
  DescribeDBSnapshots: 'DBSnapshots',
  DescribeDBClusterSnapshots: 'DBClusterSnapshots',
  DescribePendingMaintenanceActions: 'PendingMaintenanceActions',
};

/** The first scrape of an account without databases where `spoil` answers some of the calls of RDS. */
async function scrapeRds(spoil: (call: string, count: number) => ReturnType<typeof xmlError> | undefined) {
  const counts = new Map<string, number>();
  await using front = await startAwsFront(nothing, ({ call }) => {
    const count = (counts.get(call) ?? 0) + 1;
    counts.set(call, count);
    return spoil(call, count) ?? empty(call, lists[call] ?? 'Nothing');
  });
  await using scraper = testScraper([watchedRds({ endpoint: front.endpoint }, free)]);
  const samples = await scrapeOne(scraper, 'ledger', testSignal());
  const success = valuesOf(samples, 'watchkeeper_collector_success');
  const failed = Object.keys(success).filter((family) => success[family] === 0);
  return { samples, failed, up: valuesOf(samples, 'rds_up')[''], reason: scraper.states()[0]?.reason ?? '' };
}

test.each([
  ['expired credentials', xmlError(403, 'ExpiredToken'), /the AWS credentials have expired/],
  ['wrong credentials', xmlError(403, 'InvalidClientTokenId'), /the AWS credentials are not valid/],
  ['a missing permission', xmlError(403, 'AccessDenied'), /the credentials lack rds:DescribeDBInstances/],
  [
    'another region’s signature',
    xmlError(403, 'SignatureDoesNotMatch', "Credential should be scoped to a valid region, not 'eu-central-1'."),
    /belong to another region/,
  ],
])('%s: the target is down, and why is told', async (_, answer, reason) => {
  const { up, reason: told } = await scrapeRds(() => answer);

  expect(up).toBe(0);
  expect(told).toMatch(reason);
});

test('throttling is answered by asking again, and is counted', async () => {
  const { samples, failed } = await scrapeRds((call, count) =>
    call === 'DescribeDBSnapshots' && count === 1 ? xmlError(400, 'Throttling', 'Rate exceeded') : undefined,
  );

  expect(failed).toEqual([]);
  expect(valuesOf(samples, 'watchkeeper_aws_throttled_requests_total')).toMatchObject({ 'rds DescribeDBSnapshots': 1 });
});

test('a permission that is missing for snapshots fails that family alone', async () => {
  const { failed, up } = await scrapeRds((call) =>
    call === 'DescribeDBSnapshots' ? xmlError(403, 'AccessDenied') : undefined,
  );

  expect([failed, up]).toEqual([['snapshots'], 1]);
});

test('a service that does not know pending maintenance shows the rest', async () => {
  const { failed } = await scrapeRds((call) =>
    call === 'DescribePendingMaintenanceActions' ? xmlError(400, 'InvalidAction') : undefined,
  );

  expect(failed).toEqual([]);
});

test('a list that never ends is given up', async () => {
  const page = empty('DescribeDBInstances', 'DBInstances');
  const endless = { ...page, body: page.body.replace('<DBInstances/>', '<DBInstances/><Marker>more</Marker>') };
  const { failed } = await scrapeRds((call, count) =>
    call === 'DescribeDBInstances' && count > 1 ? endless : undefined,
  );

  expect(failed).toContain('instances');
});

test.each([
  ['rds', watchedRds],
  ['sqs', watchedSqs],
  ['lambda', watchedLambda],
] as const)('no network: %s is down, and nothing waits longer than a scrape', async (engine, watched) => {
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  await using scraper = testScraper([watched({ endpoint, timeoutMs: 500 }, free)]);
  const startedAt = performance.now();

  const samples = await scrapeOne(scraper, 'ledger', testSignal());

  expect(valuesOf(samples, `${engine}_up`)).toEqual({ '': 0 });
  expect(scraper.states()[0]?.reason).toMatch(/nobody listens there/);
  expect(performance.now() - startedAt).toBeLessThan(9_500);
});
