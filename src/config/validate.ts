import type { z } from 'zod';
import { formatPath, type Remark, type SettingPath } from './problem.ts';
import type { FilledIn } from './references.ts';
import { type Config, configSchema } from './schema.ts';
import { schemaMessage } from './schema-messages.ts';
import { schemaProblems } from './schema-problems.ts';

export interface Validated {
  /** What of the file is sound: the whole of it when there are no problems. */
  readonly config: Config;
  readonly problems: readonly Remark[];
}

/**
 * Applies the schema. With problems, the settings concerned are taken out until the rest is sound, so that the checks
 * that come after can tell all there is to tell in the same go.
 */
export function validate(filled: FilledIn): Validated {
  const data = structuredClone(filled.data ?? {});
  convertReferences(data, filled);
  const first = apply(data);
  if (first.success) return { config: first.data, problems: [] };
  const remarks = schemaProblems(first.error.issues, data);
  const known = new Set(filled.problems.map(({ path }) => formatPath(path)));
  return {
    config: soundPart(data),
    problems: remarks.filter(({ path }) => !known.has(formatPath(path))),
  };
}

function apply(data: unknown): z.ZodSafeParseResult<Config> {
  return configSchema.safeParse(data, { error: schemaMessage });
}

/** The environment holds text only: where a number or a truth value is wanted, a filled-in text is read as one. */
function convertReferences(data: unknown, filled: FilledIn): void {
  for (const issue of apply(data).error?.issues ?? []) {
    const path = issue.path as SettingPath;
    if (issue.code !== 'invalid_type' || !filled.references.has(formatPath(path))) continue;
    const holder = at(data, path.slice(0, -1)) as Record<string | number, unknown>;
    const key = path.at(-1) ?? '';
    holder[key] = convert(String(holder[key]), issue.expected);
  }
}

function convert(text: string, expected: string): unknown {
  if (expected === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  const isNumber = (expected === 'number' || expected === 'int') && /^-?\d+(\.\d+)?$/.test(text);
  return isNumber ? Number(text) : text;
}

function soundPart(data: unknown): Config {
  for (;;) {
    const result = apply(data);
    if (result.success) return result.data;
    const places = schemaProblems(result.error.issues, data).map(({ path }) => path);
    // The root being no mapping at all leaves nothing sound.
    if (places.some((path) => path.length === 0)) return configSchema.parse({});
    // From the end, so that the indexes of list items stay right.
    for (const path of places.reverse()) remove(data, path);
  }
}

/** Removes the setting, or, when it is not there (a required one), the mapping that lacks it. */
function remove(data: unknown, path: SettingPath): void {
  const holder = at(data, path.slice(0, -1));
  const key = path.at(-1);
  // Gone already, together with something around it.
  if (key === undefined || typeof holder !== 'object' || holder === null) return;
  if (!(key in holder)) remove(data, path.slice(0, -1));
  else if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete (holder as Record<string, unknown>)[key];
}

export function at(data: unknown, path: SettingPath): unknown {
  return path.reduce<unknown>((value, step) => (value as Record<string | number, unknown> | undefined)?.[step], data);
}
