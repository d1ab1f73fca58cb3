import { randomBytes } from 'node:crypto';
import { type PostgresAccess, withDatabase } from '../../targets/libpq/access.ts';
import { formatConnectionUrl } from '../../targets/libpq/connection.ts';
import { openSession, type PostgresSession, quoteLiteral } from '../../targets/postgres/session.ts';
import { JobFailed } from '../job.ts';
import { createDatabaseLike, dropDatabase, requireExtensions } from './prepare-database.ts';
import type { OpenSandbox } from './sandbox.ts';

const scratchPrefix = 'watchkeeper_proof_';
const staleAfterMs = 24 * 3_600_000;

/** A scratch database on a given server, dropped afterwards. The role needs CREATEDB and nothing else. */
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
    const notes = await createDatabaseLike(session, name, manifest.source, signal);
    return {
      description: `scratch database on ${formatConnectionUrl(access.connection)}`,
      major: Math.floor(session.version / 10_000),
      access: withDatabase(access, name),
      ownership: 'ignore',
      usedBytes: (from) => sizeOf(access, name, from),
      notes,
      [Symbol.asyncDispose]: () => dropScratch(access, name),
    };
  };
}

async function sizeOf(access: PostgresAccess, name: string, signal: AbortSignal): Promise<number> {
  await using session = await openSession(access, { signal });
  const sql = `SELECT pg_catalog.pg_database_size(${quoteLiteral(name)}) AS size`;
  const [row] = await session.query(sql, { signal });
  return Number(row?.['size'] ?? 0);
}

async function requireNotOlder(session: PostgresSession, sourceVersion: number): Promise<void> {
  const [server, source] = [session.version, sourceVersion].map((version) => Math.floor(version / 10_000));
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

/** What a killed process left behind. Names carry the time, so nothing under way is hit. */
async function dropStale(session: PostgresSession, now: Date, signal: AbortSignal): Promise<void> {
  const rows = await session.query(
    `SELECT datname AS name FROM pg_catalog.pg_database
      WHERE datname ~ '^${scratchPrefix}[0-9]+_' AND pg_catalog.pg_get_userbyid(datdba) = current_user`,
    { signal },
  );
  for (const { name } of rows) {
    const madeAtMs = Number(name?.slice(scratchPrefix.length).split('_')[0]);
    if (name && now.getTime() - madeAtMs > staleAfterMs) await dropDatabase(session, name, signal);
  }
}
