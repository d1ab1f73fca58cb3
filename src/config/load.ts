import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { engines } from '../collectors/engines.ts';
import { errorCode, errorMessage } from '../core/errors.ts';
import { scheduleProblem } from '../jobs/schedule.ts';
import { serviceFinder } from '../targets/libpq/service-file.ts';
import type { Checked, Knowledge } from './checks/check.ts';
import { checkConsistency } from './checks.ts';
import { readCustomQueries } from './custom-queries.ts';
import { parseSettings, type SettingsDocument } from './document.ts';
import type { LoadedConfig } from './loaded.ts';
import { formatPath, type Problem, type Remark } from './problem.ts';
import { type Environment, fillInReferences } from './references.ts';
import { resolveConfig } from './resolve.ts';
import { at, validate } from './validate.ts';

const knowledge: Knowledge = {
  collectorNames: (engine) => engines[engine].collectors.map(({ name }) => name),
  scheduleProblem,
};

export type LoadResult =
  | { readonly ok: true; readonly config: LoadedConfig; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] };

/** Reads and checks a configuration file. Never rejects: everything that is wrong with it is told, all at once. */
export async function loadConfig(path: string, environment: Environment): Promise<LoadResult> {
  const file = resolve(path);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const message = errorCode(error) === 'ENOENT' ? `there is no file ${file}` : `reading it: ${errorMessage(error)}`;
    return { ok: false, problems: [{ path: '', line: 0, column: 0, message }], warnings: [] };
  }
  return readConfig(text, { file, environment, knowledge });
}

/** The same for a text. `file` is absolute: relative paths in the text start at its folder. */
export function readConfig(
  text: string,
  given: { readonly file: string; readonly environment: Environment; readonly knowledge: Knowledge },
): LoadResult {
  const document = parseSettings(text);
  if (document.syntaxErrors.length > 0) {
    return { ok: false, problems: document.syntaxErrors.map((error) => ({ path: '', ...error })), warnings: [] };
  }
  const filled = fillInReferences(document.data, given.environment);
  const { config, problems: invalid } = validate(filled);
  const names = { stores: namesIn(filled.data, 'stores'), sandboxes: namesIn(filled.data, 'sandboxes') };
  const { references } = filled;
  const findService = serviceFinder(given.environment, dirname(given.file));
  const customQueries = readCustomQueries(config, dirname(given.file));
  const checked: Checked = { config, names, references, findService, knowledge: given.knowledge, customQueries };
  const { problems: inconsistent, warnings } = checkConsistency(checked);
  // What an unset variable left behind is not looked at twice.
  const unset = new Set(filled.problems.map(({ path }) => formatPath(path)));
  const consequences = inconsistent.filter(({ path }) => !unset.has(formatPath(path)));
  const problems = [...filled.problems, ...invalid, ...consequences];
  if (problems.length > 0)
    return { ok: false, problems: place(problems, document), warnings: place(warnings, document) };
  return {
    ok: true,
    config: resolveConfig(config, given.file, { references, findService, customQueries }),
    warnings: place(warnings, document),
  };
}

function namesIn(data: unknown, section: string): string[] {
  const found = at(data, [section]);
  return typeof found === 'object' && found !== null ? Object.keys(found) : [];
}

/** Gives every remark its line, and brings them into the order of the file. */
function place(remarks: readonly Remark[], document: SettingsDocument): Problem[] {
  return remarks
    .map(({ path, message }) => ({ path: formatPath(path), ...document.locate(path), message }))
    .sort((a, b) => a.line - b.line || a.column - b.column);
}
