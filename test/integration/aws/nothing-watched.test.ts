import { expect, test } from 'vitest';
import { startAwsFront } from '../../support/aws-front.ts';
import { watchedLambda } from '../../support/moto-aws.ts';
import { playFunctions } from '../../support/played-functions.ts';
import { scrapeOne, testScraper, valuesOf } from '../../support/scrape.ts';
import { testSignal } from '../../support/test-context.ts';
import { useAwsCredentials } from '../../support/test-credentials.ts';

useAwsCredentials();

test.each([
  ['that fits', ['prod-'], 2],
  ['that fits nothing, as in a wrong region', ['staging-'], 0],
])('a selection %s: the target is up, and how much is watched is told', async (_, prefixes, watched) => {
  await using front = await startAwsFront('http://127.0.0.1:1', playFunctions);
  const given = { select: { prefixes }, cloudwatch: { enabled: false } };
  await using scraper = testScraper([watchedLambda({ endpoint: front.endpoint }, given)]);
  // The first scrape looks; what it found is told by the next one.
  await scrapeOne(scraper, 'ledger', testSignal());

  const samples = await scrapeOne(scraper, 'ledger', testSignal());

  expect(valuesOf(samples, 'lambda_up')).toEqual({ '': 1 });
  expect(valuesOf(samples, 'watchkeeper_aws_resources_watched')).toEqual({ '': watched });
});
