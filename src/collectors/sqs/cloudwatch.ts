import { events, group, level } from '../cloudwatch/declare-metrics.ts';
import type { CloudwatchMetric, CloudwatchService } from '../cloudwatch/service.ts';

const averageAndMaximum: CloudwatchMetric['statistics'] = ['Average', 'Maximum'];
const measured = { of: ['queue'], statistics: averageAndMaximum, periodSeconds: 60 } as const;
const messages = { of: ['queue'], unit: 'messages' };

const age = [
  level(
    'ApproximateAgeOfOldestMessage',
    'Seconds that the oldest message waits. One that was received three times without being deleted does not count; in a dead-letter queue it begins anew',
    { ...measured, unit: 'seconds' },
  ),
];

const backlog = [
  level('ApproximateNumberOfMessagesVisible', 'Messages that can be received', { ...measured, unit: 'messages' }),
  level('ApproximateNumberOfMessagesNotVisible', 'Messages that were received and neither deleted nor given back', {
    ...measured,
    unit: 'messages',
  }),
  level('ApproximateNumberOfMessagesDelayed', 'Messages that are to be received later', {
    ...measured,
    unit: 'messages',
  }),
];

const traffic = [
  events('NumberOfMessagesSent', 'Messages that were put into the queue', messages),
  events('NumberOfMessagesReceived', 'Messages that were given out', messages),
  events('NumberOfMessagesDeleted', 'Messages that were deleted, that is processed', messages),
  events('NumberOfEmptyReceives', 'Times that somebody asked and there was nothing', {
    of: ['queue'],
    unit: 'requests',
  }),
];

const sizes = [
  level('SentMessageSize', 'Bytes of a message that was put into the queue', { ...measured, unit: 'bytes' }),
];

/** What is read of SQS, the most important first. Queues that nobody used for six hours have no points. */
export const sqsService: CloudwatchService = {
  namespace: 'AWS/SQS',
  prefix: 'aws_sqs',
  kinds: { queue: ['QueueName'] },
  groups: [
    group('oldest_message', 'How long the oldest message of each queue waits.', age),
    group('traffic', 'Messages that are sent, received and deleted.', traffic),
    group(
      'backlog',
      'Messages by state as CloudWatch has them; the family messages tells of them sooner and nearly free of charge.',
      backlog,
    ),
    group('message_sizes', 'Bytes of messages.', sizes, false),
  ],
};
