import { openSession } from '../targets/postgres/session.ts';
import {
  differingProperties,
  type LeftOut,
  readDatabaseProperties,
  restoreDatabaseProperties,
} from './backup/database-properties.ts';
import type { OpenedManifest } from './manifest.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

export interface PropertiesResult {
  /** What the catalog says otherwise than the source's, although nothing refused it: `the setting work_mem of the database`. */
  readonly differing: readonly string[];
  /** What could not be tried here. */
  readonly notes: readonly string[];
}

const mostNamed = 5;

/**
 * Gives the restored database what belonged to the source's itself (owner, rights, settings, limit of connections, comment), as a restore
 * does, and asks the catalog what it has now. What the sandbox refuses says nothing about the backup: an extension, a tablespace or
 * a role that is not there. To be called when all else is done: the settings hold for every session from then on.
 */
export async function proveProperties(
  { source: { properties } }: Pick<OpenedManifest, 'source'>,
  { access, ownership }: Pick<Sandbox, 'access' | 'ownership'>,
  signal: AbortSignal,
): Promise<PropertiesResult> {
  if (properties === undefined) return { differing: [], notes: [] };
  // Opened before they hold: a limit of connections may let nobody in.
  await using session = await openSession(access, { signal });
  const into = { session, access, database: access.connection.database, ownership };
  const leftOut = await restoreDatabaseProperties(properties, into, signal);
  const differing = differingProperties(properties, await readDatabaseProperties(session, signal), ownership);
  return { differing: differing.filter((words) => !isAbout(leftOut, words)), notes: notesOf(leftOut) };
}

function isAbout(leftOut: readonly LeftOut[], words: string): boolean {
  return leftOut.some(({ what }) => what === words || (what === null && words.startsWith('the setting ')));
}

function notesOf(leftOut: readonly LeftOut[]): string[] {
  if (leftOut.length === 0) return [];
  const named = leftOut.slice(0, mostNamed).map(({ note }) => note);
  const more = leftOut.length > mostNamed ? `; and ${leftOut.length - mostNamed} more` : '';
  return [`could not be tried here: ${named.join('; ')}${more}`];
}
