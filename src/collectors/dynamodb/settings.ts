import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { cloudwatchSettings } from '../cloudwatch/settings.ts';
import { watchBasics } from '../settings.ts';

const names = z.array(z.string().min(1));

/** Which tables are watched. */
export const tableSelection = z.strictObject({
  names: names.default([]).describe('Tables by name; one that does not exist is shown as missing.'),
  prefixes: names.default([]).describe('Tables whose name begins with one of these.'),
  tags: z
    .record(z.string().min(1), z.string())
    .default({})
    .describe('Only tables that have all these tags, of those that the rest chooses; tags are read once an hour.'),
  exclude: names.default([]).describe('Not these, whatever chooses them.'),
  limit: z.int().min(1).max(10_000).default(500).describe('Most tables that are watched, in the order of their names.'),
});
export type TableSelection = z.infer<typeof tableSelection>;

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
