import { errorMessage } from '../../core/errors.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
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
  const major = Math.floor(session.version / 10_000);
  throw new JobFailed(
    'inconclusive',
    `extensions of the source are not installed where the restore is tried: ${names}; install them for PostgreSQL ${major}`,
  );
}

/** Makes the database with the source's locale, or with C and a note where the machine does not have that locale. */
export async function createDatabaseLike(
  session: PostgresSession,
  name: string,
  source: BackupSource,
  signal: AbortSignal,
): Promise<readonly string[]> {
  try {
    await session.query(createDatabaseSql(name, source, 'as_source'), { signal });
    return [];
  } catch (error) {
    signal.throwIfAborted();
    if (!/locale|collat|encoding/i.test(errorMessage(error))) throw error;
    await session.query(createDatabaseSql(name, source, 'c'), { signal });
    return [`locale ${source.locale ?? source.collate} of the source is not to be had here, C was used instead`];
  }
}
