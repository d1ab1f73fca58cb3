import { randomBytes } from 'node:crypto';
import { formatBytes } from '../core/bytes.ts';
import { secondsSince } from '../core/clock.ts';
import { errorCode, errorMessage } from '../core/errors.ts';
import { makeWorkDirectory } from '../core/work-directory.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { type PostgresAccess, withDatabase } from '../targets/libpq/access.ts';
import { majorOf } from '../targets/postgres/major-version.ts';
import { openSession, type PostgresSession, quoteIdentifier } from '../targets/postgres/session.ts';
import { requireChosen } from './backup/chosen-tables.ts';
import { restoreDatabaseProperties } from './backup/database-properties.ts';
import { factLabel } from './backup/fact-label.ts';
import type { BackupMethod } from './backup/method.ts';
import type { OpeningTools } from './backup/open-content.ts';
import { type TableSelection, tablesOf } from './backup/postgres-restore-tables.ts';
import { compareFacts, type FactDifference, isOfOwnRevision, judgeableFacts, toldOtherwise } from './compare-facts.ts';
import { openBackup } from './encryption/manifest-details.ts';
import { extentNote, extentOf, partForWhole, rolesForDatabase } from './extent.ts';
import { contentPathIn, fetchParts, spoolPrefix } from './fetch-parts.ts';
import { type JobContext, JobFailed } from './job.ts';
import { type KeptFetch, keepFetched } from './kept-fetch.ts';
import type { Fact, Manifest, OpenedManifest } from './manifest.ts';
import {
  databaseNameWith,
  hindrances,
  readRestoreRights,
  unfinishedName,
  unfinishedRestores,
} from './restore-rights.ts';
import { createDatabaseLike, dropDatabase, endSessions, requireExtensions } from './sandbox/prepare-database.ts';
import { type SpoolSettings, spoolShortageMakingRoom } from './spool-space.ts';

