import { expect, test } from 'vitest';
import { createScraper } from '../../../src/collectors/scrape.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLog } from '../../../src/core/log.ts';
import { startAwsFront } from '../../support/aws-front.ts';
import { longDelayMs, playCloudwatch, watchedLambda } from '../../support/moto-aws.ts';
import { playFunctions } from '../../support/played-functions.ts';
import { scrapeOne, valuesOf } from '../../support/scrape.ts';
import { askedSeries, startScriptedAws } from '../../support/scripted-aws.ts';
import { testSignal } from '../../support/test-context.ts';
import { useAwsCredentials } from '../../support/test-credentials.ts';

useAwsCredentials();

test('two targets share the limit of the daemon: the second finds what the first left, and both tell the limit', async () => {
  await using front = await startAwsFront('http://127.0.0.1:1', playFunctions);
  await using cloudwatch = await startScriptedAws(playCloudwatch([]));
  const access = { endpoint: front.endpoint, cloudwatchEndpoint: cloudwatch.endpoint };
  const one = watchedLambda(access, { cloudwatch: { delay: longDelayMs() } });
  // 0.075 dollars a month are ten requests an hour.
  await using scraper = createScraper({
    targets: [one, { ...one, name: 'second' }],
    clock: systemClock,
    log: silentLog,
    concurrency: 1,
    cloudwatchMonthlyLimit: 0.075,
  });

  const first = await scrapeOne(scraper, 'ledger', testSignal());
  const second = await scrapeOne(scraper, 'second', testSignal());

  const billed = [first, second].map((samples) => valuesOf(samples, 'watchkeeper_cloudwatch_billed_requests_total'));
  expect(billed).toEqual([
    { GetMetricData: 10, ListMetrics: 0 },
    { GetMetricData: 0, ListMetrics: 0 },
  ]);
  expect(new Set(cloudwatch.requests.flatMap(askedSeries).map(({ metric }) => metric))).toContain('Invocations');
  for (const samples of [first, second]) {
    expect(valuesOf(samples, 'watchkeeper_cloudwatch_common_monthly_limit_dollars')).toEqual({ '': 0.075 });
    expect(valuesOf(samples, 'watchkeeper_cloudwatch_requests_over_limit_total')['']).toBeGreaterThan(0);
  }
});
