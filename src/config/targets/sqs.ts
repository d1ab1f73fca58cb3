import { z } from 'zod';
import { queueSelection, sqsWatchSettings } from '../../collectors/sqs/settings.ts';
import { awsPlace } from './aws.ts';

export const sqsTarget = z
  .strictObject({
    engine: z.literal('sqs'),
    ...awsPlace('the queues'),
    queues: queueSelection
      .prefault({})
      .describe(
        'Which queues are watched: those with one of the names or prefixes; absent: all. Their dead-letter queues come with them.',
      ),
    watch: sqsWatchSettings.prefault({}).describe('How the queues are watched.'),
  })
  .describe('The queues of SQS of an AWS account in one region, through the API and CloudWatch.');

export type SqsTargetConfig = z.infer<typeof sqsTarget>;
