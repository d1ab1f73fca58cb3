import { expect, test } from 'vitest';
import { type FrontAnswer, startAwsFront } from '../../support/aws-front.ts';
import { watchedElasticache } from '../../support/moto-aws.ts';
import { playCaches } from '../../support/played-caches.ts';
import { scrapeOne, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';
import { useAwsCredentials } from '../../support/test-credentials.ts';

useAwsCredentials();

const refused = (status: number, code: string): FrontAnswer => ({
  status,
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${code}</Message></Error></ErrorResponse>`,
});
const noGroups: FrontAnswer = {
  status: 200,
  body: '<DescribeReplicationGroupsResponse><DescribeReplicationGroupsResult><ReplicationGroups/></DescribeReplicationGroupsResult></DescribeReplicationGroupsResponse>',
};

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
    call === 'DescribeServerlessCaches' ? refused(403, 'AccessDenied') : undefined,
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
