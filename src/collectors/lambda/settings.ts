import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { selectionSchema } from '../cloudwatch/selection.ts';
import { awsWatchBasics, callsPerSecondSetting } from '../cloudwatch/settings.ts';

/** Which functions are watched. */
export const functionSelection = selectionSchema('functions');

/** How Lambda is watched. */
export const lambdaWatchSettings = z.strictObject({
  ...awsWatchBasics,
  refresh: durationMs
    .default(60_000)
    .describe('How often functions, their event sources and quotas are looked at, in the background.'),
  callsPerSecond: callsPerSecondSetting('that ask for the tags of a function'),
});
export type LambdaWatchSettings = z.infer<typeof lambdaWatchSettings>;
