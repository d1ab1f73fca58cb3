import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { watchBasics } from '../settings.ts';

/** How a PostgreSQL server is watched. */
export const postgresWatchSettings = z.strictObject({
  ...watchBasics,
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
});
export type PostgresWatchSettings = z.infer<typeof postgresWatchSettings>;
