import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { watchBasics } from '../settings.ts';

/** Commands that servers are known to rename and that watching uses. */
export const renamableCommands = ['CONFIG', 'SLOWLOG', 'LATENCY'] as const;

/** How a Redis target is watched. */
export const redisWatchSettings = z.strictObject({
  ...watchBasics,
  nodeTimeout: durationMs
    .default(3_000)
    .describe('A node that takes longer for login and answer together counts as failed in this scrape.'),
  nodeLimit: z
    .int()
    .min(1)
    .max(1_000)
    .default(100)
    .describe('Nodes of a cluster, or behind Sentinels, that are asked; more are counted.'),
  commands: z
    .partialRecord(z.enum(renamableCommands), z.string().regex(/^\S+$/, 'must be one word'))
    .default({})
    .describe('Names of commands that the server calls otherwise (`rename-command`), e.g. `{ CONFIG: c0nf1g }`.'),
});
export type RedisWatchSettings = z.infer<typeof redisWatchSettings>;
