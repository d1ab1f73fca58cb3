import { createPrivateKey } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { type SecretSource, SecretUnavailable } from '../../core/secret.ts';

/** Reads the private key of our own certificate; refuses, as libpq does, one that others could have read. */
export async function readClientKey(
  path: string,
  password: SecretSource | undefined,
): Promise<{ readonly key: string; readonly passphrase?: string }> {
  const key = await readOwn(path);
  const passphrase = (await password?.read())?.reveal();
  if (!opens(key, passphrase)) throw new SecretUnavailable(keyProblem(path, key, password));
  return { key, ...(passphrase === undefined ? {} : { passphrase }) };
}

function opens(key: string, passphrase: string | undefined): boolean {
  try {
    createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) });
    return true;
  } catch {
    return false;
  }
}

async function readOwn(path: string): Promise<string> {
  try {
    await requirePrivate('private key', path);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof SecretUnavailable) throw error;
    throw new SecretUnavailable(`reading the private key ${path}`, { cause: error });
  }
}

/**
 * Throws for a file that group or others may read. One that belongs to root may be readable for its group: that is how
 * systems hand keys to services.
 */
export async function requirePrivate(what: string, path: string): Promise<void> {
  const found = await stat(path);
  if (!found.isFile()) throw new SecretUnavailable(`the ${what} ${path} is not a file`);
  const forbidden = found.uid === 0 ? 0o037 : 0o077;
  if ((found.mode & forbidden) === 0) return;
  throw new SecretUnavailable(
    `the ${what} ${path} can be read or changed by others; PostgreSQL’s programs refuse it: chmod 600 (or 640 when it belongs to root)`,
  );
}

function keyProblem(path: string, key: string, password: SecretSource | undefined): string {
  const encrypted = /ENCRYPTED/.test(key);
  if (!encrypted) return `the private key ${path} is not a key in PEM format`;
  return password === undefined
    ? `the private key ${path} is encrypted, and no "sslPassword" is configured`
    : `the password from ${password.origin} does not open the private key ${path}`;
}
