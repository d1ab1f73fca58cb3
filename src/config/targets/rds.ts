import { z } from 'zod';
import { databaseSelection, rdsWatchSettings } from '../../collectors/rds/settings.ts';
import { awsPlace } from './aws.ts';

export const rdsTarget = z
  .strictObject({
    engine: z.literal('rds'),
    ...awsPlace('the databases'),
    databases: databaseSelection
      .prefault({})
      .describe(
        'Which instances and clusters are watched: those with one of the names or prefixes; absent: all. Instances of a cluster come with it.',
      ),
    watch: rdsWatchSettings.prefault({}).describe('How the databases are watched.'),
  })
  .describe('The databases of RDS and Aurora of an AWS account in one region, through the API and CloudWatch.');

export type RdsTargetConfig = z.infer<typeof rdsTarget>;
