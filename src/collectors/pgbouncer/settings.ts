import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { watchBasics } from '../settings.ts';

/** How a PgBouncer is watched. */
export const pgbouncerWatchSettings = z.strictObject({
  ...watchBasics,
  timeout: durationMs.default(3_000).describe('The console’s answer to one question is waited for this long.'),
  rowLimit: z
    .int()
    .min(1)
    .max(100_000)
    .default(1_000)
    .describe(
      'Pools, databases, users and groups of connections that a family shows, those that are used most first; the others are counted in `watchkeeper_collector_rows_dropped`.',
    ),
  applicationNameLimit: z
    .int()
    .min(0)
    .max(10_000)
    .default(50)
    .describe(
      'Application names of clients that are shown, those with the most clients first; the others are counted together, as `(others)`. Clients choose their names.',
    ),
});
export type PgbouncerWatchSettings = z.infer<typeof pgbouncerWatchSettings>;
