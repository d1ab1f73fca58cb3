import { metric } from '../../core/metric.ts';
import type { AwsAccess } from '../../targets/aws/settings.ts';
import type { PooledSession } from '../../targets/session-pool.ts';
import type { AwsSurroundings } from '../cloudwatch/background.ts';
import type { Selection } from '../cloudwatch/selection.ts';
import { watchAws } from '../cloudwatch/watch.ts';
import type { Watch } from '../watch.ts';
import { DynamodbLooks } from './background.ts';
import { dynamodbCollectors } from './index.ts';
import type { DynamodbWatchSettings } from './settings.ts';
import type { DynamodbSource } from './source.ts';

/** DynamoDB in one account and region, as it is to be watched. */
export interface WatchedDynamodb {
  readonly name: string;
  readonly engine: 'dynamodb';
  readonly access: AwsAccess;
  readonly tables: Selection;
  readonly watch: DynamodbWatchSettings;
}

export const dynamodbUp = metric({
  name: 'dynamodb_up',
  type: 'gauge',
  help: 'Whether DynamoDB answers with our credentials: ListTables is asked for every watch.loginInterval. Says nothing about a single table, see dynamodb_table_active.',
  labels: [],
  source: 'ListTables',
  unit: 'boolean',
});

/** Asks nothing yet: the first scrape begins to look, in the background. */
export function watchDynamodb(target: WatchedDynamodb, given: AwsSurroundings): Watch<PooledSession, DynamodbSource> {
  return watchAws(target, {
    up: dynamodbUp,
    collectors: dynamodbCollectors,
    look: (families) => new DynamodbLooks(target, families, given),
    clock: given.clock,
  });
}
