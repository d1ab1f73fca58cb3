import { randomBytes } from 'node:crypto';
import { type PostgresAccess, withDatabase } from '../../targets/libpq/access.ts';
import { formatConnectionUrl } from '../../targets/libpq/connection.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import { openSession, type PostgresSession, quoteLiteral } from '../../targets/postgres/session.ts';
import { JobFailed } from '../job.ts';
import type { BackupSource } from '../manifest.ts';
import { createDatabaseLike, dropDatabase, requireExtensions } from './prepare-database.ts';
import type { OpenSandbox } from './sandbox.ts';

const scratchPrefix = 'watchkeeper_proof_';
/** Its guard is there before the database is; the rest is for clocks that differ. */
const staleAfterMs = 5 * 60_000;

/**
 * A scratch database on a given server, dropped afterwards. The role needs CREATEDB and nothing else. A session with the
 * database's name stays open beside it: where that is gone, so is the process, and the next proof drops what it left.
 */
export function serverSandbox(given: PostgresAccess): OpenSandbox {
  return async (manifest, context) => {
    const { signal, clock } = context;
    await using session = await openSession(given, { signal });
    // Of several hosts, the one where the database is made.
    const { access } = session;
    await requireNotOlder(session, manifest.source.versionNumber);
    await requireExtensions(session, manifest.source, signal);
    await dropStale(session, clock.now(), signal);
    const name = `${scratchPrefix}${clock.now().getTime()}_${randomBytes(4).toString('hex')}`;
    context.onProgress({ activity: 'making a scratch database' });
    const guard = await openGuard(access, name, signal);
    const notes = await makeEmpty(session, name, manifest.source, signal).catch(async (error: unknown) => {
      await guard[Symbol.asyncDispose]();
      throw error;
    });
    return {
      description: `scratch database on ${formatConnectionUrl(access.connection)}`,
      major: majorOf(session.version),
      access: withDatabase(access, name),
      ownership: 'ignore',
      usedBytes: (from) => sizeOf(access, name, from),
      notes,
      async [Symbol.asyncDispose]() {
        await using _guard = guard;
        await dropScratch(access, name);
      },
    };
  };
}

async function openGuard(access: PostgresAccess, name: string, signal: AbortSignal): Promise<PostgresSession> {
  const guard = await openSession(access, { signal, applicationName: name });
  if (guard.version >= 140_000) await guard.query('SET idle_session_timeout = 0', { signal });
  return guard;
}

/** Makes the database, and makes sure that what is reached under its name is it: a connection pooler may lead elsewhere. */
async function makeEmpty(
  session: PostgresSession,
  name: string,
  source: BackupSource,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const notes = await createDatabaseLike(session, name, source, signal);
  try {
    await using inside = await openSession(withDatabase(session.access, name), { signal });
    const [row] = await inside.query(
      `SELECT pg_catalog.current_database() AS database, EXISTS (SELECT FROM pg_catalog.pg_class
        WHERE relnamespace NOT IN ('pg_catalog'::pg_catalog.regnamespace, 'pg_toast'::pg_catalog.regnamespace,
          'information_schema'::pg_catalog.regnamespace)) AS filled`,
      { signal },
    );
    if (row?.['database'] !== name || row['filled'] !== 'f') throw leadsElsewhere(name, row?.['database']);
  } catch (error) {
    await dropScratch(session.access, name).catch(() => undefined);
    throw error;
  }
  return notes;
}

function leadsElsewhere(name: string, database: string | null | undefined): JobFailed {
  return new JobFailed(
    'inconclusive',
    `who connects to the scratch database ${name} comes to ${database}, which is not that or not empty; name the server itself in the sandbox’s URL`,
    { obstacle: 'place' },
  );
}

async function sizeOf(access: PostgresAccess, name: string, signal: AbortSignal): Promise<number> {
  await using session = await openSession(access, { signal });
  const sql = `SELECT pg_catalog.pg_database_size(${quoteLiteral(name)}) AS size`;
  const [row] = await session.query(sql, { signal });
  return Number(row?.['size'] ?? 0);
}

async function requireNotOlder(session: PostgresSession, sourceVersion: number): Promise<void> {
  const [server, source] = [session.version, sourceVersion].map(majorOf);
  if (server !== undefined && source !== undefined && server < source) {
    throw new JobFailed(
      'inconclusive',
      `the scratch server is PostgreSQL ${server}, older than the source's ${source}`,
      { obstacle: 'version' },
    );
  }
}

/** The end of the work may be why we are here: dropping gets time of its own. */
async function dropScratch(access: PostgresAccess, name: string): Promise<void> {
  const signal = AbortSignal.timeout(30_000);
  await using session = await openSession(access, { signal });
  await dropDatabase(session, name, signal);
}

/** What a killed process left behind: nobody guards it any more. */
async function dropStale(session: PostgresSession, now: Date, signal: AbortSignal): Promise<void> {
  const rows = await session.query(
    `SELECT datname AS name FROM pg_catalog.pg_database
      WHERE datname ~ '^${scratchPrefix}[0-9]+_' AND pg_catalog.pg_get_userbyid(datdba) = current_user
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE application_name = pg_database.datname)`,
    { signal },
  );
  for (const { name } of rows) {
    const madeAtMs = Number(name?.slice(scratchPrefix.length).split('_')[0]);
    if (name && now.getTime() - madeAtMs > staleAfterMs) await dropDatabase(session, name, signal);
  }
}
