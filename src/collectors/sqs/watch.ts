import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import { metric } from '../../core/metric.ts';
import type { AwsAccess } from '../../targets/aws/settings.ts';
import type { PooledSession } from '../../targets/session-pool.ts';
import type { Selection } from '../cloudwatch/selection.ts';
import { watchAws } from '../cloudwatch/watch.ts';
import type { Watch } from '../watch.ts';
import { SqsBackground } from './background.ts';
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
export function watchSqs(
  target: WatchedSqs,
  given: { readonly clock: Clock; readonly log: Log },
): Watch<PooledSession, SqsSource> {
  return watchAws(target, {
    up: sqsUp,
    collectors: sqsCollectors,
    look: (families) => new SqsBackground(target, families, given),
    clock: given.clock,
  });
}
