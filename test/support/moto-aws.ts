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
import { type AwsAnswer, type AwsRequest, metricData } from './scripted-aws.ts';

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

export function watchedRds(access: Partial<AwsAccess>, given: GivenAws = {}): WatchedRds {
  const cloudwatch = cloudwatchSettings.parse(given.cloudwatch ?? {});
  return {
    name: 'ledger',
    engine: 'rds',
    access: testAccess(access),
    databases: databaseSelection.parse(given.select ?? {}),
    watch: rdsWatchSettings.parse({ ...given.watch, cloudwatch }),
  };
}

export function watchedElasticache(access: Partial<AwsAccess>, given: GivenAws = {}): WatchedElasticache {
  const cloudwatch = cloudwatchSettings.parse(given.cloudwatch ?? {});
  return {
    name: 'ledger',
    engine: 'elasticache',
    access: testAccess(access),
    caches: cacheSelection.parse(given.select ?? {}),
    watch: elasticacheWatchSettings.parse({ ...given.watch, cloudwatch }),
  };
}

export function watchedSqs(access: Partial<AwsAccess>, given: GivenAws = {}): WatchedSqs {
  const cloudwatch = cloudwatchSettings.parse(given.cloudwatch ?? {});
  return {
    name: 'ledger',
    engine: 'sqs',
    access: testAccess(access),
    queues: queueSelection.parse(given.select ?? {}),
    watch: sqsWatchSettings.parse({ ...given.watch, cloudwatch }),
  };
}

export function watchedLambda(access: Partial<AwsAccess>, given: GivenAws = {}): WatchedLambda {
  const cloudwatch = cloudwatchSettings.parse(given.cloudwatch ?? {});
  return {
    name: 'ledger',
    engine: 'lambda',
    access: testAccess(access),
    functions: functionSelection.parse(given.select ?? {}),
    watch: lambdaWatchSettings.parse({ ...given.watch, cloudwatch }),
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

/** Plays CloudWatch; moto knows no percentiles. */
export function playCloudwatch(measured: readonly Measured[]): (request: AwsRequest) => AwsAnswer {
  return (request) =>
    metricData(request, ({ metric, dimensions, statistic, start }) => {
      const found = measured.find((one) => one.metric === metric && isSame(one.dimensions, dimensions));
      return found === undefined ? {} : { [start]: found.others?.[statistic] ?? found.value };
    });
}

function isSame(a: object, b: object): boolean {
  return JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
}

/** A delay with which the next period is final in five minutes, not while the tests run. */
export function longDelayMs(): number {
  const leastMs = 180_000;
  return leastMs + ((Date.now() - leastMs) % 300_000);
}
