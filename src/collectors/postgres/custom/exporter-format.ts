import { z } from 'zod';
import type { CustomColumn, CustomFamily } from './family.ts';
import { metricNamePattern, nameProblems } from './names.ts';
import type { FilePlaces } from './own-format.ts';
import { anyVersion, parseVersionRange, type VersionRange } from './versions.ts';

const usages = ['DISCARD', 'LABEL', 'COUNTER', 'GAUGE', 'HISTOGRAM', 'MAPPEDMETRIC', 'DURATION'] as const;
type Usage = (typeof usages)[number];

/** YAML decides what is text only by its looks: postgres_exporter takes `description: 5` as text. */
const anyText = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const columnOptions = z
  .object({
    usage: z.string().default(''),
    description: anyText.nullish(),
    metric_mapping: z.record(z.string(), z.number()).nullish(),
  })
  .nullable();
type ColumnOptions = z.infer<typeof columnOptions>;

const serverVersions = z.string().transform((text, context): VersionRange => {
  if (text.trim() === '') return anyVersion;
  const range = parseVersionRange(text);
  if (range !== undefined) return range;
  context.addIssue({ code: 'custom', message: 'must be versions such as ">=10.0.0 <14.0.0"' });
  return z.NEVER;
});

const namespaceSettings = z
  .object({
    query: z.string().min(1),
    master: z.boolean().nullish(),
    runonserver: serverVersions.nullish(),
    cache_seconds: z.number().nonnegative().nullish(),
    metrics: z.array(z.record(z.string(), columnOptions)).nullish(),
  })
  .superRefine((settings, context) => {
    for (const { column, message } of nameProblems(columnsOf('x', settings))) {
      const index = settings.metrics?.findIndex((one) => Object.hasOwn(one, column)) ?? 0;
      context.addIssue({ code: 'custom', path: ['metrics', index, column], message });
    }
  });
type NamespaceSettings = z.infer<typeof namespaceSettings>;

/** `queries.yaml` of postgres_exporter. Keys it does not know are left alone there, so here too. */
export const exporterFile = z.record(
  z.string().regex(metricNamePattern, 'must consist of letters, digits and "_"'),
  namespaceSettings,
);
export type ExporterFile = z.infer<typeof exporterFile>;

/** There was no limit. */
const rowLimit = 10_000;

/**
 * The families of a file that fits {@link exporterFile}. `everyDatabase`: as with `--auto-discover-databases`, where what is
 * not `master` runs in each.
 */
export function exporterFamilies(
  data: ExporterFile,
  { file, line, place }: FilePlaces,
  { everyDatabase }: { readonly everyDatabase: boolean },
): CustomFamily[] {
  return Object.entries(data).map(([name, settings]) => {
    const { query, master, runonserver, cache_seconds: cacheSeconds } = settings;
    return {
      name,
      prefix: name,
      file,
      line: line([name]),
      scope: everyDatabase && master !== true ? 'database' : 'server',
      // The extended protocol takes the semicolon at the end, but nothing after it.
      statements: [{ versions: runonserver ?? anyVersion, sql: query, place: place([name, 'query']) }],
      columns: columnsOf(name, settings),
      otherColumns: 'untyped',
      reading: 'tolerant',
      databases: ['*'],
      intervalMs: cacheSeconds == null || cacheSeconds === 0 ? undefined : cacheSeconds * 1_000,
      timeoutMs: undefined,
      rowLimit,
      searchPath: '"$user", public',
    };
  });
}

/** What postgres_exporter passes over without a word, and where it stands. */
export function exporterNotes(data: ExporterFile): { readonly path: (string | number)[]; readonly message: string }[] {
  return Object.entries(data).flatMap(([name, { metrics }]) =>
    (metrics ?? []).flatMap((one, index) =>
      Object.entries(one)
        .filter(([, options]) => !isUsage(options?.usage))
        .map(([column]) => ({
          path: [name, 'metrics', index, column],
          message: `the column is left out, because its usage is none of ${usages.join(', ')}`,
        })),
    ),
  );
}

function isUsage(text: string | undefined): text is Usage {
  return usages.some((usage) => usage === text);
}

/** A column that is described twice is what the last description says. */
function columnsOf(family: string, { metrics }: Pick<NamespaceSettings, 'metrics'>): CustomColumn[] {
  const byName = new Map((metrics ?? []).flatMap((one) => Object.entries(one)));
  return [...byName].map(([column, options]) => toColumn(family, column, options));
}

function toColumn(family: string, column: string, options: ColumnOptions): CustomColumn {
  const { description, usage, metric_mapping: values } = options ?? { usage: '' };
  const help = description == null || description === '' ? `Column ${column} of ${family}.` : description;
  const described = { column, name: `${family}_${column}`, help, unit: '' };
  const gauge = { kind: 'value', ...described, type: 'gauge', holds: 'number', factor: 1 } as const;
  switch (isUsage(usage) ? usage : 'DISCARD') {
    case 'LABEL':
      return { kind: 'label', column, name: column === 'target' ? 'exported_target' : column };
    case 'DISCARD':
      return { kind: 'ignored', column };
    case 'HISTOGRAM':
      return { kind: 'histogram', ...described };
    case 'COUNTER':
      return { ...gauge, type: 'counter' };
    case 'GAUGE':
      return gauge;
    case 'MAPPEDMETRIC':
      return { ...gauge, values: values ?? {} };
    case 'DURATION':
      return { ...gauge, name: `${family}_${column}_milliseconds`, unit: 'milliseconds', holds: 'duration' };
  }
}
