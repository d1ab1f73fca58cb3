import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLError } from 'yaml';
import type { SettingPath } from './problem.ts';

interface Place {
  readonly line: number;
  readonly column: number;
}

/** A YAML text as plain data that remembers where everything stands. */
export interface SettingsDocument {
  readonly data: unknown;
  readonly syntaxErrors: readonly (Place & { readonly message: string })[];
  /** Place of a setting, or of the nearest one around it when it is not there. */
  locate(path: SettingPath): Place;
  /** Where the text of a setting begins, and whether each of its lines is one of the file (it stands behind `|`). */
  locateText(path: SettingPath): { readonly line: number; readonly isVerbatim: boolean };
}

/** Parses YAML 1.2 (with merge keys `<<`). Syntax errors never repeat the file’s text: it may be secret. */
export function parseSettings(text: string): SettingsDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const errors = [...document.errors, ...document.warnings];
  const syntaxErrors = errors.map((error) => ({ ...place(error.pos[0]), message: syntaxMessage(error, text) }));
  const plain = syntaxErrors.length > 0 ? { data: undefined } : toPlain(document);
  return {
    data: plain.data,
    syntaxErrors: plain.message === undefined ? syntaxErrors : [{ line: 1, column: 1, message: plain.message }],
    locate: (path) => place(offsetOf(document, path)),
    locateText: (path) => {
      const node: unknown = document.getIn(path, true);
      const { line } = place(startOf(node) ?? offsetOf(document, path));
      const isVerbatim = isScalar(node) && node.type === 'BLOCK_LITERAL';
      return { line: isVerbatim ? line + 1 : line, isVerbatim };
    },
  };
}

function toPlain(document: Document): { readonly data: unknown; readonly message?: string } {
  try {
    const data: unknown = document.toJS();
    if (!holdsItself(data, [])) return { data };
    return { data: undefined, message: 'an alias (*name) stands inside of what it refers to' };
  } catch {
    // The library's message holds the alias's name at most, but nothing promises that it stays so.
    return {
      data: undefined,
      message: 'an alias (*name) refers to no anchor (&name) before it, or there are too many',
    };
  }
}

function holdsItself(value: unknown, around: readonly unknown[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return around.includes(value) || Object.values(value).some((inner) => holdsItself(inner, [...around, value]));
}

function syntaxMessage(error: YAMLError, text: string): string {
  switch (error.code) {
    case 'DUPLICATE_KEY': {
      const key = /^["']?([\w.-]+)/.exec(text.slice(error.pos[0]))?.[1] ?? '';
      return `the key "${key}" stands twice in the same mapping`;
    }
    case 'TAG_RESOLVE_FAILED':
      return 'tags (!name) are not supported; secrets are written as file:… or ${ENV}';
    case 'BAD_DQ_ESCAPE':
      return 'not valid YAML: unknown escape sequence in double quotes; use single quotes to take backslashes as they are';
    case 'UNEXPECTED_TOKEN':
      return 'not valid YAML: something stands here that does not belong; check quotes and indentation';
    default:
      return `not valid YAML: ${lowerFirst(error.message)}`;
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function offsetOf(document: Document, path: SettingPath): number {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const step of path) {
    const found = child(isAlias(node) ? node.resolve(document) : node, step);
    if (found === undefined) break;
    offset = startOf(found.marker) ?? offset;
    node = found.value;
  }
  return offset ?? 0;
}

function child(
  node: unknown,
  step: string | number,
): { readonly marker: unknown; readonly value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(step));
    return pair === undefined ? undefined : { marker: pair.key, value: pair.value };
  }
  const item = isSeq(node) ? node.items[Number(step)] : undefined;
  return item === undefined ? undefined : { marker: item, value: item };
}

function startOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0];
}
