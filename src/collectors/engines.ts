import type { Metric } from '../core/metric.ts';
import type { AwsSurroundings } from './cloudwatch/background.ts';
import type { Collector } from './collector.ts';
import { dynamodbCollectors } from './dynamodb/index.ts';
import { dynamodbUp, type WatchedDynamodb, watchDynamodb } from './dynamodb/watch.ts';
import { elasticacheCollectors } from './elasticache/index.ts';
import { elasticacheUp, type WatchedElasticache, watchElasticache } from './elasticache/watch.ts';
import { lambdaCollectors } from './lambda/index.ts';
import { lambdaUp, type WatchedLambda, watchLambda } from './lambda/watch.ts';
import type { PeerScrapeMetrics } from './peer-scrape-metrics.ts';
import { pgbouncerCollectors } from './pgbouncer/index.ts';
import { pgbouncerUp, type WatchedPgbouncer, watchPgbouncer } from './pgbouncer/watch.ts';
import { postgresCollectors } from './postgres/index.ts';
import { pgScrapeMetrics } from './postgres/scrape-metrics.ts';
import { pgUp, type WatchedPostgres, watchPostgres } from './postgres/watch.ts';
import { rdsCollectors } from './rds/index.ts';
import { rdsUp, type WatchedRds, watchRds } from './rds/watch.ts';
import { redisEngineFamilies } from './redis/index.ts';
import { redisScrapeMetrics } from './redis/scrape-metrics.ts';
import { redisUp, type WatchedRedis, watchRedis } from './redis/watch.ts';
import { sqsCollectors } from './sqs/index.ts';
import { sqsUp, type WatchedSqs, watchSqs } from './sqs/watch.ts';
import { type AnyTargetScrape, TargetScrape } from './target-scrape.ts';

/** What is known of an engine without connecting to anything. */
export interface Engine {
  /** As people write it, e.g. `PostgreSQL`. */
  readonly title: string;
  /** `pg_up` and the like. */
  readonly up: Metric;
  readonly peer?: PeerScrapeMetrics;
  readonly collectors: readonly Omit<Collector<never>, 'collect'>[];
}

/** The engines that can be watched, by the name that `engine` in the configuration has. */
export const engines = {
  postgres: { title: 'PostgreSQL', up: pgUp, peer: pgScrapeMetrics, collectors: postgresCollectors },
  pgbouncer: { title: 'PgBouncer', up: pgbouncerUp, collectors: pgbouncerCollectors },
  redis: { title: 'Redis and Valkey', up: redisUp, peer: redisScrapeMetrics, collectors: redisEngineFamilies },
  dynamodb: { title: 'DynamoDB', up: dynamodbUp, collectors: dynamodbCollectors },
  rds: { title: 'RDS and Aurora', up: rdsUp, collectors: rdsCollectors },
  elasticache: { title: 'ElastiCache', up: elasticacheUp, collectors: elasticacheCollectors },
  sqs: { title: 'SQS', up: sqsUp, collectors: sqsCollectors },
  lambda: { title: 'Lambda', up: lambdaUp, collectors: lambdaCollectors },
} as const satisfies Record<string, Engine>;

export type EngineName = keyof typeof engines;

/** A target of any engine. */
export type WatchedTarget =
  | WatchedPostgres
  | WatchedPgbouncer
  | WatchedRedis
  | WatchedDynamodb
  | WatchedRds
  | WatchedElasticache
  | WatchedSqs
  | WatchedLambda;

/** Connects to nothing until the first scrape. */
export function watchTarget(target: WatchedTarget, given: AwsSurroundings): AnyTargetScrape {
  switch (target.engine) {
    case 'postgres':
      return new TargetScrape(watchPostgres(target, given.clock), given);
    case 'pgbouncer':
      return new TargetScrape(watchPgbouncer(target, given.clock), given);
    case 'redis':
      return new TargetScrape(watchRedis(target, given.clock), given);
    case 'dynamodb':
      return new TargetScrape(watchDynamodb(target, given), given);
    case 'rds':
      return new TargetScrape(watchRds(target, given), given);
    case 'elasticache':
      return new TargetScrape(watchElasticache(target, given), given);
    case 'sqs':
      return new TargetScrape(watchSqs(target, given), given);
    case 'lambda':
      return new TargetScrape(watchLambda(target, given), given);
  }
}
