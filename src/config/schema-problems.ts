import type { z } from 'zod';
import { suggestion } from '../core/suggest.ts';
import { configJsonSchema, type SettingSchema } from './json-schema.ts';
import type { Remark, SettingPath } from './problem.ts';
import { knownKeys } from './setting-keys.ts';

type Issue = z.core.$ZodIssue;

/** What zod found, one remark for each setting; unions are told by the form that was most likely meant. */
export function schemaProblems(
  issues: readonly Issue[],
  data: unknown,
  schemaOfFile: () => SettingSchema = configJsonSchema,
): Remark[] {
  return issues.flatMap((issue) => remarksOf(issue, [], { data, schemaOfFile }));
}

interface File {
  readonly data: unknown;
  readonly schemaOfFile: () => SettingSchema;
}

function remarksOf(issue: Issue, base: SettingPath, file: File): Remark[] {
  const path = [...base, ...(issue.path as SettingPath)];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `unknown setting "${key}"${suggestion(key, knownKeys(file.schemaOfFile(), path, file.data))}`,
      }));
    case 'invalid_key':
      return [{ path, message: `as a name it ${issue.issues[0]?.message ?? 'is not valid'}` }];
    case 'invalid_union':
      return unionRemarks(issue, path, file);
    default:
      return [{ path, message: issue.message }];
  }
}

function unionRemarks(issue: Issue & { readonly code: 'invalid_union' }, path: SettingPath, file: File): Remark[] {
  if (issue.errors.length === 0) return [{ path, message: issue.message }];
  // A form whose outermost type fits is the one that was meant; what is wrong inside of it is the news.
  const meant = issue.errors.find((branch) => !branch.some(isAboutTheWhole));
  if (meant !== undefined) return meant.flatMap((inner) => remarksOf(inner, path, file));
  const forms = issue.errors.flatMap((branch) => branch.filter(isAboutTheWhole)).map((inner) => inner.message);
  const wanted = forms.map((message) => message.replace(/^(must be|is required:|is empty; it must be) /, ''));
  return [{ path, message: `must be ${[...new Set(wanted)].join(' or ')}` }];
}

function isAboutTheWhole(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
}
