import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { watchBasics } from '../settings.ts';

/** Commands that servers are known to rename and that watching uses. */
export const renamableCommands = ['CONFIG', 'SLOWLOG', 'LATENCY'] as const;

/** `session:*` or `db3=session:*`. */
const keyPattern = z
  .string()
  .min(1)
  .transform((text): KeyPattern => {
    const [, database, match] = /^db(\d+)=(.+)$/s.exec(text) ?? [];
    return match === undefined ? { match: text } : { database: Number(database), match };
  })
  .meta({ title: 'key or pattern', examples: ['session:*', 'db3=session:*'] });

export interface KeyPattern {
  /** Absent: the one in the URL. */
  readonly database?: number;
  /** A pattern of SCAN. */
  readonly match: string;
}

const keySettings = z.strictObject({
  counts: z.array(keyPattern).max(50).default([]).describe('Patterns whose keys are counted, e.g. `db3=session:*`.'),
  check: z
    .array(keyPattern)
    .max(50)
    .default([])
    .describe('Keys and patterns whose size, memory and value (of numbers only) are shown.'),
  streams: z.array(keyPattern).max(50).default([]).describe('Streams, by key or pattern.'),
  groups: z
    .array(keyPattern)
    .max(50)
    .default([])
    .describe(
      'Patterns whose keys are counted and weighed by what their names have in common: `user:17` and `user:18` are `user:*`. `*` for a whole database. Each key is asked for its memory.',
    ),
  consumers: z.boolean().default(true).describe('Whether the consumers of streams are shown one by one.'),
  limit: z
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .describe('Keys, streams or groups of keys that are shown at most, and consumers of a group.'),
  timeLimit: durationMs
    .default(1_000)
    .describe('Looking for keys ends after this time, for each family and node. What is incomplete is told as such.'),
  scanCount: z
    .int()
    .min(10)
    .max(10_000)
    .default(1_000)
    .describe('Keys that the server looks at in one go: while it does, nobody else is served.'),
});

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
  keys: keySettings
    .prefault({})
    .describe(
      'Keys that are looked at one by one, off by default; in a cluster on its masters, collected once a minute at most.',
    ),
  scripts: z
    .array(z.string().min(1))
    .max(20)
    .default([])
    .describe(
      'Files with Lua scripts that give names and numbers in turn, twice a minute at most; for the family `scripts`, which is to be switched on. They cannot write. While one runs the server serves nobody else, so it must be quick.',
    ),
});
export type RedisWatchSettings = z.infer<typeof redisWatchSettings>;
