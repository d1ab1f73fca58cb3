import { metric } from '../../core/metric.ts';
import type { AwsAccess } from '../../targets/aws/settings.ts';
import type { PooledSession } from '../../targets/session-pool.ts';
import type { AwsSurroundings } from '../cloudwatch/background.ts';
import type { Selection } from '../cloudwatch/selection.ts';
import { watchAws } from '../cloudwatch/watch.ts';
import type { Watch } from '../watch.ts';
import { LambdaLooks } from './background.ts';
import { lambdaCollectors } from './index.ts';
import type { LambdaWatchSettings } from './settings.ts';
import type { LambdaSource } from './source.ts';

/** Lambda in one account and region, as it is to be watched. */
export interface WatchedLambda {
  readonly name: string;
  readonly engine: 'lambda';
  readonly access: AwsAccess;
  readonly functions: Selection;
  readonly watch: LambdaWatchSettings;
}

export const lambdaUp = metric({
  name: 'lambda_up',
  type: 'gauge',
  help: 'Whether the API of Lambda answers with our credentials: ListFunctions is asked for every watch.loginInterval. Says nothing about a single function.',
  labels: [],
  source: 'ListFunctions',
  unit: 'boolean',
});

/** Asks nothing yet: the first scrape begins to look, in the background. */
export function watchLambda(target: WatchedLambda, given: AwsSurroundings): Watch<PooledSession, LambdaSource> {
  return watchAws(target, {
    up: lambdaUp,
    collectors: lambdaCollectors,
    look: (families) => new LambdaLooks(target, families, given),
    clock: given.clock,
  });
}
