import { z } from 'zod';
import { durationMs } from '../../../core/schema.ts';
import type { CustomColumn, CustomFamily } from './family.ts';
import { anyVersion, parseVersionRange, type VersionRange } from './versions.ts';

const metricName = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'must consist of letters, digits and "_"');
const versions = z
  .string()
  .transform((text, context): VersionRange => {
    const range = parseVersionRange(text);
    if (range !== undefined) return range;
    context.addIssue({ code: 'custom', message: 'must be versions such as ">=14" or ">=12 <17"' });
    return z.NEVER;
  })
  .meta({ title: 'versions', examples: ['>=14', '>=12 <17', '<13 || >=15'] });

const columnKinds = ['label', 'gauge', 'counter', 'timestamp', 'histogram', 'ignored'] as const;

const columnSettings = z.union([
  z.enum(columnKinds),
  z.strictObject({
    type: z
      .enum(columnKinds)
      .describe(
        '`label`; `gauge` or `counter` for a number or truth value; `timestamp` for an instant, in seconds since 1970; `histogram` for an array of bounds beside `<column>_bucket`, `_sum`, `_count`; `ignored`.',
      ),
    name: metricName.optional().describe('Name of the metric. Absent: `<family>_<column>`.'),
    help: z.string().optional().describe('What it is, in a sentence.'),
    unit: z.string().optional().describe('Its unit, e.g. `seconds`, `euros`.'),
    factor: z.number().optional().describe('Multiplies the value, e.g. 0.001 for milliseconds.'),
    values: z
      .record(z.string(), z.number())
      .optional()
      .describe('For a column of text: the number for each text that may stand there.'),
  }),
]);

const statements = z.union([
  z.string().min(1),
  z.array(z.strictObject({ versions: versions.describe('For which servers.'), sql: z.string().min(1) })).min(1),
]);

const familySettings = z.strictObject({
  help: z.string().optional().describe('What its metrics are about; for metrics without a help of their own.'),
  sql: statements.describe('One SELECT, or a list of them with the `versions` each is for.'),
  columns: z
    .record(z.string().min(1), columnSettings)
    .describe('What each column of the result is. A type alone is the short form: `orders: gauge`.'),
  scope: z
    .enum(['server', 'database'])
    .default('server')
    .describe('`server`: in the database of the URL. `database`: in every watched database, with the label `datname`.'),
  databases: z
    .array(z.string().min(1))
    .default(['*'])
    .describe('With the scope `database`: only in these, as `*` and `?` allow.'),
  every: durationMs.optional().describe('Runs no more often than this. Absent: with every scrape.'),
  timeout: durationMs.optional().describe('Ends the statement earlier than `watch.statementTimeout` would.'),
  versions: versions.optional().describe('Servers the family is for. Absent: all.'),
  rowLimit: z.int().min(1).max(100_000).default(1_000).describe('Rows shown; further ones are counted only.'),
  searchPath: z
    .string()
    .min(1)
    .default('"$user", public')
    .describe('Schemas in which names without one are looked for.'),
});

/** A file in our own format. */
export const queryFileSettings = z.strictObject({
  families: z.record(metricName, familySettings).describe('The families by name, with which their metrics begin.'),
});
export type QueryFileSettings = z.infer<typeof queryFileSettings>;

/** The families of a file that fits {@link queryFileSettings}. */
export function ownFamilies({ families }: QueryFileSettings, file: string): CustomFamily[] {
  return Object.entries(families).map(([name, settings]) => ({
    name,
    file,
    scope: settings.scope,
    statements: statementsOf(settings),
    columns: Object.entries(settings.columns).map(([column, one]) => toColumn(name, column, one, settings.help)),
    otherColumns: 'ignored',
    badValues: 'fail',
    databases: settings.databases,
    intervalMs: settings.every,
    timeoutMs: settings.timeout,
    rowLimit: settings.rowLimit,
    searchPath: settings.searchPath,
  }));
}

function statementsOf({ sql, versions }: QueryFileSettings['families'][string]): CustomFamily['statements'] {
  return typeof sql === 'string' ? [{ versions: versions ?? anyVersion, sql }] : sql;
}

function toColumn(
  family: string,
  column: string,
  given: z.infer<typeof columnSettings>,
  familyHelp: string | undefined,
): CustomColumn {
  const { type, ...rest } = typeof given === 'string' ? { type: given } : given;
  if (type === 'label') return { kind: 'label', column };
  if (type === 'ignored') return { kind: 'ignored', column };
  const { name, help, unit, factor = 1, values } = rest as Exclude<typeof given, string>;
  const described = {
    column,
    name: name ?? `${family}_${column}`,
    help: help ?? familyHelp ?? `Column ${column} of the family ${family}.`,
    unit: unit ?? (type === 'timestamp' ? 'seconds' : ''),
  };
  if (type === 'histogram') return { kind: 'histogram', ...described };
  const kind = type === 'counter' ? 'counter' : 'gauge';
  return { kind: 'value', ...described, type: kind, factor, ...(values === undefined ? {} : { values }) };
}
