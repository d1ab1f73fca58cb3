import { z } from 'zod';
import { dynamodbWatchSettings, tableSelection } from '../../collectors/dynamodb/settings.ts';
import { awsPlace } from './aws.ts';

export const dynamodbTarget = z
  .strictObject({
    engine: z.literal('dynamodb'),
    ...awsPlace('the tables'),
    tables: tableSelection
      .prefault({})
      .describe('Which tables are watched: those with one of the names or prefixes; absent: all.'),
    watch: dynamodbWatchSettings.prefault({}).describe('How the tables are watched.'),
  })
  .describe('The DynamoDB tables of an AWS account in one region.');

export type DynamodbTargetConfig = z.infer<typeof dynamodbTarget>;
