import { z } from 'zod';
import { durationMs } from '../core/schema.ts';

/** How one target is watched. */
export const watchSettings = z.strictObject({
  collectors: z
    .record(z.string(), z.boolean())
    .default({})
    .describe('Families switched on or off by name, e.g. `{ slow_queries: true }`; the others keep their default.'),
  connections: z
    .int()
    .min(1)
    .max(10)
    .default(2)
    .describe('Connections that watching may hold open on this server at any time.'),
  statementTimeout: durationMs.default(4_000).describe('The server ends a statement of ours after this time.'),
  lockTimeout: durationMs.default(250).describe('The server ends a statement of ours that waits longer for a lock.'),
  slowQueryThreshold: durationMs
    .default(1_000)
    .describe('Sessions whose statement has been running longer are counted as slow.'),
  slowQueryLimit: z
    .int()
    .min(1)
    .max(1_000)
    .default(100)
    .describe('Statements of pg_stat_statements that are shown, those with the most total time first.'),
  loginInterval: durationMs
    .default(60_000)
    .describe('How often a new login is tried, so that `pg_up` tells whether others can log in too.'),
});
export type WatchSettings = z.infer<typeof watchSettings>;
