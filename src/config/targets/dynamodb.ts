import { z } from 'zod';
import { dynamodbWatchSettings, tableSelection } from '../../collectors/dynamodb/settings.ts';

export const dynamodbTarget = z
  .strictObject({
    engine: z.literal('dynamodb'),
    region: z
      .string()
      .regex(/^[a-z0-9-]+$/, 'must be a region such as eu-central-1')
      .optional()
      .describe('Region of the tables. Absent: as the environment or the profile says.'),
    profile: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Profile of the AWS configuration files, which can assume a role of another account. Absent: the usual chain of the AWS SDK (environment, web identity, container, machine).',
      ),
    endpoint: z.url().optional().describe('URL that stands for AWS, e.g. of DynamoDB Local; absent for AWS itself.'),
    cloudwatchEndpoint: z.url().optional().describe('The same for CloudWatch. Absent: `endpoint`.'),
    tables: tableSelection
      .prefault({})
      .describe('Which tables are watched: those with one of the names or prefixes; absent: all.'),
    watch: dynamodbWatchSettings.prefault({}).describe('How the tables are watched.'),
  })
  .describe('The DynamoDB tables of an AWS account in one region.');

export type DynamodbTargetConfig = z.infer<typeof dynamodbTarget>;
