import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { literalSecret, Secret, type SecretSource } from '../core/secret.ts';

const filePrefix = 'file:';

/** True for a secret that stands in the configuration (or the environment) itself instead of a file. */
export function isLiteral(value: string): boolean {
  return !value.startsWith(filePrefix);
}

/**
 * The source of a secret setting. `file:PATH` is read at each use, so that a rotated secret needs no restart; relative
 * paths start at `folder`. `origin` is what may be shown of a value that came from the environment.
 */
export function secretSource(value: string, folder: string, origin: string | undefined): SecretSource {
  if (isLiteral(value)) return literalSecret(value, origin);
  const path = resolve(folder, value.slice(filePrefix.length));
  return { origin: `${filePrefix}${path}`, read: () => readSecretFile(path) };
}

async function readSecretFile(path: string): Promise<Secret> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`reading the secret in ${path}`, { cause: error });
  }
  // Editors and `echo` end files with a newline; no password ends with one.
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw new Error(`reading the secret in ${path}: the file is empty`);
  return new Secret(value);
}
