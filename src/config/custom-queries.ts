import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { z } from 'zod';
import { engines } from '../collectors/engines.ts';
import { exporterFamilies, exporterFile } from '../collectors/postgres/custom/exporter-format.ts';
import { type CustomFamily, metricNames, withoutNames } from '../collectors/postgres/custom/family.ts';
import { ownFamilies, queryFileSettings } from '../collectors/postgres/custom/own-format.ts';
import { scrapeMetrics } from '../collectors/scrape-metrics.ts';
import { errorCode, errorMessage } from '../core/errors.ts';
import { parseSettings, type SettingsDocument } from './document.ts';
import { formatPath, type Remark, type SettingPath } from './problem.ts';
import type { Config } from './schema.ts';
import { schemaMessage } from './schema-messages.ts';
import { schemaProblems } from './schema-problems.ts';
import type { PostgresTargetConfig } from './targets/postgres.ts';

/** What the files with users' own families hold. */
export interface CustomQueries {
  /** By target. */
  readonly families: ReadonlyMap<string, readonly CustomFamily[]>;
  readonly problems: readonly Remark[];
  readonly warnings: readonly Remark[];
}

interface QueryFile {
  /** postgres_exporter's files may repeat what we measure already; ours may not. */
  readonly isExporters: boolean;
  readonly families: readonly CustomFamily[];
  readonly problems: readonly string[];
}

/** Reads the files that `watch.customQueries` of the targets name; each once. Relative paths start at `folder`. */
export function readCustomQueries(config: Config, folder: string): CustomQueries {
  const files = new Map<string, QueryFile>();
  const found = { families: new Map<string, CustomFamily[]>(), problems: [] as Remark[], warnings: [] as Remark[] };
  for (const [name, target] of Object.entries(config.targets)) {
    if (target.engine !== 'postgres') continue;
    const names = new TakenNames(target);
    for (const [index, path] of target.watch.customQueries.entries()) {
      const place = ['targets', name, 'watch', 'customQueries', index];
      const absolute = resolve(folder, path);
      const file = files.get(absolute) ?? readQueryFile(absolute);
      files.set(absolute, file);
      found.problems.push(...file.problems.map((message) => ({ path: place, message })));
      const taken = file.families.flatMap((family) => names.take(family, file, place, found) ?? []);
      found.families.set(name, [...(found.families.get(name) ?? []), ...taken]);
    }
  }
  return found;
}

/** The names that a target's metrics and families have so far, and whose they are. */
class TakenNames {
  readonly #metrics = new Map<string, string>();
  readonly #families = new Map<string, string>();

  constructor({ watch }: PostgresTargetConfig) {
    const { collectors, up, peer } = engines.postgres;
    for (const { name } of [up, ...scrapeMetrics, ...Object.values(peer)]) this.#metrics.set(name, 'every target');
    for (const collector of collectors) {
      this.#families.set(collector.name, 'Watchkeeper itself');
      if (!(watch.collectors[collector.name] ?? collector.enabledByDefault)) continue;
      for (const { name } of collector.metrics) this.#metrics.set(name, `the family ${collector.name}`);
    }
  }

  /** The family as it may be used; undefined when nothing of it may. */
  take(
    family: CustomFamily,
    { isExporters }: QueryFile,
    path: SettingPath,
    remarks: { readonly problems: Remark[]; readonly warnings: Remark[] },
  ): CustomFamily | undefined {
    const { name, file } = family;
    const sameFamily = this.#families.get(name);
    if (sameFamily !== undefined) {
      remarks.problems.push({ path, message: `the family "${name}" of ${file} is called like one of ${sameFamily}` });
      return undefined;
    }
    const clashes = metricNames(family).filter((one) => this.#metrics.has(one));
    const isRepeated = (one: string) => this.#metrics.get(one)?.startsWith('the family') === true && isExporters;
    for (const one of clashes.filter((clash) => !isRepeated(clash))) {
      remarks.problems.push({ path, message: `${one} of ${file} is measured by ${this.#metrics.get(one)} already` });
    }
    const repeated = clashes.filter(isRepeated);
    if (repeated.length > 0) remarks.warnings.push({ path, message: this.#repeatedMessage(family, repeated) });
    const usable = withoutNames(family, new Set(this.#metrics.keys()));
    this.#families.set(name, file);
    for (const one of usable === undefined ? [] : metricNames(usable)) this.#metrics.set(one, `"${name}" of ${file}`);
    return usable;
  }

  #repeatedMessage({ name, file }: CustomFamily, repeated: readonly string[]): string {
    const whose = [...new Set(repeated.map((one) => this.#metrics.get(one)))].join(', ');
    return `"${name}" of ${file} repeats what ${whose} measures (${repeated.join(', ')}): these are left out; switch the family off in "watch.collectors" to have yours`;
  }
}

function readQueryFile(file: string): QueryFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const what = errorCode(error) === 'ENOENT' ? `there is no file ${file}` : `reading ${file}: ${errorMessage(error)}`;
    return { isExporters: false, families: [], problems: [what] };
  }
  const document = parseSettings(text);
  if (document.syntaxErrors.length > 0) {
    const problems = document.syntaxErrors.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
    return { isExporters: false, families: [], problems };
  }
  const isExporters = !isOwnFormat(document.data);
  if (isExporters) return parsed(exporterFile, exporterFamilies, { document, file, isExporters });
  return parsed(queryFileSettings, ownFamilies, { document, file, isExporters });
}

function isOwnFormat(data: unknown): boolean {
  const families = (data as { readonly families?: { readonly query?: unknown } } | null)?.families;
  return families !== undefined && families?.query === undefined;
}

function parsed<T>(
  schema: z.ZodType<T>,
  toFamilies: (data: T, file: string) => CustomFamily[],
  from: { readonly document: SettingsDocument; readonly file: string; readonly isExporters: boolean },
): QueryFile {
  const { document, file, isExporters } = from;
  const result = schema.safeParse(document.data, { error: schemaMessage });
  if (result.success) return { isExporters, families: toFamilies(result.data, file), problems: [] };
  const remarks = schemaProblems(result.error.issues, document.data);
  const problems = remarks.map(({ path, message }) => {
    const { line, column } = document.locate(path);
    return `${file}:${line}:${column}: ${formatPath(path)}: ${message}`;
  });
  return { isExporters, families: [], problems };
}
