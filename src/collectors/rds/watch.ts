import { metric } from '../../core/metric.ts';
import type { AwsAccess } from '../../targets/aws/settings.ts';
import type { PooledSession } from '../../targets/session-pool.ts';
import type { AwsSurroundings } from '../cloudwatch/background.ts';
import type { Selection } from '../cloudwatch/selection.ts';
import { watchAws } from '../cloudwatch/watch.ts';
import type { Watch } from '../watch.ts';
import { RdsLooks } from './background.ts';
import { rdsCollectors } from './index.ts';
import type { RdsWatchSettings } from './settings.ts';
import type { RdsSource } from './source.ts';

/** RDS in one account and region, as it is to be watched. */
export interface WatchedRds {
  readonly name: string;
  readonly engine: 'rds';
  readonly access: AwsAccess;
  readonly databases: Selection;
  readonly watch: RdsWatchSettings;
}

export const rdsUp = metric({
  name: 'rds_up',
  type: 'gauge',
  help: 'Whether the API of RDS answers with our credentials: DescribeDBInstances is asked for every watch.loginInterval. Says nothing about a single database, see rds_instance_available.',
  labels: [],
  source: 'DescribeDBInstances',
  unit: 'boolean',
});

/** Asks nothing yet: the first scrape begins to look, in the background. */
export function watchRds(target: WatchedRds, given: AwsSurroundings): Watch<PooledSession, RdsSource> {
  return watchAws(target, {
    up: rdsUp,
    collectors: rdsCollectors,
    look: (families) => new RdsLooks(target, families, given),
    clock: given.clock,
  });
}
