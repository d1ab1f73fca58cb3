import { z } from 'zod';
import { durationMs } from '../../../core/schema.ts';
import type { CustomColumn, CustomFamily, CustomStatement, TextPlace } from './family.ts';
import { metricNamePattern, nameProblems } from './names.ts';
import { anyVersion, parseVersionRange, type VersionRange } from './versions.ts';

const metricName = z.string().regex(metricNamePattern, 'must consist of letters, digits and "_"');
const sqlText = z.string().min(1);
const versions = z
  .string()
  .transform((text, context): VersionRange => {
    const range = parseVersionRange(text);
    if (range !== undefined) return range;
    context.addIssue({ code: 'custom', message: 'must be versions such as ">=14" or ">=12 <17"' });
    return z.NEVER;
  })
  .meta({ title: 'versions', examples: ['>=14', '>=12 <17', '<13 || >=15.4'] });

const described = {
  name: metricName.optional().describe('Name of the metric. Absent: `<family>_<column>`.'),
  help: z.string().optional().describe('What it is, in a sentence. Absent: the help of the family.'),
};
const unit = z.string().optional().describe('Its unit, e.g. `seconds`, `euros`.');
const number = {
  ...described,
  unit,
  factor: z.number().optional().describe('Multiplies the value, e.g. 0.001 for milliseconds.'),
  values: z
    .record(z.string(), z.number())
    .optional()
    .describe('For a column of text: the number for each text that may stand there.'),
};

const columnForms = [
  z
    .strictObject({
      type: z.literal('label'),
      name: z.string().min(1).optional().describe('Name of the label. Absent: that of the column.'),
    })
    .describe('Tells samples apart. Text of any kind; NULL is empty.'),
  z
    .strictObject({ type: z.literal('gauge'), ...number })
    .describe('A number that goes up and down, or a truth value (1 and 0). NULL gives no sample.'),
  z
    .strictObject({ type: z.literal('counter'), ...number })
    .describe('A number that only grows, since whenever; its name should end in `_total`.'),
  z
    .strictObject({ type: z.literal('timestamp'), ...described })
    .describe(
      'An instant (timestamp or date), shown in seconds since 1970; its name should end in `_timestamp_seconds`.',
    ),
  z
    .strictObject({ type: z.literal('duration'), ...described })
    .describe('An interval, shown in seconds; its name should end in `_seconds`.'),
  z
    .strictObject({ type: z.literal('histogram'), ...described, unit })
    .describe(
      'An array of upper bounds, beside `<column>_bucket` (an array: how many were no more than each bound), `<column>_sum` and `<column>_count`.',
    ),
  z.strictObject({ type: z.literal('ignored') }).describe('Not shown, like columns that are not named.'),
] as const;

const columnKinds = ['label', 'gauge', 'counter', 'timestamp', 'duration', 'histogram', 'ignored'] as const;
const columnSettings = z.union([z.enum(columnKinds), z.discriminatedUnion('type', columnForms)]);

const variant = z.strictObject({
  versions: versions.describe('Servers this one is for.'),
  sql: sqlText.describe('One SELECT.'),
});

const familySettings = z
  .strictObject({
    help: z.string().optional().describe('What its metrics are about, for those without a help of their own.'),
    sql: z
      .union([sqlText, z.array(variant).min(1)])
      .describe('One SELECT, or a list of them of which the first that is for the server is run.'),
    columns: z
      .record(z.string().min(1), columnSettings)
      .describe('What each column of the result is. A type alone is the short form: `orders: gauge`.'),
    scope: z
      .enum(['server', 'database'])
      .default('server')
      .describe(
        '`server`: in the database of the URL. `database`: in every watched database, with the label `datname`.',
      ),
    databases: z
      .array(z.string().min(1))
      .default(['*'])
      .describe('With the scope `database`: only in these, as `*` and `?` allow.'),
    every: durationMs
      .optional()
      .describe('Runs no more often than this; the last result is shown in between. Absent: with every scrape.'),
    timeout: durationMs
      .optional()
      .describe(
        'Ends the statement earlier than `watch.statementTimeout` of the target does; a longer one changes nothing.',
      ),
    versions: versions.optional().describe('Servers the family is for. Absent: all.'),
    rowLimit: z
      .int()
      .min(1)
      .max(100_000)
      .default(1_000)
      .describe(
        'Rows shown; further ones are counted in `watchkeeper_collector_rows_dropped`. ORDER BY decides which.',
      ),
    searchPath: z
      .string()
      .min(1)
      .default('"$user", public')
      .describe('Schemas in which names without one are looked for.'),
  })
  .superRefine(({ columns }, context) => {
    for (const { column, message } of nameProblems(
      Object.entries(columns).map((one) => toColumn('x', undefined, one)),
    )) {
      context.addIssue({ code: 'custom', path: ['columns', column], message });
    }
  });

