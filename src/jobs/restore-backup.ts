import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { secondsSince } from '../core/clock.ts';
import { errorCode } from '../core/errors.ts';
import { makeWorkDirectory } from '../core/work-directory.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { openSession, type PostgresSession, quoteIdentifier, quoteLiteral } from '../targets/postgres/session.ts';
import { type PostgresAccess, withDatabase } from '../targets/postgres/settings.ts';
import type { BackupMethod } from './backup/method.ts';
import { backupKey } from './backup-keys.ts';
import { compareFacts, type FactDifference } from './compare-facts.ts';
import { fetchPart } from './fetch-part.ts';
import { type JobContext, JobFailed } from './job.ts';
import type { Manifest } from './manifest.ts';
import { createDatabaseLike, requireExtensions } from './sandbox/prepare-database.ts';
import { spoolPrefix } from './verify-backup.ts';

export interface RestoreRequest {
  readonly manifest: Manifest;
  readonly store: Pick<ObjectStore, 'get'>;
  readonly method: BackupMethod;
  /** A role that may make databases on the server, logged in to any database of it. */
  readonly server: PostgresAccess;
  /** Name of the database that the restore makes. */
  readonly database: string;
  /**
   * `refuse`: an existing database of that name is an error. `replace`: the restore is made beside it; only when it is
   * complete and its facts are right does it take the name, and the old one is kept under another.
   */
  readonly onConflict: 'refuse' | 'replace';
  readonly zstdProgram: string | undefined;
  readonly spoolDirectory?: string | undefined;
}

export interface RestoreResult {
  readonly database: string;
  /** Name under which a replaced database is kept. */
  readonly replaced?: string;
  readonly seconds: number;
  readonly factsCompared: number;
  readonly differing: readonly FactDifference[];
  readonly notes: readonly string[];
}

/** Restores a backup into a new database and compares it with the manifest. A failed restore leaves nothing behind. */
export async function restoreBackup(request: RestoreRequest, context: JobContext): Promise<RestoreResult> {
  const startMs = context.clock.monotonicMs();
  const { manifest, method } = request;
  await using session = await openMaintenanceSession(request.server, context.signal);
  const exists = await databaseExists(session, request.database, context.signal);
  if (exists && request.onConflict === 'refuse') {
    throw new JobFailed('error', `database "${request.database}" exists already; nothing was touched`);
  }
  await requireExtensions(session, manifest.source, context.signal);
  await using spool = await makeWorkDirectory({ prefix: spoolPrefix, parent: request.spoolDirectory });
  const contentPath = (name: string) => join(spool.path, name.replace(/\.zst$/, ''));
  for (const part of manifest.parts) {
    const key = backupKey(manifest.target, manifest.id, part.name);
    const { store, zstdProgram } = request;
    await fetchPart({ store, key, part, path: contentPath(part.name), zstdProgram }, context);
  }
  const name = exists ? `${request.database}_restoring_${randomBytes(3).toString('hex')}` : request.database;
  const notes = await createDatabaseLike(session, name, manifest.source, context.signal);
  try {
    const into = withDatabase(request.server, name);
    const ownership = (await mayRestoreOwners(session, manifest, context.signal)) ? 'restore' : 'ignore';
    context.onProgress({ activity: 'restoring' });
    await method.restore({ manifest, contentPath, into, ownership, parallel: 2 }, context);
    context.onProgress({ activity: 'comparing' });
    const measured = await method.measure(into, manifest.facts.mode, context);
    const differing = compareFacts(manifest.facts.items, measured);
    const replaced =
      exists && differing.length === 0 ? await swap(session, name, request.database, context) : undefined;
    return {
      database: exists && replaced === undefined ? name : request.database,
      ...(replaced === undefined ? {} : { replaced }),
      seconds: secondsSince(context.clock, startMs),
      factsCompared: manifest.facts.items.length,
      differing,
      notes:
        ownership === 'restore'
          ? notes
          : [...notes, 'owners and grants were not restored: not all roles exist here, or the role is no superuser'],
    };
  } catch (error) {
    await dropUnfinished(request.server, name);
    throw error;
  }
}

/**
 * On the bad day the database of the target's URL is what is gone; and one cannot be replaced by who is logged in to it.
 * So the databases that every server has come first.
 */
async function openMaintenanceSession(server: PostgresAccess, signal: AbortSignal): Promise<PostgresSession> {
  const databases = ['postgres', 'template1', server.connection.database];
  for (const database of databases.slice(0, -1)) {
    try {
      return await openSession(withDatabase(server, database), { signal });
    } catch (error) {
      // Only where the database itself is the trouble (missing, or no right to it) is another one worth trying.
      if (!['3D000', '42501', '28000'].includes(errorCode(error) ?? '')) throw error;
    }
  }
  return openSession(server, { signal });
}

async function databaseExists(session: PostgresSession, name: string, signal: AbortSignal): Promise<boolean> {
  const sql = `SELECT FROM pg_catalog.pg_database WHERE datname = ${quoteLiteral(name)}`;
  return (await session.query(sql, { signal })).length > 0;
}

/** Owners can be given by a superuser only, and only to roles that exist. */
async function mayRestoreOwners(session: PostgresSession, manifest: Manifest, signal: AbortSignal): Promise<boolean> {
  const rows = await session.query(
    "SELECT rolname AS name, current_setting('is_superuser') AS superuser FROM pg_catalog.pg_roles",
    { signal },
  );
  const existing = new Set(rows.map((row) => row['name']));
  return rows[0]?.['superuser'] === 'on' && manifest.source.roles.every((role) => existing.has(role));
}

/** Gives the restored database the name of the old one, which is kept. Returns the old one's new name. */
async function swap(session: PostgresSession, restored: string, name: string, context: JobContext): Promise<string> {
  const stamp = context.clock
    .now()
    .toISOString()
    .replaceAll(/[-:]|\.\d+/g, '')
    .toLowerCase();
  const kept = `${name}_before_${stamp}`;
  const { signal } = context;
  await session.query(
    `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
      WHERE datname = ${quoteLiteral(name)} AND pid <> pg_catalog.pg_backend_pid()`,
    { signal },
  );
  await session.query(`ALTER DATABASE ${quoteIdentifier(name)} RENAME TO ${quoteIdentifier(kept)}`, { signal });
  await session.query(`ALTER DATABASE ${quoteIdentifier(restored)} RENAME TO ${quoteIdentifier(name)}`, { signal });
  return kept;
}

/** It is ours alone: nobody else has ever seen it complete. */
async function dropUnfinished(server: PostgresAccess, name: string): Promise<void> {
  const signal = AbortSignal.timeout(30_000);
  await using session = await openMaintenanceSession(server, signal);
  await session.query(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)}`, { signal });
}
