import { metric, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import { isDeadLetterQueue, type SqsCollector } from './source.ts';

const messagesMetric = metric({
  name: 'sqs_messages',
  type: 'gauge',
  help: 'Messages of a queue, about: visible ones can be received, those in flight were received and not deleted yet, delayed ones come later. dead_letter is true where messages of other queues that are watched end.',
  labels: ['queue', 'state', 'dead_letter'],
  source: 'GetQueueAttributes, ApproximateNumberOfMessages…',
  unit: 'messages',
});

const states = {
  visible: 'ApproximateNumberOfMessages',
  in_flight: 'ApproximateNumberOfMessagesNotVisible',
  delayed: 'ApproximateNumberOfMessagesDelayed',
} as const;

export const messages: SqsCollector = {
  name: 'messages',
  about: 'Messages by state, about a minute old, also of queues that nobody uses: CloudWatch has nothing of those.',
  scope: 'server',
  metrics: [messagesMetric],
  enabledByDefault: true,
  collect: (from, context) =>
    samplesOf(from.queues, context, (found) =>
      [...found.described.values()].flatMap((one) =>
        Object.entries(states).flatMap(([state, attribute]) => {
          const count = one.attributes[attribute];
          const labels = { queue: one.name, state, dead_letter: String(isDeadLetterQueue(one, found)) };
          return count === undefined ? [] : [sample(messagesMetric, Number(count), labels)];
        }),
      ),
    ),
};
