import { metric } from '../../core/metric.ts';
import type { AwsAccess } from '../../targets/aws/settings.ts';
import type { PooledSession } from '../../targets/session-pool.ts';
import type { AwsSurroundings } from '../cloudwatch/background.ts';
import type { Selection } from '../cloudwatch/selection.ts';
import { watchAws } from '../cloudwatch/watch.ts';
import type { Watch } from '../watch.ts';
import { ElasticacheLooks } from './background.ts';
import { elasticacheCollectors } from './index.ts';
import type { ElasticacheWatchSettings } from './settings.ts';
import type { ElasticacheSource } from './source.ts';

/** ElastiCache in one account and region, as it is to be watched. */
export interface WatchedElasticache {
  readonly name: string;
  readonly engine: 'elasticache';
  readonly access: AwsAccess;
  readonly caches: Selection;
  readonly watch: ElasticacheWatchSettings;
}

export const elasticacheUp = metric({
  name: 'elasticache_up',
  type: 'gauge',
  help: 'Whether the API of ElastiCache answers with our credentials: DescribeCacheClusters is asked for every watch.loginInterval. Says nothing about a single cache, see elasticache_node_available.',
  labels: [],
  source: 'DescribeCacheClusters',
  unit: 'boolean',
});

/** Asks nothing yet: the first scrape begins to look, in the background. */
export function watchElasticache(
  target: WatchedElasticache,
  given: AwsSurroundings,
): Watch<PooledSession, ElasticacheSource> {
  return watchAws(target, {
    up: elasticacheUp,
    collectors: elasticacheCollectors,
    look: (families) => new ElasticacheLooks(target, families, given),
    clock: given.clock,
  });
}
