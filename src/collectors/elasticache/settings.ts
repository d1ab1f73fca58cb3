import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { selectionSchema } from '../cloudwatch/selection.ts';
import { awsWatchBasics, callsPerSecondSetting } from '../cloudwatch/settings.ts';

/** Which replication groups, clusters and serverless caches are watched. */
export const cacheSelection = selectionSchema('caches');

/** How ElastiCache is watched. */
export const elasticacheWatchSettings = z.strictObject({
  ...awsWatchBasics,
  refresh: durationMs
    .default(60_000)
    .describe('How often replication groups, nodes and serverless caches are looked at, in the background.'),
  backupRefresh: durationMs.default(5 * 60_000).describe('How often snapshots are looked at, in the background.'),
  callsPerSecond: callsPerSecondSetting('that ask for the tags of a cache'),
});
export type ElasticacheWatchSettings = z.infer<typeof elasticacheWatchSettings>;
