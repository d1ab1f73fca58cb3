import { errorCode } from '../../core/errors.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { openSession, type PostgresSession } from '../../targets/postgres/session.ts';
import { JobFailed } from '../job.ts';
import type { BackupSource, Selection } from '../manifest.ts';
import type { SelectSettings } from '../settings.ts';
import { factSettings, listTables, qualifiedName, type TableName } from './postgres-facts.ts';
import { resolveDumpedSelection, Scope } from './selection.ts';

/** A transaction that others may look through. Disposing ends it. */
export interface ExportedSnapshot extends AsyncDisposable {
  /** For `pg_dump --snapshot`. */
  readonly id: string;
  /** The instant whose state it shows: on a standby that is behind, earlier than it was taken. */
  readonly takenAt: Date;
  readonly session: PostgresSession;
  /** What is dumped; undefined: everything. */
  readonly selection: Selection | undefined;
  /** Those of the selection. Locked in ACCESS SHARE mode until the end: nobody alters or drops them while they are dumped and measured. */
  readonly tables: readonly TableName[];
}

/**
 * Locks all tables, then exports a repeatable-read snapshot. The locks come first: a table rewritten between snapshot
 * and lock would look empty to the snapshot. Rejects with reason `source_changed` (worth another try) when a table
 * vanishes or stays locked meanwhile.
 */
