import type { z } from 'zod';
import { suggestion } from '../core/suggest.ts';

type RawIssue = z.core.$ZodRawIssue;

const words: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping of settings',
  record: 'a mapping of names to settings',
  array: 'a list',
};

/**
 * zod's error map: what is wrong, for people, without the value. Messages that the schema itself gives come first and do
 * not pass through here.
 */
export function schemaMessage(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeMessage(issue.input, words[issue.expected] ?? `a valid ${issue.expected}`);
    case 'invalid_value':
      return typeMessage(issue.input, oneOf(issue.values.map(String))) + suggestionFor(issue.input, issue.values);
    case 'invalid_union':
      return issue.discriminator === undefined ? 'has none of the accepted forms' : discriminatorMessage(issue);
    case 'invalid_format':
      return issue.format === 'url'
        ? 'must be a URL such as https://host'
        : `must match ${issue['pattern'] ?? issue.format}`;
    case 'too_small':
      return issue.origin === 'number' || issue.origin === 'int'
        ? `must be at least ${issue.minimum}`
        : 'must not be empty';
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    default:
      return 'is not valid';
  }
}

function discriminatorMessage(issue: RawIssue & { readonly code: 'invalid_union' }): string {
  const options = (issue['options'] as readonly unknown[] | undefined) ?? [];
  const given = (issue.input as Readonly<Record<string, unknown>> | undefined)?.[String(issue.discriminator)];
  return typeMessage(given, oneOf(options.map(String))) + suggestionFor(given, options);
}

function typeMessage(input: unknown, wanted: string): string {
  if (input === undefined) return `is required: ${wanted}`;
  return input === null ? `is empty; it must be ${wanted}` : `must be ${wanted}`;
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? '') : `one of ${values.join(', ')}`;
}

/** Only near misses are repeated, as the word that was meant. */
function suggestionFor(input: unknown, known: readonly unknown[]): string {
  if (typeof input !== 'string') return '';
  const text = suggestion(input, known.map(String));
  return text.startsWith('; did you mean') ? text : '';
}
