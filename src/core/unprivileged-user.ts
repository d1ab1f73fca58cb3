import { readFile } from 'node:fs/promises';

export interface UnixUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The user that PostgreSQL's server programs run as: they refuse root. Undefined when this process is no root, so that
 * they simply run as ourselves. Throws when neither `postgres` nor `nobody` exists.
 */
export async function unprivilegedUser(preferred = 'postgres'): Promise<UnixUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = parsePasswd(await readFile('/etc/passwd', 'utf8'));
  const user = users.get(preferred) ?? users.get('nobody');
  if (user === undefined) throw new Error(`running as root, and neither user "${preferred}" nor "nobody" exists`);
  return user;
}

function parsePasswd(text: string): Map<string, UnixUser> {
  const users = new Map<string, UnixUser>();
  for (const line of text.split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name !== undefined && uid !== undefined && gid !== undefined) {
      users.set(name, { name, uid: Number(uid), gid: Number(gid) });
    }
  }
  return users;
}