export interface RestoreRequest extends Pick<SpoolSettings, 'spoolDirectory'>, OpeningTools {
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
  /** What is fetched stays in the spool until the restore is complete, for one that is started again. */
  readonly keepFetched?: boolean;
  /** Only the rows of these tables; everything when absent. Not with `replace`. */
  readonly selection?: TableSelection | undefined;
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
export async function restoreBackup(given: RestoreRequest, context: JobContext): Promise<RestoreResult> {
  const startMs = context.clock.monotonicMs();
  if (given.manifest.method !== 'postgres-dump/1') throw rolesForDatabase(given.manifest);
  const { manifest, identities } = await openBackup(given.manifest, given.identities);
  const extent = extentOf(manifest);
  if (given.onConflict === 'replace' && extent?.kind === 'part') throw partForWhole(manifest, extent);
  await using session = await openMaintenanceSession(given.server, context.signal, given.database);
  // Of several hosts, all that follows must come to the one where the names were looked at.
  const request = { ...given, manifest, server: withDatabase(session.access, given.server.connection.database) };
  const exists = await requirePlace(session, request, context.signal);
  await requireExtensions(session, manifest.source, context.signal);
  const keepable = { manifest, store: request.store, parent: request.spoolDirectory };
  await using kept = request.keepFetched === true ? await keepFetched(keepable, context) : undefined;
  const settings = { spoolDirectory: request.spoolDirectory };
  const shortage = await spoolShortageMakingRoom(manifest, settings, context.log);
  if (shortage !== undefined) throw new JobFailed('error', `${shortage}; nothing was touched`);
  await using spool = await makeWorkDirectory({ prefix: spoolPrefix, parent: request.spoolDirectory });
  const contentPath = contentPathIn(spool.path);
  await fetchParts({ ...request, store: kept?.store ?? request.store, identities }, spool.path, context);
  const left = await unfinishedRestores(session, request.database, context.signal);
  const name = unfinishedName(request.database, randomBytes(3).toString('hex'));
  const notes = await createDatabaseLike(session, name, manifest.source, context.signal);
  const filled = await fill(request, { session, name, contentPath }, context);
  await kept?.forget();
  const isKeptAside = exists && filled.differing.length > 0;
  const replaced = isKeptAside ? undefined : await takeName(request, { session, name, exists }, context);
  return {
    database: isKeptAside ? name : request.database,
    ...(replaced === undefined ? {} : { replaced }),
    seconds: secondsSince(context.clock, startMs),
    factsCompared: filled.factsCompared,
    differing: filled.differing,
    notes: [...notes, ...extentNote(extent), ...filled.notes, ...heldNote(kept), ...left.map(unfinishedNote)],
  };
}

export function unfinishedNote(name: string): string {
  return `database "${name}" is of a restore that was not completed, or runs now: drop it when you are sure`;
}

/** Resolves with whether there is a database of the name. Rejects before anything is fetched when the restore would fail at its end. */
async function requirePlace(
  session: PostgresSession,
  { database, onConflict, manifest, selection }: OpenedRequest,
  signal: AbortSignal,
): Promise<boolean> {
  const rights = await readRestoreRights(session, database, signal);
  if (rights.exists && onConflict === 'refuse') {
    throw new JobFailed('error', `database "${database}" exists already; nothing was touched`);
  }
  const [first] = hindrances(rights, { database, onConflict, manifest, selection });
  if (first !== undefined) {
    const { message, remedy } = first;
    throw new JobFailed('privilege', `${message}${remedy === undefined ? '' : ` (${remedy})`}; nothing was touched`);
  }
  if (selection !== undefined) await requireChosen(session, manifest, selection, signal);
  return rights.exists;
}

function heldNote(kept: KeptFetch | undefined): readonly string[] {
  if (kept === undefined || kept.heldBytes === 0) return [];
  return [`${formatBytes(kept.heldBytes)} had been fetched before, by a restore that was not completed`];
}

type OpenedRequest = Omit<RestoreRequest, 'manifest'> & { readonly manifest: OpenedManifest };

/** Restores into the new database and compares; drops it when it cannot be filled. */
async function fill(
  { manifest, method, server, selection }: OpenedRequest,
  into: {
    readonly session: PostgresSession;
    readonly name: string;
    readonly contentPath: (partName: string) => string;
  },
  context: JobContext,
): Promise<Pick<RestoreResult, 'factsCompared' | 'differing' | 'notes'>> {
  const { name, contentPath } = into;
  try {
    const access = withDatabase(server, name);
    const ownership = (await mayRestoreOwners(into.session, manifest, context.signal)) ? 'restore' : 'ignore';
    context.onProgress({ activity: 'restoring' });
    const notes = ownership === 'restore' ? [] : [ownersNote];
    if (!isOfOwnRevision(manifest)) notes.push(`definitions are not compared: ${toldOtherwise}`);
    const onNote = (note: string) => void notes.push(note);
    const loading = { manifest, contentPath, into: access, ownership, parallel: 2, selection, onNote } as const;
    await method.restore(loading, context);
    context.onProgress({ activity: 'comparing' });
    const measured = await method.measure(access, manifest, context);
    const major = majorOf(into.session.version);
    const where = { manifest, major, ownership } as const;
    const isAbout = selection === undefined ? () => true : await factsAbout(access, selection, context.signal);
    const [expected, actual] = [manifest.facts.items, measured].map((facts) =>
      judgeableFacts(facts, where).filter(isAbout),
    );
    if (selection === undefined && manifest.source.properties !== undefined) {
      const database = { session: into.session, access: server, database: name, ownership } as const;
      const leftOut = await restoreDatabaseProperties(manifest.source.properties, database, context.signal);
      notes.push(...leftOut.map(({ note }) => note));
    }
    return { factsCompared: expected?.length ?? 0, differing: compareFacts(expected ?? [], actual ?? []), notes };
  } catch (error) {
    await dropUnfinished(server, name, context);
    throw error;
  }
}

/** Of a restore of some tables, only what their rows are can be compared. */
async function factsAbout(
  access: PostgresAccess,
  selection: TableSelection,
  signal: AbortSignal,
): Promise<(fact: Fact) => boolean> {
  const tables = await tablesOf(access, selection, signal);
  const labels = new Set(tables.map(({ schema, name }) => factLabel(schema, name)));
  return ({ name }) => {
    const about = /^(?:rows|content) (.*)$/s.exec(name)?.[1];
    return about !== undefined && labels.has(about);
  };
}

export const ownersNote = 'owners and grants were not restored: not all roles exist here, or the role is no superuser';

/**
 * The database is complete: now it gets its name, and resolves with that of the one whose place it takes. It is not thrown away
 * when it cannot.
 */
async function takeName(
  request: RestoreRequest,
  restored: { readonly session: PostgresSession; readonly name: string; readonly exists: boolean },
  context: JobContext,
): Promise<string | undefined> {
  const { session, name, exists } = restored;
  const { database } = request;
  const rename = `ALTER DATABASE ${quoteIdentifier(name)} RENAME TO ${quoteIdentifier(database)}`;
  const naming = exists
    ? swap(request, restored, context)
    : session.query(rename, { signal: context.signal }).then(() => undefined);
  return naming.catch((cause: unknown) => {
    const what = exists
      ? `the restore is complete and right as database "${name}", but did not take the place of "${database}"`
      : `the restore is complete as database "${name}", but did not get the name "${database}"`;
    throw new JobFailed('error', what, { cause });
  });
}

/**
 * On the bad day the database of the target's URL is what is gone; and one cannot be replaced by who is logged in to it.
 * So the databases that every server has come first, and `avoided`, which is to be replaced, last.
 */
export async function openMaintenanceSession(
  server: PostgresAccess,
  signal: AbortSignal,
  avoided?: string,
): Promise<PostgresSession> {
  const all = ['postgres', 'template1', server.connection.database];
  const databases = all.sort((a, b) => Number(a === avoided) - Number(b === avoided));
  for (const database of databases.slice(0, -1)) {
    try {
      return await openSession(withDatabase(server, database), { signal });
    } catch (error) {
      // Only where the database itself is the trouble (missing, or no right to it) is another one worth trying.
      if (!['3D000', '42501', '28000'].includes(errorCode(error) ?? '')) throw error;
    }
  }
  return openSession(withDatabase(server, databases.at(-1) ?? server.connection.database), { signal });
}

/** Owners can be given by a superuser only, and only to roles that exist. */
export async function mayRestoreOwners(
  session: PostgresSession,
  manifest: OpenedManifest,
  signal: AbortSignal,
): Promise<boolean> {
  const rows = await session.query(
    "SELECT rolname AS name, current_setting('is_superuser') AS superuser FROM pg_catalog.pg_roles",
    { signal },
  );
  const existing = new Set(rows.map((row) => row['name']));
  return rows[0]?.['superuser'] === 'on' && manifest.source.roles.every((role) => existing.has(role));
}

/**
 * Gives the restored database the name of the old one, which is kept; both or neither. Returns the old one's new name.
 * A rename lets nobody new in and waits five seconds for who is there: those are ended by a session beside it.
 */
async function swap(
  { database, server }: RestoreRequest,
  restored: { readonly session: PostgresSession; readonly name: string },
  { clock, signal }: JobContext,
): Promise<string> {
  const stamp = clock
    .now()
    .toISOString()
    .replaceAll(/[-:]|\.\d+/g, '')
    .toLowerCase();
  const kept = databaseNameWith(database, `_before_${stamp}`);
  await using beside = await openMaintenanceSession(server, signal, database);
  const renames = [
    `ALTER DATABASE ${quoteIdentifier(database)} RENAME TO ${quoteIdentifier(kept)}`,
    `ALTER DATABASE ${quoteIdentifier(restored.name)} RENAME TO ${quoteIdentifier(database)}`,
  ];
  const state = { renamed: false };
  const renaming = restored.session.query(renames.join('; '), { signal }).finally(() => {
    state.renamed = true;
  });
  renaming.catch(() => undefined);
  while (!state.renamed) {
    await endSessions(beside, database, signal);
    await clock.sleep(100, signal);
  }
  await renaming;
  return kept;
}

/** It is ours alone: nobody else has ever seen it complete. Why it was not finished is told, whatever happens here. */
async function dropUnfinished(server: PostgresAccess, name: string, { log }: JobContext): Promise<void> {
  try {
    const signal = AbortSignal.timeout(30_000);
    await using session = await openMaintenanceSession(server, signal);
    await dropDatabase(session, name, signal);
  } catch (error) {
    log.warn({ database: name, error: errorMessage(error) }, 'an unfinished restore could not be dropped');
  }
}
