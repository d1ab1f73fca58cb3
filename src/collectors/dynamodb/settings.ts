import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { selectionSchema } from '../cloudwatch/selection.ts';
import { cloudwatchSettings } from '../cloudwatch/settings.ts';
import { watchBasics } from '../settings.ts';

/** Which tables are watched. */
export const tableSelection = selectionSchema('tables');

/** How DynamoDB is watched. */
export const dynamodbWatchSettings = z.strictObject({
  ...watchBasics,
  timeout: durationMs.default(5_000).describe('One answer of AWS is waited for this long.'),
  refresh: durationMs.default(60_000).describe('How often tables are looked at, in the background.'),
  backupRefresh: durationMs
    .default(5 * 60_000)
    .describe('How often restorable times, backups and time to live are looked at, in the background.'),
  callsPerSecond: z
    .number()
    .positive()
    .default(5)
    .describe('Calls each second, of those that AWS allows ten of: about restorable times, time to live and tags.'),
  cloudwatch: cloudwatchSettings.prefault({}).describe('Metrics of CloudWatch. They cost money.'),
});
export type DynamodbWatchSettings = z.infer<typeof dynamodbWatchSettings>;
