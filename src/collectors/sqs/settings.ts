import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { selectionSchema } from '../cloudwatch/selection.ts';
import { awsWatchBasics, callsPerSecondSetting } from '../cloudwatch/settings.ts';

/** Which queues are watched. */
export const queueSelection = selectionSchema('queues');

/** How SQS is watched. */
export const sqsWatchSettings = z.strictObject({
  ...awsWatchBasics,
  refresh: durationMs
    .default(60_000)
    .describe(
      'How often queues are looked at, in the background: one request for each, of which a million a month are free and a million more cost 0.40 US dollars.',
    ),
  callsPerSecond: callsPerSecondSetting('that ask for the tags of a queue'),
});
export type SqsWatchSettings = z.infer<typeof sqsWatchSettings>;
