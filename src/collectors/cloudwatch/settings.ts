import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { watchBasics } from '../settings.ts';

/** How CloudWatch is read, and what it may cost. */
export const cloudwatchSettings = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether CloudWatch is read at all. It costs money; all else is free.'),
  period: durationMs
    .default(5 * 60_000)
    .describe(
      'Length of a period, and how often a metric is read: whole minutes. What AWS writes less often is read less often. One minute costs five times as much as five.',
    ),
  delay: durationMs
    .default(3 * 60_000)
    .describe('Time after the end of a period until it is read: AWS still adds to a period after it ended.'),
  monthlyLimit: z
    .number()
    .min(0)
    .default(50)
    .describe(
      'Cost in US dollars that a month of this target may have. Spread evenly: what would pass it is left out, the least important metrics first.',
    ),
  pricePerThousand: z
    .number()
    .positive()
    .default(0.01)
    .describe('Price of a thousand requests in US dollars: metrics of GetMetricData, pages of ListMetrics.'),
});
export type CloudwatchSettings = z.infer<typeof cloudwatchSettings>;

/** What reading CloudWatch may cost for all targets of the daemon together. */
export const commonCloudwatchSettings = z.strictObject({
  monthlyLimit: z
    .number()
    .min(0)
    .default(50)
    .describe(
      'Cost in US dollars that a month of all targets together may have, besides the limit that each of them has (`watch.cloudwatch.monthlyLimit`). Spread evenly, and served in the order in which targets ask.',
    ),
});

/** How every service of AWS is watched; each adds how often it is looked at. */
export const awsWatchBasics = {
  ...watchBasics,
  timeout: durationMs.default(5_000).describe('One answer of AWS is waited for this long.'),
  cloudwatch: cloudwatchSettings.prefault({}).describe('Metrics of CloudWatch. They cost money.'),
};

/** For services of which some things can only be asked of one resource after the other. */
export function callsPerSecondSetting(about: string) {
  return z.number().positive().default(5).describe(`Calls each second, of those ${about}.`);
}
