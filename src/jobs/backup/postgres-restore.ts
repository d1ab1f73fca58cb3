import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, findCause } from '../../core/errors.ts';
import { ProcessFailed, runProcess } from '../../core/run-process.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { libpqLogin } from '../../targets/postgres/libpq.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import { chooseInstallation, type ProgramInstallation } from '../../targets/postgres/programs.ts';
import { openSession, quoteIdentifier, quoteLiteral } from '../../targets/postgres/session.ts';
import { extentOf } from '../extent.ts';
import { type JobContext, JobFailed } from '../job.ts';
import type { BackupSource, OpenedManifest } from '../manifest.ts';
import { foreignKeyNotes } from './foreign-keys.ts';
import type { RestoreRequest } from './method.ts';
import { requireOwnConnections } from './pooling.ts';
import { type Archives, type RunPgRestore, restoreTables } from './postgres-restore-tables.ts';
import { restorePublicSchema } from './public-schema.ts';
import { withSizeProgress } from './restore-progress.ts';
import { inPasses, restorable, subscriptionsIn } from './toc-selection.ts';

/** What pg_dump wrote. */
export const dumpPartName = 'database.dump.zst';

/** The definitions that belong to a dump of data alone. */
export const schemaPartName = 'schema.dump.zst';

/**
 * Loads the dump into an empty database with pg_restore; the first error ends it. Rejects with reason `inconclusive`
 * when the server lacks something that no dump holds (a role, an extension, a tablespace).
 */
export async function restoreDump(
  installations: readonly ProgramInstallation[],
  request: RestoreRequest,
  context: JobContext,
): Promise<void> {
  const { manifest } = request;
  await requireOwnConnections(request.into, context);
  const { into, serverMajor } = await serverOf(request.into, context.signal);
  const dumpMajor = Number.parseInt(manifest.tools['pg_dump'] ?? '0', 10);
  const { directory } = chooseInstallation(installations, {
    programs: ['pg_restore'],
    serverMajor: Math.max(serverMajor, dumpMajor),
  });
  const pgRestore = join(directory, 'pg_restore');
  await preparePartial(into, manifest, context.signal);
  await using login = await libpqLogin(into);
  const args = [
    '--no-password',
    '--no-tablespaces',
    `--jobs=${request.parallel}`,
    login.argument,
    ...(request.ownership === 'ignore' ? ['--no-owner', '--no-acl'] : []),
    // A subscription of the source must not be made twice: it would draw changes from its publisher.
    '--no-subscriptions',
  ];
  const run = (more: readonly string[]) =>
    runProcess(pgRestore, [...args, ...more], { signal: context.signal, env: login.env });
  try {
    const size = { access: into, expectedBytes: manifest.source.databaseSizeBytes, onProgress: context.onProgress };
    await withSizeProgress(size, context, () => load(request, into, run, context));
    const { definitions } = archivesOf(manifest, request.contentPath);
    await noteSubscriptions(request, () => runProcess(pgRestore, ['--list', definitions], { signal: context.signal }));
  } catch (error) {
    throw findCause(error, JobFailed) ?? missingInServer(error) ?? restoreFailure(manifest, error);
  }
}

async function load(
  request: RestoreRequest,
  into: PostgresAccess,
  run: RunPgRestore,
  context: JobContext,
): Promise<void> {
  const { manifest, contentPath, selection, onNote } = request;
  for (const note of foreignKeyNotes(manifest.selection)) onNote?.(note);
  const archives = archivesOf(manifest, contentPath);
  await restorePublicSchema(into, manifest, { ownership: request.ownership, onNote, signal: context.signal });
  if (selection !== undefined) {
    for (const note of await restoreTables({ manifest, into, selection, archives, run }, context)) onNote?.(note);
    return;
  }
  for (const step of await restoreSteps(manifest, archives, run)) await run(['--exit-on-error', ...step]);
}

/** `list` is to print all that the dump holds: what is not to be made is in no list of what is. */
async function noteSubscriptions({ onNote }: RestoreRequest, list: () => Promise<string>): Promise<void> {
  if (onNote === undefined) return;
  for (const name of subscriptionsIn(await list())) {
    onNote(`subscription ${name} of the source was not made: it would draw changes from the publisher a second time`);
  }
}

function archivesOf({ selection, parts }: OpenedManifest, contentPath: RestoreRequest['contentPath']): Archives {
  const folder = parts.find(({ archive }) => archive === 'tar');
  const data = contentPath(folder?.name ?? dumpPartName);
  return { data, definitions: selection?.content === 'data' ? contentPath(schemaPartName) : data };
}

/** What pg_restore is given, one run after the other: data goes between the tables and what is built on their rows. */
async function restoreSteps(
  manifest: OpenedManifest,
  { data, definitions }: Archives,
  run: RunPgRestore,
): Promise<readonly (readonly string[])[]> {
  const list = restorable(await run(['--list', definitions]), manifest);
  const { first, attachments, afterRows, rights, last } = inPasses(list);
  const withList = async (name: string, entries: string) => {
    const path = `${definitions}.${name}`;
    await writeFile(path, entries, { mode: 0o600 });
    return [`--use-list=${path}`, definitions];
  };
  const objects = await withList('objects', first);
  const steps =
    data === definitions
      ? [objects]
      : [['--section=pre-data', ...objects], [data], ['--section=post-data', ...objects]];
  if (attachments !== '') steps.push(['--jobs=1', ...(await withList('attachments', attachments))]);
  if (afterRows !== '') steps.push(await withList('after-rows', afterRows));
  if (rights !== '') steps.push(['--jobs=1', ...(await withList('rights', rights))]);
  if (last !== '') steps.push(await withList('last', last));
  return steps;
}

