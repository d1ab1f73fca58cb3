import type { Chosen } from '../cloudwatch/selection.ts';
import type { AwsSource } from '../cloudwatch/source.ts';
import type { Collector } from '../collector.ts';
import type { Refreshed } from '../refreshed.ts';
import type { SqsWatchSettings } from './settings.ts';

/** A queue as SQS describes it, with what becomes of messages that are not processed. */
export interface Queue {
  readonly name: string;
  readonly url: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Where messages go that were received too often; absent: nowhere. */
  readonly redrive: Redrive | undefined;
}

export interface Redrive {
  readonly deadLetterArn: string;
  readonly deadLetterQueue: string;
  /** Times that a message is received at most. */
  readonly maxReceiveCount: number | undefined;
}

/** The queues that are watched, and the dead-letter queues of these. */
export interface Queues extends Chosen<Queue> {
  /** ARNs of dead-letter queues of the queues that are watched. */
  readonly deadLetterArns: ReadonlySet<string>;
  /** Names of all queues of the account in the region. */
  readonly existing: ReadonlySet<string>;
}

/** What the families of SQS read from: nothing of it is asked during a scrape. */
export interface SqsSource extends AwsSource {
  readonly queues: Refreshed<Queues>;
  readonly settings: SqsWatchSettings;
}

export type SqsCollector = Collector<SqsSource>;

/** Whether messages of other queues end in it. */
export function isDeadLetterQueue({ attributes }: Queue, { deadLetterArns }: Queues): boolean {
  return deadLetterArns.has(attributes['QueueArn'] ?? '');
}
