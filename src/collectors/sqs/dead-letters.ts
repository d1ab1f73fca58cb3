import { metric, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { SqsCollector } from './source.ts';

const labels = ['queue', 'dead_letter_queue'] as const;

const redrive = metric({
  name: 'sqs_redrive_max_receives',
  type: 'gauge',
  help: 'Times that a message of the queue is received until it goes to the dead-letter queue; absent for queues that have none: their messages are tried until they are too old.',
  labels,
  source: 'GetQueueAttributes, RedrivePolicy',
  unit: 'receives',
});

const exists = metric({
  name: 'sqs_dead_letter_queue_exists',
  type: 'gauge',
  help: 'Whether the dead-letter queue of the queue is there, in this account and region. Where it is not, messages cannot go there.',
  labels,
  source: 'GetQueueAttributes, RedrivePolicy, and ListQueues',
  unit: 'boolean',
});

const configured = metric({
  name: 'sqs_dead_letter_queue_configured',
  type: 'gauge',
  help: 'Whether messages that cannot be processed go to a dead-letter queue; absent for dead-letter queues themselves.',
  labels: ['queue'],
  source: 'GetQueueAttributes, RedrivePolicy',
  unit: 'boolean',
});

export const deadLetters: SqsCollector = {
  name: 'dead_letters',
  about: 'Where messages go that cannot be processed. Dead-letter queues of queues that are watched are watched too.',
  scope: 'server',
  metrics: [redrive, exists, configured],
  enabledByDefault: true,
  collect: (from, context) =>
    samplesOf(from.queues, context, ({ described, deadLetterArns, existing }) =>
      [...described.values()].flatMap(({ name: queue, redrive: policy, attributes }) => {
        if (policy === undefined) {
          const isDeadLetter = deadLetterArns.has(attributes['QueueArn'] ?? '');
          return isDeadLetter ? [] : [sample(configured, 0, { queue })];
        }
        const { maxReceiveCount, deadLetterQueue, deadLetterArn } = policy;
        const both = { queue, dead_letter_queue: deadLetterQueue };
        const isThere = existing.has(deadLetterQueue) && placeOf(deadLetterArn) === placeOf(attributes['QueueArn']);
        return [
          sample(configured, 1, { queue }),
          sample(exists, isThere ? 1 : 0, both),
          ...(maxReceiveCount === undefined ? [] : [sample(redrive, maxReceiveCount, both)]),
        ];
      }),
    ),
};

/** Account and region of an ARN. */
function placeOf(arn = ''): string {
  return arn.split(':').slice(0, -1).join(':');
}
