import { z } from 'zod';
import { cacheSelection, elasticacheWatchSettings } from '../../collectors/elasticache/settings.ts';
import { awsPlace } from './aws.ts';

export const elasticacheTarget = z
  .strictObject({
    engine: z.literal('elasticache'),
    ...awsPlace('the caches'),
    caches: cacheSelection
      .prefault({})
      .describe(
        'Which replication groups, clusters and serverless caches are watched: those with one of the names or prefixes; absent: all. Nodes of a group come with it.',
      ),
    watch: elasticacheWatchSettings.prefault({}).describe('How the caches are watched.'),
  })
  .describe('The caches of ElastiCache of an AWS account in one region, through the API and CloudWatch.');

export type ElasticacheTargetConfig = z.infer<typeof elasticacheTarget>;
