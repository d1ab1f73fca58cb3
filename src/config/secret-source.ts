import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { literalSecret, Secret, type SecretSource, SecretUnavailable } from '../core/secret.ts';
import { parseAwsSecret } from './aws-secret.ts';

const filePrefix = 'file:';

/** Makes sources of secrets that a service keeps. */
export interface SecretReader {
  /** `reference` is `aws-secret:NAME` or `aws-secret:NAME#KEY`. */
  awsSecret(reference: string): SecretSource;
}

/** True for a secret that stands in the configuration (or the environment) itself instead of elsewhere. */
export function isLiteral(value: string): boolean {
  return !value.startsWith(filePrefix) && !isAwsSecret(value);
}

function isAwsSecret(value: string): boolean {
  return parseAwsSecret(value) !== undefined;
}

/**
 * The source of a secret setting. `file:PATH` is read at each use, so that a rotated secret needs no restart; relative
 * paths start at `folder`. `origin` is what may be shown of a value that came from the environment.
 */
export function secretSource(
  value: string,
  given: { readonly folder: string; readonly origin: string | undefined; readonly secrets: SecretReader },
): SecretSource {
  if (isAwsSecret(value)) return given.secrets.awsSecret(value);
  if (isLiteral(value)) return literalSecret(value, given.origin);
  const path = resolve(given.folder, value.slice(filePrefix.length));
  // Nothing is kept, so there is nothing to forget: reading again is enough.
  return { origin: `${filePrefix}${path}`, read: () => readSecretFile(path), forget: () => undefined };
}

async function readSecretFile(path: string): Promise<Secret> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new SecretUnavailable(`reading the secret in ${path}`, { cause: error });
  }
  // Editors and `echo` end files with a newline; no password ends with one.
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw new SecretUnavailable(`reading the secret in ${path}: the file is empty`);
  return new Secret(value);
}