/** A file in our own format. */
export const queryFileSettings = z.strictObject({
  families: z
    .record(metricName, familySettings)
    .describe(
      'The families by name: with it their metrics begin, it is the label `collector` and the key in `watch.collectors`.',
    ),
});
export type QueryFileSettings = z.infer<typeof queryFileSettings>;
type FamilySettings = QueryFileSettings['families'][string];
type ColumnSettings = FamilySettings['columns'][string];
type LongColumn = Exclude<ColumnSettings, string>;

/** Where things stand in a file. */
export interface FilePlaces {
  readonly file: string;
  line(path: readonly (string | number)[]): number;
  place(path: readonly (string | number)[]): TextPlace;
}

/** The families of a file that fits {@link queryFileSettings}. */
export function ownFamilies({ families }: QueryFileSettings, { file, line, place }: FilePlaces): CustomFamily[] {
  return Object.entries(families).map(([name, settings]) => {
    const path = ['families', name];
    return {
      name,
      prefix: name,
      file,
      line: line(path),
      scope: settings.scope,
      statements: statementsOf(settings, (inner) => place([...path, ...inner])),
      columns: Object.entries(settings.columns).map((column) => toColumn(name, settings.help, column)),
      otherColumns: 'ignored',
      reading: 'strict',
      databases: settings.databases,
      intervalMs: settings.every,
      timeoutMs: settings.timeout,
      rowLimit: settings.rowLimit,
      searchPath: settings.searchPath,
    };
  });
}

/** The versions of the family and of the variant both have to fit. */
function statementsOf(
  { sql, versions: ofFamily = anyVersion }: FamilySettings,
  place: FilePlaces['place'],
): CustomStatement[] {
  if (typeof sql === 'string') return [{ versions: ofFamily, sql, place: place(['sql']) }];
  return sql.map((one, index) => ({
    versions: ofFamily.flatMap((alternative) => one.versions.map((other) => [...alternative, ...other])),
    sql: one.sql,
    place: place(['sql', index, 'sql']),
  }));
}

function toColumn(
  family: string,
  familyHelp: string | undefined,
  [column, given]: readonly [string, ColumnSettings],
): CustomColumn {
  const settings: LongColumn = typeof given === 'string' ? { type: given } : given;
  if (settings.type === 'ignored') return { kind: 'ignored', column };
  if (settings.type === 'label') return { kind: 'label', column, name: settings.name ?? column };
  const base = {
    column,
    name: settings.name ?? `${family}_${column}`,
    help: settings.help ?? familyHelp ?? `Column ${column} of the family ${family}.`,
  };
  switch (settings.type) {
    case 'histogram':
      return { kind: 'histogram', ...base, unit: settings.unit ?? '' };
    case 'timestamp':
      return { kind: 'value', ...base, type: 'gauge', holds: 'instant', unit: 'seconds', factor: 1 };
    case 'duration':
      return { kind: 'value', ...base, type: 'gauge', holds: 'interval', unit: 'seconds', factor: 1 };
    default: {
      const { type, unit: ofValue = '', factor = 1, values } = settings;
      const value = { kind: 'value', ...base, type, holds: 'number', unit: ofValue, factor } as const;
      return values === undefined ? value : { ...value, values };
    }
  }
}
