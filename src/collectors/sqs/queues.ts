import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import { isDeadLetterQueue, type Queue, type Queues, type SqsCollector } from './source.ts';

const labels = ['queue'] as const;
const source = 'GetQueueAttributes';

const exists = metric({
  name: 'sqs_queue_exists',
  type: 'gauge',
  help: 'Whether there is such a queue in this account and region; 0 only for queues that the configuration calls by name.',
  labels,
  source: 'ListQueues',
  unit: 'boolean',
});

const info = metric({
  name: 'sqs_queue_info',
  type: 'gauge',
  help: 'Always 1; kind (standard or fifo), encryption (none, SQS, KMS), and whether messages of other queues that are watched end here.',
  labels: [...labels, 'arn', 'type', 'encryption', 'dead_letter'],
  source,
  unit: 'info',
});

const retention = metric({
  name: 'sqs_message_retention_seconds',
  type: 'gauge',
  help: 'A message that is older is deleted. In a dead-letter queue the time since it was sent first counts, so its retention should be longer.',
  labels,
  source: `${source}, MessageRetentionPeriod`,
  unit: 'seconds',
});

const visibility = metric({
  name: 'sqs_visibility_timeout_seconds',
  type: 'gauge',
  help: 'A message that is received and not deleted can be received again after this.',
  labels,
  source: `${source}, VisibilityTimeout`,
  unit: 'seconds',
});

const created = metric({
  name: 'sqs_queue_creation_timestamp_seconds',
  type: 'gauge',
  help: 'When the queue was made, in seconds since 1970.',
  labels,
  source: `${source}, CreatedTimestamp`,
  unit: 'seconds',
});

const notWatched = metric({
  name: 'sqs_queues_not_watched',
  type: 'gauge',
  help: 'Queues that are chosen and left out because of queues.limit.',
  labels: [],
  source: 'ListQueues',
  unit: 'queues',
});

export const queues: SqsCollector = {
  name: 'queues',
  about: 'What queues there are, and their settings.',
  scope: 'server',
  metrics: [exists, info, retention, visibility, created, notWatched],
  enabledByDefault: true,
  collect: (from, context) =>
    samplesOf(from.queues, context, (found) => [
      ...[...found.described.values()].flatMap((one) => queueSamples(one, found)),
      ...found.missing.map((queue) => sample(exists, 0, { queue })),
      sample(notWatched, found.notWatched, {}),
    ]),
};

function queueSamples(one: Queue, all: Queues): Sample[] {
  const { name: queue, attributes } = one;
  const settings = [
    [retention, attributes['MessageRetentionPeriod']],
    [visibility, attributes['VisibilityTimeout']],
    [created, attributes['CreatedTimestamp']],
  ] as const;
  return [
    sample(exists, 1, { queue }),
    sample(info, 1, {
      queue,
      arn: attributes['QueueArn'] ?? '',
      type: attributes['FifoQueue'] === 'true' ? 'fifo' : 'standard',
      encryption: encryptionOf(attributes),
      dead_letter: String(isDeadLetterQueue(one, all)),
    }),
    ...settings.flatMap(([of, value]) => (value === undefined ? [] : [sample(of, Number(value), { queue })])),
  ];
}

function encryptionOf(attributes: Queue['attributes']): string {
  if ((attributes['KmsMasterKeyId'] ?? '') !== '') return 'KMS';
  return attributes['SqsManagedSseEnabled'] === 'true' ? 'SQS' : 'none';
}
