import { errorMessage } from '../../core/errors.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import { type PostgresSession, quoteIdentifier, quoteLiteral } from '../../targets/postgres/session.ts';
import { createDatabaseSql } from '../backup/postgres-restore.ts';
import { JobFailed } from '../job.ts';
import type { BackupSource } from '../manifest.ts';

/** Refuses early, and says what to install, when the server lacks an extension of the source. */
export async function requireExtensions(
  session: PostgresSession,
  source: BackupSource,
  signal: AbortSignal,
): Promise<void> {
  const rows = await session.query('SELECT name FROM pg_catalog.pg_available_extensions', { signal });
  const available = new Set(rows.map((row) => row['name']));
  const missing = source.extensions.filter(({ name }) => !available.has(name));
  if (missing.length === 0) return;
  const names = missing.map(({ name, version }) => `${name} ${version}`).join(', ');
  const major = majorOf(session.version);
  throw new JobFailed(
    'inconclusive',
    `extensions of the source are not installed where the restore is tried: ${names}; install them for PostgreSQL ${major}`,
    { obstacle: 'extension' },
  );
}

const createPatienceMs = 60_000;

/**
 * Makes the database with the source's locale, or with C and a note where the machine does not have that locale. An abort
 * waits until it is made: the server would go on making a database that nobody knows of.
 */
export async function createDatabaseLike(
  session: PostgresSession,
  name: string,
  source: BackupSource,
  signal: AbortSignal,
): Promise<readonly string[]> {
  signal.throwIfAborted();
  const patience = { signal: AbortSignal.timeout(createPatienceMs) };
  const server = session.version;
  try {
    await session.query(createDatabaseSql(name, source, { server, locale: 'as_source' }), patience);
    return [];
  } catch (error) {
    if (!/locale|collat|encoding|ICU/i.test(errorMessage(error))) throw error;
    await session.query(createDatabaseSql(name, source, { server, locale: 'c' }), patience);
    const from =
      source.localeProvider === 'libc' ? 'the operating system there' : `PostgreSQL there (${source.localeProvider})`;
    return [
      `locale ${source.locale ?? source.collate} of the source is not to be had here, C was used instead; it would come from ${from}`,
    ];
  }
}

/** Drops a database, whoever is still logged in to it. */
export async function dropDatabase(session: PostgresSession, name: string, signal: AbortSignal): Promise<void> {
  if (session.version < 130_000) await endSessions(session, name, signal);
  const force = session.version >= 130_000 ? ' WITH (FORCE)' : '';
  await session.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)}${force}`, { signal });
}

/** Ends all sessions of a database except our own. */
export async function endSessions(session: PostgresSession, database: string, signal: AbortSignal): Promise<void> {
  await session.query(
    `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
      WHERE datname = ${quoteLiteral(database)} AND pid <> pg_catalog.pg_backend_pid()`,
    { signal },
  );
}
