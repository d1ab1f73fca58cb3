import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { selectionSchema } from '../cloudwatch/selection.ts';
import { awsWatchBasics, callsPerSecondSetting } from '../cloudwatch/settings.ts';

/** Which tables are watched. */
export const tableSelection = selectionSchema('tables');

/** How DynamoDB is watched. */
export const dynamodbWatchSettings = z.strictObject({
  ...awsWatchBasics,
  refresh: durationMs.default(60_000).describe('How often tables are looked at, in the background.'),
  backupRefresh: durationMs
    .default(5 * 60_000)
    .describe('How often restorable times, backups and time to live are looked at, in the background.'),
  callsPerSecond: callsPerSecondSetting('that AWS allows ten of: about restorable times, time to live and tags'),
});
export type DynamodbWatchSettings = z.infer<typeof dynamodbWatchSettings>;
