import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { z } from 'zod';
import { exporterFamilies, exporterFile, exporterNotes } from '../collectors/postgres/custom/exporter-format.ts';
import type { CustomFamily } from '../collectors/postgres/custom/family.ts';
import { type FilePlaces, ownFamilies, queryFileSettings } from '../collectors/postgres/custom/own-format.ts';
import { errorCode, errorMessage } from '../core/errors.ts';
import { PageTypes, TargetNames } from './custom-names.ts';
import { parseSettings, type SettingsDocument } from './document.ts';
import { queryFileJsonSchema } from './json-schema.ts';
import { formatPath, type Remark } from './problem.ts';
import type { Config } from './schema.ts';
import { schemaMessage } from './schema-messages.ts';
import { schemaProblems } from './schema-problems.ts';
import type { PostgresTargetConfig } from './targets/postgres.ts';

/** What the files with users' own families hold. */
export interface CustomQueries {
  /** By target. */
  readonly families: ReadonlyMap<string, readonly CustomFamily[]>;
  /** The names that `watch.collectors` may switch, also of families that are not used. By target. */
  readonly names: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly Remark[];
  readonly warnings: readonly Remark[];
}

interface QueryFile {
  /** postgres_exporter's files may repeat what we measure already; ours may not. */
  readonly isExporters: boolean;
  readonly families: readonly CustomFamily[];
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

interface Found {
  readonly families: Map<string, readonly CustomFamily[]>;
  readonly names: Map<string, readonly string[]>;
  readonly problems: Remark[];
  readonly warnings: Remark[];
}

/** Reads the files that `watch.customQueries` of the targets name; each once. Relative paths start at `folder`. */
export function readCustomQueries(config: Config, folder: string): CustomQueries {
  const files = new QueryFiles(folder);
  const types = new PageTypes(config.targets);
  const found: Found = { families: new Map(), names: new Map(), problems: [], warnings: [] };
  for (const [name, target] of Object.entries(config.targets)) {
    if (target.engine === 'postgres') readForTarget(name, target, { files, types, found });
  }
  return found;
}

function readForTarget(
  name: string,
  target: PostgresTargetConfig,
  { files, types, found }: { readonly files: QueryFiles; readonly types: PageTypes; readonly found: Found },
): void {
  const names = new TargetNames(target);
  const families: CustomFamily[] = [];
  const known: string[] = [];
  for (const [index, setting] of target.watch.customQueries.entries()) {
    const path = ['targets', name, 'watch', 'customQueries', index];
    const toRemark = (message: string): Remark => ({ path, message });
    const file = files.read(setting);
    found.problems.push(...file.problems.map(toRemark));
    found.warnings.push(...file.warnings.map(toRemark));
    for (const one of file.families) {
      const taken = names.take(one, { mayRepeat: file.isExporters });
      const wrongTypes = taken.family === undefined ? [] : types.take(taken.family);
      found.problems.push(...[...taken.problems, ...wrongTypes].map(toRemark));
      found.warnings.push(...taken.warnings.map(toRemark));
      known.push(taken.family?.name ?? one.name);
      if (taken.family !== undefined) families.push(taken.family);
    }
  }
  found.names.set(name, known);
  found.families.set(name, names.guardOpenNames(families));
}

type QueryFileSetting = PostgresTargetConfig['watch']['customQueries'][number];

/** Files that were read, by how they are meant. */
class QueryFiles {
  readonly #folder: string;
  readonly #read = new Map<string, QueryFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  read(setting: QueryFileSetting): QueryFile {
    const { file, everyDatabase } = typeof setting === 'string' ? { file: setting, everyDatabase: false } : setting;
    const path = resolve(this.#folder, file);
    const key = JSON.stringify([path, everyDatabase]);
    const known = this.#read.get(key) ?? readQueryFile(path, everyDatabase);
    this.#read.set(key, known);
    return known;
  }
}

const nothing = { isExporters: false, families: [], problems: [], warnings: [] };

function readQueryFile(file: string, everyDatabase: boolean): QueryFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const what = errorCode(error) === 'ENOENT' ? `there is no file ${file}` : `reading ${file}: ${errorMessage(error)}`;
    return { ...nothing, problems: [what] };
  }
  const document = parseSettings(text);
  if (document.syntaxErrors.length > 0) {
    const problems = document.syntaxErrors.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
    return { ...nothing, problems };
  }
  if (isOwnFormat(document.data)) return readOwnFile(document, file, everyDatabase);
  return readExporterFile(document, file, everyDatabase);
}

/** A namespace of postgres_exporter may be called `families` as well. */
function isOwnFormat(data: unknown): boolean {
  const families = (data as { readonly families?: { readonly query?: unknown } } | null)?.families;
  return families !== undefined && typeof families?.query !== 'string';
}

function readOwnFile(document: SettingsDocument, file: string, everyDatabase: boolean): QueryFile {
  const { data, problems } = parsed(queryFileSettings, document, file);
  if (everyDatabase) {
    const message = `"everyDatabase" is for files of postgres_exporter; in ${file} the families say "scope: database"`;
    return { ...nothing, problems: [...problems, message] };
  }
  if (data === undefined) return { ...nothing, problems };
  return { ...nothing, families: ownFamilies(data, placesIn(document, file)) };
}

function readExporterFile(document: SettingsDocument, file: string, everyDatabase: boolean): QueryFile {
  const { data, problems } = parsed(exporterFile, { ...document, data: document.data ?? {} }, file);
  if (data === undefined) return { ...nothing, isExporters: true, problems };
  const families = exporterFamilies(data, placesIn(document, file), { everyDatabase });
  const warnings = exporterNotes(data).map((remark) => located(remark, document, file));
  return { isExporters: true, families, problems, warnings };
}

function placesIn(document: SettingsDocument, file: string): FilePlaces {
  return { file, line: (path) => document.locate(path).line, place: (path) => document.locateText(path) };
}

function parsed<T>(
  schema: z.ZodType<T>,
  document: SettingsDocument,
  file: string,
): { readonly data: T | undefined; readonly problems: readonly string[] } {
  const result = schema.safeParse(document.data, { error: schemaMessage });
  if (result.success) return { data: result.data, problems: [] };
  const remarks = schemaProblems(result.error.issues, document.data, queryFileJsonSchema);
  return { data: undefined, problems: remarks.map((remark) => located(remark, document, file)) };
}

function located({ path, message }: Remark, document: SettingsDocument, file: string): string {
  const { line, column } = document.locate(path);
  const where = path.length === 0 ? '' : `${formatPath(path)}: `;
  return `${file}:${line}:${column}: ${where}${message}`;
}
