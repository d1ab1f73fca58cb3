import { CreateQueueCommand, type CreateQueueCommandInput, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { awsGolden } from '../../support/aws-golden.ts';
import { motoOptions, watchedSqs } from '../../support/moto-aws.ts';
import { valuesOf } from '../../support/scrape.ts';

const arn = (name: string) => `arn:aws:sqs:eu-central-1:123456789012:${name}`;
const redriveTo = (name: string) => JSON.stringify({ deadLetterTargetArn: arn(name), maxReceiveCount: 5 });

/** A queue with a dead-letter queue that is not chosen by name and has messages, one without, one whose dead-letter queue is gone. */
async function makeQueues(endpoint: string): Promise<void> {
  const sqs = new SQSClient(motoOptions(endpoint));
  const make = (QueueName: string, Attributes: CreateQueueCommandInput['Attributes'] = {}) =>
    sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
  const { QueueUrl } = await make('failed-orders', { MessageRetentionPeriod: '1209600' });
  for (const MessageBody of ['one', 'two', 'three']) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  await make('prod-orders', { RedrivePolicy: redriveTo('failed-orders'), KmsMasterKeyId: 'alias/queues' });
  await make('prod-mail.fifo', { FifoQueue: 'true', SqsManagedSseEnabled: 'true' });
  await make('elsewhere');
  sqs.destroy();
}

const played = awsGolden({
  engine: 'sqs',
  make: makeQueues,
  watched: watchedSqs,
  select: { names: ['gone'], prefixes: ['prod-'] },
  measured: [
    { metric: 'ApproximateAgeOfOldestMessage', dimensions: { QueueName: 'failed-orders' }, value: 86_400 },
    { metric: 'NumberOfMessagesSent', dimensions: { QueueName: 'prod-orders' }, value: 120 },
    { metric: 'ApproximateNumberOfMessagesVisible', dimensions: { QueueName: 'failed-orders' }, value: 3 },
    { metric: 'NumberOfMessagesSent', dimensions: { QueueName: 'elsewhere' }, value: 9 },
  ],
  masked: /creation_timestamp/,
});

test('messages in the dead-letter queue of a queue that is watched are told, though nobody chose it', async () => {
  const messages = valuesOf(await played.scrape(), 'sqs_messages');

  expect(messages).toMatchObject({ 'failed-orders visible true': 3, 'prod-orders visible false': 0 });
  expect(Object.keys(messages).filter((labels) => labels.startsWith('elsewhere'))).toEqual([]);
});

test('where messages go that cannot be processed is told, and that a queue has no such place', async () => {
  const samples = await played.scrape();

  expect(valuesOf(samples, 'sqs_dead_letter_queue_configured')).toEqual({ 'prod-orders': 1, 'prod-mail.fifo': 0 });
  expect(valuesOf(samples, 'sqs_redrive_max_receives')).toEqual({ 'prod-orders failed-orders': 5 });
  expect(valuesOf(samples, 'sqs_dead_letter_queue_exists')).toEqual({ 'prod-orders failed-orders': 1 });
});

test('a queue that nobody uses has no age and no backlog in CloudWatch, but nothing was sent', async () => {
  const samples = await played.scrape();
  const queuesOf = (name: string) =>
    samples.filter(({ metric }) => metric.name === name).map(({ labelValues }) => labelValues[3]);

  expect(queuesOf('aws_sqs_approximate_age_of_oldest_message_maximum')).toEqual(['failed-orders']);
  expect(queuesOf('aws_sqs_approximate_number_of_messages_visible_average')).toEqual(['failed-orders']);
  expect(queuesOf('aws_sqs_number_of_messages_sent_sum').sort()).toEqual([
    'failed-orders',
    'prod-mail.fifo',
    'prod-orders',
  ]);
});
