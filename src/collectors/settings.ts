import { z } from 'zod';
import { durationMs } from '../core/schema.ts';

/** How targets of every engine are watched; an engine adds what is its own. */
export const watchBasics = {
  collectors: z
    .record(z.string(), z.boolean())
    .default({})
    .describe('Families switched on or off by name, e.g. `{ slow_queries: true }`; the others keep their default.'),
  loginInterval: durationMs
    .default(60_000)
    .describe('How often a new login is tried, so that `pg_up` and the like tell whether others can log in too.'),
};
