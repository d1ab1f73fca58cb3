import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { errorMessage } from '../../core/errors.ts';
import type { Parameters } from './connection-string.ts';
import { type FindService, requireKnown } from './parse-connection.ts';

/** Where distributions keep the system's pg_service.conf: Debian, Red Hat, others. */
const systemFolders = ['/etc/postgresql-common', '/etc/sysconfig/pgsql', '/etc'];

/**
 * Looks services up as libpq does (https://www.postgresql.org/docs/current/libpq-pgservice.html): in the file that is
 * named (`servicefile`, PGSERVICEFILE), else in `~/.pg_service.conf`, then in the system's. Relative paths start at
 * `folder`.
 */
export function serviceFinder(environment: Readonly<Record<string, string | undefined>>, folder: string): FindService {
  const { PGSERVICEFILE, PGSYSCONFDIR, HOME } = environment;
  const own = PGSERVICEFILE || (HOME ? join(HOME, '.pg_service.conf') : undefined);
  const system = (PGSYSCONFDIR ? [PGSYSCONFDIR] : systemFolders).map((path) => join(path, 'pg_service.conf'));
  return (name, file) => {
    const first = file === undefined ? own : resolve(folder, file);
    const candidates = [...(first === undefined ? [] : [first]), ...system];
    const files = candidates.filter((path) => existsSync(path));
    for (const path of files) {
      const found = serviceIn(path, name);
      if (found !== undefined) return found;
    }
    const where =
      files.length === 0 ? `there is no service file (${candidates.join(', ')})` : `not in ${files.join(', ')}`;
    throw new Error(`the service "${name}" is not defined: ${where}`);
  };
}

function serviceIn(path: string, name: string): Parameters | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`reading the service file ${path}`, { cause: error });
  }
  return parseServices(text, path).get(name);
}

/** Throws with file and line; the line itself may hold a password. */
export function parseServices(text: string, path: string): ReadonlyMap<string, Parameters> {
  const services = new Map<string, Map<string, string>>();
  let current: Map<string, string> | undefined;
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    const where = `the service file ${path}, line ${at + 1}`;
    if (line === '' || line.startsWith('#')) continue;
    const section = /^\[(.*)\]$/.exec(line)?.[1];
    if (section !== undefined) {
      current = new Map();
      // The first of two with one name counts.
      if (!services.has(section)) services.set(section, current);
      continue;
    }
    const [name, value] = splitLine(line, where);
    current?.set(name, value);
  }
  return services;
}

function splitLine(line: string, where: string): [string, string] {
  if (/^ldaps?:/.test(line)) throw new Error(`${where}: services in LDAP are not supported`);
  const equals = line.indexOf('=');
  if (equals < 1) throw new Error(`${where}: neither [name] nor name=value`);
  const name = line.slice(0, equals);
  if (name === 'service' || name === 'servicefile') throw new Error(`${where}: a service cannot name another one`);
  try {
    requireKnown(name);
  } catch (error) {
    throw new Error(`${where} ${errorMessage(error)}`, { cause: error });
  }
  return [name, line.slice(equals + 1)];
}
