import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { engines, type WatchedTarget } from '../../src/collectors/engines.ts';
import type { Scraper } from '../../src/collectors/scraper.ts';
import type { Sample } from '../../src/core/metric.ts';
import { type AwsFront, type FrontAnswer, type FrontRequest, startAwsFront } from './aws-front.ts';
import { goldenPage } from './golden-page.ts';
import { type Moto, startMoto } from './moto.ts';
import { type GivenAws, longDelayMs, type Measured, playCloudwatch } from './moto-aws.ts';
import { scrapeOne, testScraper, valuesOf } from './scrape.ts';
import { type AskedSeries, askedSeries, type ScriptedAws, startScriptedAws } from './scripted-aws.ts';
import { testSignal } from './test-context.ts';
import { stubAwsCredentials } from './test-credentials.ts';

type Access = { readonly endpoint: string; readonly cloudwatchEndpoint: string };

interface AwsGolden {
  readonly engine: 'rds' | 'elasticache' | 'sqs' | 'lambda';
  /** Makes what is watched; given is moto's endpoint. */
  readonly make: (endpoint: string) => Promise<void>;
  readonly watched: (access: Access, given: GivenAws) => WatchedTarget;
  readonly select: Readonly<Record<string, unknown>>;
  readonly measured: readonly Measured[];
  /** What moto does not play. */
  readonly lacking?: (request: FrontRequest) => FrontAnswer | undefined;
  /** Lines with these have other values in each run. */
  readonly masked: RegExp;
  /** Labels that are different in each run. */
  readonly maskedLabels?: RegExp;
}

export interface PlayedAws {
  scrape(): Promise<readonly Sample[]>;
  /** What CloudWatch was asked. */
  asked(): AskedSeries[];
}

const always = /newest_period|watchkeeper_aws|billed_requests|cost/;

/** Plays a service with moto and a scripted CloudWatch, and holds the page of each family against the one that is written down. */
export function awsGolden(given: AwsGolden): PlayedAws {
  let moto: Moto;
  let front: AwsFront;
  let cloudwatch: ScriptedAws;
  let scraper: Scraper;
  const { collectors, up } = engines[given.engine];
  const played: PlayedAws = {
    scrape: () => scrapeOne(scraper, 'ledger', testSignal()),
    asked: () => cloudwatch.requests.flatMap(askedSeries),
  };

  beforeAll(async () => {
    stubAwsCredentials();
    moto = await startMoto();
    await given.make(moto.endpoint);
    front = await startAwsFront(moto.endpoint, given.lacking ?? (() => undefined));
    cloudwatch = await startScriptedAws(playCloudwatch(given.measured));
    const access = { endpoint: front.endpoint, cloudwatchEndpoint: cloudwatch.endpoint };
    const watch = { collectors: Object.fromEntries(collectors.map(({ name }) => [name, true])) };
    scraper = testScraper([
      given.watched(access, { watch, select: given.select, cloudwatch: { delay: longDelayMs() } }),
    ]);
    await scrapeOne(scraper, 'ledger', new AbortController().signal);
  });

  afterAll(async () => {
    await scraper?.[Symbol.asyncDispose]();
    await cloudwatch?.[Symbol.asyncDispose]();
    await front?.[Symbol.asyncDispose]();
    await moto?.[Symbol.asyncDispose]();
    vi.unstubAllEnvs();
  });

  test.each(collectors.map(({ name }) => name))('the family %s gives the page that is written down', async (family) => {
    const { metrics = [] } = collectors.find(({ name }) => name === family) ?? {};
    const masked = new RegExp(`${always.source}|${given.masked.source}`);

    const page = goldenPage(await played.scrape(), metrics, masked);

    const text = given.maskedLabels === undefined ? page : page.replaceAll(given.maskedLabels, '$1="…"');
    const file = join(import.meta.dirname, '../integration/aws/golden', given.engine, `${family}.txt`);
    await expect(text).toMatchFileSnapshot(file);
  });

  test('every family succeeds, and the target is up', async () => {
    const samples = await played.scrape();

    const success = Object.entries(valuesOf(samples, 'watchkeeper_collector_success'));
    expect(success.filter(([, value]) => value !== 1)).toEqual([]);
    expect(valuesOf(samples, up.name)).toEqual({ '': 1 });
  });

  return played;
}
