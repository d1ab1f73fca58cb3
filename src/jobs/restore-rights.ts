import { type PostgresSession, quoteLiteral } from '../targets/postgres/session.ts';
import { extentOf } from './extent.ts';
import type { Manifest } from './manifest.ts';

/** What the role of a session may do for a restore into a database. */
export interface RestoreRights {
  readonly role: string;
  readonly mayCreate: boolean;
  /** The database is there already, and the rest is about it. */
  readonly exists: boolean;
  readonly mayRename: boolean;
  /** The session is logged in to it, so that it cannot be renamed. */
  readonly isEntered: boolean;
}

export async function readRestoreRights(
  session: PostgresSession,
  database: string,
  signal: AbortSignal,
): Promise<RestoreRights> {
  const [row] = await session.query(
    `SELECT r.rolname AS role, r.rolsuper OR r.rolcreatedb AS creates, d.oid IS NOT NULL AS there,
            pg_catalog.pg_has_role(current_user, d.datdba, 'MEMBER') AS owns, d.datname = pg_catalog.current_database() AS entered
       FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_database d ON d.datname = ${quoteLiteral(database)}
      WHERE r.rolname = current_user`,
    { signal },
  );
  return {
    role: row?.['role'] ?? '',
    mayCreate: row?.['creates'] === 't',
    exists: row?.['there'] === 't',
    mayRename: row?.['owns'] === 't',
    isEntered: row?.['entered'] === 't',
  };
}

export interface RestoreHindrance {
  readonly message: string;
  readonly remedy?: string;
}

interface ReplaceRequest {
  readonly manifest: Pick<Manifest, 'method' | 'selection' | 'details'>;
  /** Undefined when all of the backup is restored. */
  readonly selection?: unknown;
}

/** Whether what is restored may be put where a whole database is; of a sealed manifest that is not known before it is opened. */
export function mayTakePlace({ manifest, selection }: ReplaceRequest): boolean {
  return selection === undefined && extentOf(manifest)?.kind !== 'part';
}

/** What would hinder making the database, or taking the place of the one that is there. */
export function hindrances(
  { role, mayCreate, exists, mayRename, isEntered }: RestoreRights,
  request: ReplaceRequest & { readonly database: string; readonly onConflict: 'refuse' | 'replace' },
): readonly RestoreHindrance[] {
  const { database, onConflict } = request;
  const found: RestoreHindrance[] = [];
  if (!mayCreate) {
    found.push({ message: `role "${role}" may not make databases`, remedy: `ALTER ROLE "${role}" CREATEDB` });
  }
  if (!exists) return found;
  if (onConflict === 'refuse') {
    const remedy = `choose another name${mayTakePlace(request) ? `, or add --replace ${database}` : ''}`;
    return [...found, { message: `database "${database}" exists already`, remedy }];
  }
  if (!mayRename) found.push({ message: `only the owner of database "${database}" may rename it` });
  if (isEntered) {
    const message = `database "${database}" cannot be renamed by who is logged in to it, and role "${role}" may enter no other`;
    found.push({ message, remedy: `GRANT CONNECT ON DATABASE postgres TO "${role}"` });
  }
  return found;
}

/** Databases that restores which were not completed have left, or that are being filled now. */
export async function unfinishedRestores(
  session: PostgresSession,
  database: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows = await session.query(
    "SELECT datname AS name FROM pg_catalog.pg_database WHERE datname LIKE '%\\_restoring\\_%'",
    {
      signal,
    },
  );
  const beginning = unfinishedName(database, '');
  return rows.flatMap(({ name }) =>
    name?.startsWith(beginning) && /_restoring_[0-9a-f]{6}$/.test(name) ? [name] : [],
  );
}

/** What a database is called as long as its restore is not complete: nobody takes it for the one that it will be. */
export function unfinishedName(database: string, random: string): string {
  const suffix = `_restoring_${random.padEnd(6, '0')}`;
  const name = databaseNameWith(database, suffix);
  return random === '' ? name.slice(0, -6) : name;
}

/** Bytes of a name of PostgreSQL (NAMEDATALEN − 1). */
export const longestName = 63;

/** PostgreSQL would cut a name that is too long at its end, silently, and with it what tells it from the other one. */
export function databaseNameWith(name: string, suffix: string): string {
  const room = longestName - Buffer.byteLength(suffix);
  let cut = name;
  while (Buffer.byteLength(cut) > room) cut = [...cut].slice(0, -1).join('');
  return `${cut}${suffix}`;
}
