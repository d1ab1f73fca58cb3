import { cloudwatchSettings } from '../../src/collectors/cloudwatch/settings.ts';
import { cacheSelection, elasticacheWatchSettings } from '../../src/collectors/elasticache/settings.ts';
import type { WatchedElasticache } from '../../src/collectors/elasticache/watch.ts';
import { functionSelection, lambdaWatchSettings } from '../../src/collectors/lambda/settings.ts';
import type { WatchedLambda } from '../../src/collectors/lambda/watch.ts';
import { databaseSelection, rdsWatchSettings } from '../../src/collectors/rds/settings.ts';
import type { WatchedRds } from '../../src/collectors/rds/watch.ts';
import { queueSelection, sqsWatchSettings } from '../../src/collectors/sqs/settings.ts';
import type { WatchedSqs } from '../../src/collectors/sqs/watch.ts';
import type { AwsAccess } from '../../src/targets/aws/settings.ts';
import { testRegion } from './moto-dynamodb.ts';
import { type AskedSeries, type AwsAnswer, type AwsRequest, metricData } from './scripted-aws.ts';

/** What a target of AWS is given in a test; the rest is as the configuration would have it. */
export interface GivenAws {
  readonly select?: Readonly<Record<string, unknown>>;
  readonly watch?: Readonly<Record<string, unknown>>;
  readonly cloudwatch?: Readonly<Record<string, unknown>>;
}

export const motoOptions = (endpoint: string) => ({
  region: testRegion,
  endpoint,
  credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
});

function testAccess(access: Partial<AwsAccess>): AwsAccess {
  const nothing = { profile: undefined, endpoint: undefined, cloudwatchEndpoint: undefined };
  return { region: testRegion, ...nothing, timeoutMs: 4_000, ...access };
}

function watchOf({ watch, cloudwatch = {} }: GivenAws) {
  return { ...watch, cloudwatch: cloudwatchSettings.parse(cloudwatch) };
}

export function watchedRds(access: Partial<AwsAccess>, given: GivenAws = {}): WatchedRds {
  return {
    name: 'ledger',
    engine: 'rds',
    access: testAccess(access),
    databases: databaseSelection.parse(given.select ?? {}),
    watch: rdsWatchSettings.parse(watchOf(given)),
  };
}

export function watchedElasticache(access: Partial<AwsAccess>, given: GivenAws = {}): WatchedElasticache {
  return {
    name: 'ledger',
    engine: 'elasticache',
    access: testAccess(access),
    caches: cacheSelection.parse(given.select ?? {}),
    watch: elasticacheWatchSettings.parse(watchOf(given)),
  };
}

export function watchedSqs(access: Partial<AwsAccess>, given: GivenAws = {}): WatchedSqs {
  return {
    name: 'ledger',
    engine: 'sqs',
    access: testAccess(access),
    queues: queueSelection.parse(given.select ?? {}),
    watch: sqsWatchSettings.parse(watchOf(given)),
  };
}

export function watchedLambda(access: Partial<AwsAccess>, given: GivenAws = {}): WatchedLambda {
  return {
    name: 'ledger',
    engine: 'lambda',
    access: testAccess(access),
    functions: functionSelection.parse(given.select ?? {}),
    watch: lambdaWatchSettings.parse(watchOf(given)),
  };
}

/** What CloudWatch has in every period of a metric with exactly these dimensions. */
export interface Measured {
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly value: number;
  /** Statistics that have another value. */
  readonly others?: Readonly<Record<string, number>>;
}

/** Plays CloudWatch; moto knows no percentiles. `pointsOf` tells what there is of a series, by instants in seconds: by default one point. */
export function playCloudwatch(
  measured: readonly Measured[],
  pointsOf: (found: Measured, asked: AskedSeries) => Readonly<Record<number, number>> = ofFirstPeriod,
): (request: AwsRequest) => AwsAnswer {
  return (request) => {
    if (request.call === 'ListMetrics') return { value: { Metrics: listed(measured, request.body['MetricName']) } };
    return metricData(request, (asked) => {
      const found = measured.find((one) => one.metric === asked.metric && isSame(one.dimensions, asked.dimensions));
      return found === undefined ? {} : pointsOf(found, asked);
    });
  };
}

function ofFirstPeriod({ value, others }: Measured, { start, statistic }: AskedSeries) {
  return { [start]: others?.[statistic] ?? value };
}

function isSame(a: object, b: object): boolean {
  return JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
}

function listed(measured: readonly Measured[], name: unknown) {
  return measured
    .filter(({ metric }) => metric === name)
    .map(({ metric, dimensions }) => ({
      MetricName: metric,
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    }));
}

/** A delay with which the next period is final in five minutes, not while the tests run. */
export function longDelayMs(): number {
  const leastMs = 180_000;
  return leastMs + ((Date.now() - leastMs) % 300_000);
}
