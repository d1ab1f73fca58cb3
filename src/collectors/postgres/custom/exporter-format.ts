import { z } from 'zod';
import type { CustomColumn, CustomFamily } from './family.ts';
import { anyVersion, parseVersionRange, type VersionRange } from './versions.ts';

const usages = ['DISCARD', 'LABEL', 'COUNTER', 'GAUGE', 'HISTOGRAM', 'MAPPEDMETRIC', 'DURATION'] as const;

const columnOptions = z.object({
  usage: z.enum(usages),
  description: z.string().default(''),
  metric_mapping: z.record(z.string(), z.number()).optional(),
});

const serverVersions = z.string().transform((text, context): VersionRange => {
  const range = parseVersionRange(text);
  if (range !== undefined) return range;
  context.addIssue({ code: 'custom', message: 'must be versions such as ">=10.0.0 <14.0.0"' });
  return z.NEVER;
});

/** `queries.yaml` of postgres_exporter. Keys it does not know are left alone there, so here too. */
export const exporterFile = z.record(
  z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'must consist of letters, digits and "_"'),
  z.object({
    query: z.string().min(1),
    runonserver: serverVersions.optional(),
    cache_seconds: z.number().nonnegative().optional(),
    metrics: z.array(z.record(z.string(), columnOptions)),
  }),
);
export type ExporterFile = z.infer<typeof exporterFile>;

const rowLimit = 10_000;

/** The families of a file that fits {@link exporterFile}. */
export function exporterFamilies(data: ExporterFile, file: string): CustomFamily[] {
  return Object.entries(data).map(([name, { query, runonserver, cache_seconds: cacheSeconds, metrics }]) => ({
    name,
    file,
    scope: 'server',
    // The extended protocol takes the semicolon at the end, but nothing after it.
    statements: [{ versions: runonserver ?? anyVersion, sql: query }],
    columns: metrics.flatMap((one) => Object.entries(one).map(([column, options]) => toColumn(name, column, options))),
    otherColumns: 'untyped',
    badValues: 'left out',
    databases: ['*'],
    intervalMs: cacheSeconds === undefined || cacheSeconds === 0 ? undefined : cacheSeconds * 1_000,
    timeoutMs: undefined,
    rowLimit,
    searchPath: '"$user", public',
  }));
}

function toColumn(family: string, column: string, options: z.infer<typeof columnOptions>): CustomColumn {
  const help = options.description === '' ? `Column ${column} of ${family}.` : options.description;
  const described = { column, name: `${family}_${column}`, help, unit: '' };
  const gauge = { kind: 'value', ...described, type: 'gauge', factor: 1 } as const;
  switch (options.usage) {
    case 'LABEL':
      return { kind: 'label', column };
    case 'DISCARD':
      return { kind: 'ignored', column };
    case 'HISTOGRAM':
      return { kind: 'histogram', ...described };
    case 'COUNTER':
      return { ...gauge, type: 'counter' };
    case 'GAUGE':
      return gauge;
    case 'MAPPEDMETRIC':
      return { ...gauge, values: options.metric_mapping ?? {} };
    case 'DURATION':
      return { ...gauge, name: `${family}_${column}_milliseconds`, unit: 'milliseconds', isDuration: true };
  }
}
