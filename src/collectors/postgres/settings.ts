import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';
import { watchBasics } from '../settings.ts';

const queryFile = z.string().min(1);
const queryFileWithOptions = z.strictObject({
  file: queryFile.describe('The file.'),
  everyDatabase: z
    .boolean()
    .default(false)
    .describe(
      "For a `queries.yaml` that ran with postgres_exporter's `--auto-discover-databases`: what is not `master: true` is collected in every watched database.",
    ),
});

const databasePattern = z.string().min(1);

/** How a PostgreSQL server is watched. */
export const postgresWatchSettings = z.strictObject({
  ...watchBasics,
  connections: z
    .int()
    .min(1)
    .max(10)
    .default(2)
    .describe('Connections to the database of the URL that watching may hold open at any time.'),
  databases: z
    .strictObject({
      include: z.array(databasePattern).default(['*']).describe('Databases that are looked into.'),
      exclude: z.array(databasePattern).default([]).describe('… but not into these.'),
    })
    .prefault({})
    .describe(
      'Databases that the families about tables and indexes look into: names, in which `*` stands for any text and `?` for one character. They are found by themselves; templates and those that let us not in are left out.',
    ),
  databaseConnections: z
    .int()
    .min(1)
    .max(10)
    .default(2)
    .describe('Connections that watching may hold to other databases, on top of `connections` and for a moment each.'),
  databasesPerScrape: z
    .int()
    .min(1)
    .max(1_000)
    .default(20)
    .describe('Other databases that one scrape visits; where there are more they take turns.'),
  statementTimeout: durationMs.default(4_000).describe('The server ends a statement of ours after this time.'),
  lockTimeout: durationMs.default(250).describe('The server ends a statement of ours that waits longer for a lock.'),
  customQueries: z
    .array(z.union([queryFile, queryFileWithOptions]))
    .default([])
    .describe('Files with families of your own, or a `queries.yaml` of postgres_exporter: see docs/custom-queries.md.'),
  slowQueryThreshold: durationMs
    .default(1_000)
    .describe('Sessions whose statement has been running longer are counted as slow.'),
  slowQueryLimit: z
    .int()
    .min(1)
    .max(1_000)
    .default(100)
    .describe('Statements of pg_stat_statements that are shown, those with the most total time first.'),
  tableLimit: z
    .int()
    .min(1)
    .max(100_000)
    .default(500)
    .describe(
      'Tables of each database that a family shows, and indexes or sequences likewise: the largest first. How many are left out is told by `watchkeeper_collector_rows_dropped`.',
    ),
  findingLimit: z
    .int()
    .min(1)
    .max(1_000)
    .default(20)
    .describe(
      'Tables, indexes or sequences of each database that a family names because something about them should be looked at: the worst first. Its totals count all of them.',
    ),
  slowQueryExclude: z
    .strictObject({
      databases: z.array(z.string().min(1)).default([]).describe('Databases by name.'),
      users: z.array(z.string().min(1)).default([]).describe('Roles by name, e.g. that of the monitoring itself.'),
    })
    .prefault({})
    .describe('Databases and roles whose statements are not shown, so that they leave the room to others.'),
  slowQueryTextLength: z
    .int()
    .min(1)
    .max(2_000)
    .default(120)
    .describe('Characters of their texts that are shown, where the family `slow_query_texts` is switched on.'),
});
export type PostgresWatchSettings = z.infer<typeof postgresWatchSettings>;
