import { readFile } from 'node:fs/promises';
import { Secret, SecretUnavailable } from '../../core/secret.ts';
import type { Login, PasswordSource } from './access.ts';
import { requirePrivate } from './client-key.ts';
import { isSocket } from './connection.ts';

/** A password file as libpq knows it (`host:port:database:user:password`), read at each login. `path` is absolute. */
export function passwordFile(path: string): PasswordSource {
  return {
    origin: `passfile ${path}`,
    async read(login) {
      const password = findPassword(await readPasswords(path), login);
      if (password === undefined) throw new SecretUnavailable(`no line of the password file ${path} is for this login`);
      return new Secret(password);
    },
    // Nothing is kept: reading again is enough.
    forget: () => undefined,
  };
}

async function readPasswords(path: string): Promise<string> {
  try {
    await requirePrivate('password file', path);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof SecretUnavailable) throw error;
    throw new SecretUnavailable(`reading the password file ${path}`, { cause: error });
  }
}

/** The password of the first line that fits. `*` fits everything; `\` takes the next character as it is. */
export function findPassword(text: string, login: Login): string | undefined {
  const host = isSocket(login) ? 'localhost' : login.host;
  const wanted = [host, String(login.port), login.database, login.user];
  for (const line of text.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue;
    const fields = splitFields(line);
    const fits = wanted.every((value, at) => {
      const field = fields[at];
      if (field === undefined) return false;
      return field.raw === '*' || field.value === value || (at === 0 && isSocket(login) && field.value === login.host);
    });
    const password = fields[4]?.value;
    if (fits && password) return password;
  }
  return undefined;
}

/** Four fields, and the password with whatever follows. */
function splitFields(line: string): { readonly raw: string; readonly value: string }[] {
  const raw = [''];
  for (const [piece] of line.matchAll(/\\.|[^\\]|\\$/gs)) {
    if (piece === ':' && raw.length < 5) raw.push('');
    else raw[raw.length - 1] += piece;
  }
  return raw.map((field) => ({ raw: field, value: field.replaceAll(/\\(.)/gs, '$1') }));
}