/** A dump of chosen schemas and tables holds neither the schemas of the tables nor those of the extensions. */
async function preparePartial(
  into: PostgresAccess,
  { selection, source }: OpenedManifest,
  signal: AbortSignal,
): Promise<void> {
  const { schemas = [], tables } = selection ?? {};
  if (selection?.schemas === undefined && tables === undefined) return;
  const needed = new Set([
    ...(tables ?? []).map(({ schema }) => schema),
    ...source.extensions.flatMap(({ schema }) => (schema === undefined ? [] : [schema])),
  ]);
  await using session = await openSession(into, { signal });
  for (const schema of needed) {
    if (schemas.includes(schema) || schema === 'pg_catalog') continue;
    await session.query(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`, { signal });
  }
}

/** Of several hosts the one that is there now: all that follows must come to the same. */
async function serverOf(
  access: PostgresAccess,
  signal: AbortSignal,
): Promise<{ readonly into: PostgresAccess; readonly serverMajor: number }> {
  await using session = await openSession(access, { signal });
  return { into: session.access, serverMajor: majorOf(session.version) };
}

const lackPatterns = [
  /role "[^"]*" does not exist/,
  /extension "[^"]*" is not available/,
  /could not open extension control file/,
  /tablespace "[^"]*" does not exist/,
  /security label provider "[^"]*" is not loaded|no security label providers have been loaded/,
  /must be (pre)?loaded|can only be loaded via shared_preload_libraries/,
  /can only create extension in database \S+/,
  /could not (access|load) (file|library) "[^"]*"/,
  /collation "[^"]*" for encoding "[^"]*" does not exist/,
  /could not (create locale|open collator for locale) "[^"]*"/,
  // A pg_restore newer than the server sets what the server does not know yet.
  /unrecognized configuration parameter "[^"]*"/,
  // Extensions, event triggers, functions in C and others that only a superuser can make.
  /permission denied (to|for language|for foreign-data wrapper|for foreign server) [^|]*?$/m,
  /must be (superuser|owner of|member of|able to SET ROLE) [^|]*?$/im,
  /out of (shared )?memory/,
  /No space left on device|Disk quota exceeded/,
];

/** What the server where the restore is tried lacks says nothing about the backup. */
function missingInServer(error: unknown): JobFailed | undefined {
  const stderr = findCause(error, ProcessFailed)?.stderr ?? errorMessage(error);
  const lack = lackPatterns.map((pattern) => pattern.exec(stderr)?.[0]).find((text) => text !== undefined);
  if (lack === undefined) return undefined;
  return new JobFailed('inconclusive', `the server of the restore lacks something: ${lack}`, { cause: error });
}

/** What a part of a database lacks is most likely in the rest of it. */
function restoreFailure(manifest: OpenedManifest, error: unknown): Error {
  const extent = extentOf(manifest);
  const isLack = (findCause(error, ProcessFailed)?.stderr ?? errorMessage(error)).includes('does not exist');
  if (!isLack || extent === undefined || extent.kind === 'whole')
    return new Error('restoring the dump', { cause: error });
  const hint = 'what that needs from the rest of the database has to be chosen too; "watchkeeper check" names it';
  return new Error(`restoring the dump of ${extent.text} (${hint})`, { cause: error });
}

/**
 * SQL that makes an empty database as the source's was: encoding and locale decide about order and uniqueness.
 * Without `locale` (this machine does not have it) the locale is C.
 */
export function createDatabaseSql(
  name: string,
  source: BackupSource,
  on: { readonly server: number; readonly locale: 'as_source' | 'c' },
): string {
  const parts = [
    `CREATE DATABASE ${quoteIdentifier(name)} TEMPLATE template0 ENCODING ${quoteLiteral(source.encoding)}`,
  ];
  // Else it would be that of the template: the server's, not the source's.
  if (on.server >= 150_000 && (on.locale === 'c' || source.localeProvider === 'libc')) {
    parts.push('LOCALE_PROVIDER libc');
  }
  if (on.locale === 'c') return `${parts.join(' ')} LC_COLLATE 'C' LC_CTYPE 'C'`;
  parts.push(`LC_COLLATE ${quoteLiteral(source.collate)} LC_CTYPE ${quoteLiteral(source.ctype)}`);
  if (source.localeProvider === 'icu' && source.locale !== undefined) {
    parts.push(`LOCALE_PROVIDER icu ICU_LOCALE ${quoteLiteral(source.locale)}`);
    if (source.icuRules !== undefined) parts.push(`ICU_RULES ${quoteLiteral(source.icuRules)}`);
  }
  if (source.localeProvider === 'builtin' && source.locale !== undefined) {
    parts.push(`LOCALE_PROVIDER builtin BUILTIN_LOCALE ${quoteLiteral(source.locale)}`);
  }
  return parts.join(' ');
}