export async function exportSnapshot(
  access: PostgresAccess,
  options: {
    readonly lockTimeoutMs: number;
    readonly select?: SelectSettings | undefined;
    readonly signal: AbortSignal;
  },
): Promise<ExportedSnapshot> {
  const { signal } = options;
  const session = await openSession(access, {
    signal,
    applicationName: 'watchkeeper backup',
    connectTimeoutMs: 10_000,
    settings: { ...factSettings, lock_timeout: `${options.lockTimeoutMs}ms` },
  });
  try {
    if (session.version >= 170_000) await session.query('SET transaction_timeout = 0', { signal });
    await watchClient(session, signal);
    const taken = await takeSnapshot(session, options.select, signal);
    return { ...taken, session, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Work that is given up must not leave its reads running: from version 14 on the server looks now and then whether we are
 * there.
 */
export async function watchClient(session: PostgresSession, signal: AbortSignal): Promise<void> {
  if (session.version < 140_000) return;
  await session.query("SET client_connection_check_interval = '2s'", { signal }).catch((error) => {
    // Some operating systems cannot tell; their servers refuse the setting.
    if (!session.usable || errorCode(error) !== '22023') throw error;
  });
}

const mostSnapshots = 3;

/** A table made between the list and the snapshot is in the dump too: then all is begun anew. */
async function takeSnapshot(
  session: PostgresSession,
  select: SelectSettings | undefined,
  signal: AbortSignal,
): Promise<Pick<ExportedSnapshot, 'id' | 'takenAt' | 'selection' | 'tables'>> {
  for (let attempt = 1; attempt <= mostSnapshots; attempt++) {
    const locked = (await selectTables(session, select, signal)).tables;
    const replayedMs = await replayedUntilMs(session, signal);
    await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', { signal });
    await lockTables(session, locked, signal);
    const [row] = await session.query(
      'SELECT pg_export_snapshot() AS id, extract(epoch FROM clock_timestamp())::text AS epoch',
      { signal },
    );
    const takenAt = new Date(Math.floor(Math.min(Number(row?.['epoch']) * 1_000, replayedMs)));
    const { selection, tables } = await selectTables(session, select, signal);
    const names = new Set(locked.map(qualifiedName));
    if (tables.every((table) => names.has(qualifiedName(table)))) {
      return { id: row?.['id'] ?? '', takenAt, selection, tables };
    }
    await session.query('ROLLBACK', { signal });
  }
  throw sourceChanged(new Error('new tables appeared each time'));
}

/**
 * Up to when a standby has what its primary had, by the primary's clock; infinite on a primary. Whoever may not look at the receiver
 * (`pg_read_all_stats`) gets the last transaction that was replayed, which is earlier where the primary was idle since.
 */
const replayedSql = `SELECT extract(epoch FROM coalesce(
    greatest(pg_last_xact_replay_timestamp(), (SELECT max(last_msg_send_time) FROM pg_stat_wal_receiver
      WHERE status = 'streaming' AND latest_end_lsn <= pg_last_wal_replay_lsn())),
    pg_postmaster_start_time()))::text AS epoch WHERE pg_is_in_recovery()`;

async function replayedUntilMs(session: PostgresSession, signal: AbortSignal): Promise<number> {
  try {
    const [row] = await session.query(replayedSql, { signal });
    return row === undefined ? Number.POSITIVE_INFINITY : Number(row['epoch']) * 1_000;
  } catch (error) {
    // A service whose replicas read the primary's own storage has nothing to replay, and says so with an error.
    if (!session.usable || signal.aborted) throw error;
    return Number.POSITIVE_INFINITY;
  }
}

async function selectTables(session: PostgresSession, select: SelectSettings | undefined, signal: AbortSignal) {
  const selection = select === undefined ? undefined : await resolveDumpedSelection(session, select, signal);
  const scope = new Scope(selection);
  const tables = await listTables(session, signal);
  return { selection, tables: tables.filter(({ schema, name }) => scope.has(schema, name)) };
}

/** lock_not_available, deadlock_detected, undefined_table: somebody is changing the schema right now. */
const schemaChangeStates = new Set(['55P03', '40P01', '42P01', '3F000']);

async function lockTables(session: PostgresSession, tables: readonly TableName[], signal: AbortSignal): Promise<void> {
  const readable = tables.filter(({ data }) => data === 'readable');
  if (readable.length === 0) return;
  try {
    const names = readable.map((table) => `ONLY ${qualifiedName(table)}`);
    await session.query(`LOCK TABLE ${names.join(', ')} IN ACCESS SHARE MODE`, { signal });
  } catch (error) {
    throw isSchemaChange(error) ? sourceChanged(error) : error;
  }
}

function isSchemaChange(error: unknown): boolean {
  return schemaChangeStates.has(errorCode(error) ?? '');
}

function sourceChanged(cause: unknown): JobFailed {
  const message = 'a table was altered, dropped or locked while the backup began';
  return new JobFailed('source_changed', message, { transient: true, cause });
}

/** What the manifest says about the source; read inside the snapshot. */
export async function describeSource(session: PostgresSession, signal: AbortSignal): Promise<BackupSource> {
  const localeColumn = localeColumnOf(session.version);
  const [database] = await session.query(
    `SELECT pg_encoding_to_char(encoding) AS encoding, datcollate AS collate, datctype AS ctype,
            ${session.version >= 150_000 ? 'datlocprovider' : "'c'"} AS provider, ${localeColumn} AS locale, ${session.version >= 160_000 ? 'daticurules' : 'NULL'} AS rules,
            pg_database_size(oid) AS size
       FROM pg_database WHERE datname = current_database()`,
    { signal },
  );
  const extensions = await session.query(
    "SELECT extname AS name, extversion AS version, nspname AS schema FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql' ORDER BY 1",
    { signal },
  );
  const roles = await session.query(
    "SELECT rolname AS name, rolsuper AS super FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%' ORDER BY 1",
    { signal },
  );
  const memberships = await session.query(
    'SELECT DISTINCT pg_get_userbyid(roleid) AS role, pg_get_userbyid(member) AS member FROM pg_auth_members ORDER BY 1, 2',
    { signal },
  );
  const provider = { c: 'libc', i: 'icu', b: 'builtin' }[database?.['provider'] ?? 'c'] ?? 'libc';
  return {
    engine: 'postgres',
    version: session.versionText,
    versionNumber: session.version,
    encoding: database?.['encoding'] ?? 'UTF8',
    collate: database?.['collate'] ?? 'C',
    ctype: database?.['ctype'] ?? 'C',
    localeProvider: provider as BackupSource['localeProvider'],
    ...(database?.['locale'] ? { locale: database['locale'] } : {}),
    ...(database?.['rules'] ? { icuRules: database['rules'] } : {}),
    roles: roles.map((row) => row['name'] ?? ''),
    superusers: roles.filter((row) => row['super'] === 't').map((row) => row['name'] ?? ''),
    memberships: memberships.map((row) => ({ role: row['role'] ?? '', member: row['member'] ?? '' })),
    extensions: extensions.map((row) => ({
      name: row['name'] ?? '',
      version: row['version'] ?? '',
      schema: row['schema'] ?? '',
    })),
    databaseSizeBytes: Number(database?.['size'] ?? 0),
  };
}

function localeColumnOf(version: number): string {
  if (version >= 170_000) return 'datlocale';
  return version >= 150_000 ? 'daticulocale' : 'NULL';
}
