import { metric } from '../../core/metric.ts';
import type { AwsAccess } from '../../targets/aws/settings.ts';
import type { PooledSession } from '../../targets/session-pool.ts';
import type { AwsSurroundings } from '../cloudwatch/background.ts';
import type { Selection } from '../cloudwatch/selection.ts';
import { watchAws } from '../cloudwatch/watch.ts';
import type { Watch } from '../watch.ts';
import { SqsLooks } from './background.ts';
import { sqsCollectors } from './index.ts';
import type { SqsWatchSettings } from './settings.ts';
import type { SqsSource } from './source.ts';

/** SQS in one account and region, as it is to be watched. */
export interface WatchedSqs {
  readonly name: string;
  readonly engine: 'sqs';
  readonly access: AwsAccess;
  readonly queues: Selection;
  readonly watch: SqsWatchSettings;
}

export const sqsUp = metric({
  name: 'sqs_up',
  type: 'gauge',
  help: 'Whether the API of SQS answers with our credentials: ListQueues is asked for every watch.loginInterval. Says nothing about a single queue.',
  labels: [],
  source: 'ListQueues',
  unit: 'boolean',
});

/** Asks nothing yet: the first scrape begins to look, in the background. */
export function watchSqs(target: WatchedSqs, given: AwsSurroundings): Watch<PooledSession, SqsSource> {
  return watchAws(target, {
    up: sqsUp,
    collectors: sqsCollectors,
    look: (families) => new SqsLooks(target, families, given),
    clock: given.clock,
  });
}
