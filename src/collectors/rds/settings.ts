import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { selectionSchema } from '../cloudwatch/selection.ts';
import { awsWatchBasics } from '../cloudwatch/settings.ts';

/** Which instances and clusters are watched. */
export const databaseSelection = selectionSchema('databases');

/** How RDS is watched. */
export const rdsWatchSettings = z.strictObject({
  ...awsWatchBasics,
  refresh: durationMs
    .default(60_000)
    .describe('How often instances, clusters and restorable times are looked at, in the background.'),
  backupRefresh: durationMs
    .default(5 * 60_000)
    .describe('How often snapshots, restore windows and pending maintenance are looked at, in the background.'),
});
export type RdsWatchSettings = z.infer<typeof rdsWatchSettings>;
