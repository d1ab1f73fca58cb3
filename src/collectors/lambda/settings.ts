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
  concurrencyRefresh: durationMs
    .default(5 * 60_000)
    .describe(
      'How often the reserved concurrency of functions is looked at, in the background: one call for each function, none while the account has nothing reserved.',
    ),
  callsPerSecond: callsPerSecondSetting('that ask for the tags or the reserved concurrency of a function'),
});
export type LambdaWatchSettings = z.infer<typeof lambdaWatchSettings>;
