import { formatBytes } from '../../core/bytes.ts';
import { formatDuration } from '../../core/duration.ts';
import { errorMessage } from '../../core/errors.ts';
import { findProgram } from '../../core/find-program.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { requireChosen } from '../../jobs/backup/chosen-tables.ts';
import { foreignKeyNotes } from '../../jobs/backup/foreign-keys.ts';
import { requireOwnConnections } from '../../jobs/backup/pooling.ts';
import { backupKey } from '../../jobs/backup-keys.ts';
import { isProven } from '../../jobs/catalog.ts';
import type { Identity } from '../../jobs/encryption/age-keys.ts';
import { openBackup } from '../../jobs/encryption/manifest-details.ts';
import { extentNote, extentOf, partForWhole, rolesForDatabase } from '../../jobs/extent.ts';
import { type OpenedManifest, restoreSecondsOf, storedBytesOf } from '../../jobs/manifest.ts';
import {
  mayRestoreOwners,
  openMaintenanceSession,
  ownersNote,
  type RestoreRequest,
  unfinishedNote,
} from '../../jobs/restore-backup.ts';
import { hindrances, readRestoreRights, unfinishedRestores } from '../../jobs/restore-rights.ts';
import { requireExtensions } from '../../jobs/sandbox/prepare-database.ts';
import { spoolShortage } from '../../jobs/spool-space.ts';
import { formatConnectionUrl } from '../../targets/libpq/connection.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import { chooseInstallation, type ProgramInstallation } from '../../targets/postgres/programs.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import { type CheckFinding, type Findings, findingsAbout } from '../check/finding.ts';
import { type FoundBackup, stateAge } from '../find-backup.ts';

type ExamineContext = Pick<WorkContext, 'clock' | 'signal'> & {
  readonly installations: readonly ProgramInstallation[];
  readonly searchPath: string;
};

/** What a restore asks for, in the order in which it would: nothing is made, fetched or changed. */
export async function examineRestore(
  request: Omit<RestoreRequest, 'store'>,
  found: FoundBackup,
  context: ExamineContext,
): Promise<readonly CheckFinding[]> {
  const backup = findingsAbout(`backup ${found.entry.manifest.id}`);
  examineProof(found, backup, context.clock.now());
  await examineParts(found, backup, context.signal);
  let manifest: OpenedManifest | undefined;
  await tried(backup, context.signal, async () => {
    const opened = await openBackup(request.manifest, request.identities);
    manifest = opened.manifest;
    if (opened.identities.length > 0) backup.ok(`an identity opens it: ${recipientsOf(opened.identities)}`);
    examineExtent(manifest, request.onConflict, backup);
  });
  const machine = findingsAbout('this machine');
  await tried(machine, context.signal, async () => {
    const shortage = await spoolShortage(request.manifest, request);
    if (shortage === undefined) machine.ok('there is room for the fetched dump');
    else machine.error(shortage);
  });
  await tried(machine, context.signal, () => examineTar(request, machine, context.searchPath));
  const server = findingsAbout(`server ${formatConnectionUrl(request.server.connection)}`);
  await tried(server, context.signal, async () => {
    await using session = await openMaintenanceSession(request.server, context.signal, request.database);
    await examineServer(request, session, { server, machine }, context);
    if (manifest === undefined) return;
    await examineOwners(session, manifest, server, context.signal);
    await examineTables(session, { manifest, selection: request.selection }, backup, context.signal);
  });
  return [...backup.all, ...machine.all, ...server.all];
}

function examineProof({ entry }: FoundBackup, findings: Findings, now: Date): void {
  const { manifest, proofs } = entry;
  const state = `holds the state of ${manifest.snapshotAt} (${stateAge(entry, now)})`;
  const proof = proofs.find(({ verdict }) => verdict === 'proven');
  if (isProven(entry) && proof !== undefined) {
    const took = formatDuration(restoreSecondsOf(proof) * 1_000);
    findings.ok(`proven ${proof.finishedAt}; ${state}; its restore took ${took} then`);
  } else {
    findings.warning(`not proven; ${state}`, `watchkeeper verify ${manifest.id}`);
  }
}

function examineExtent(manifest: OpenedManifest, onConflict: RestoreRequest['onConflict'], findings: Findings): void {
  const extent = extentOf(manifest);
  if (extent?.kind === 'roles') findings.error(rolesForDatabase(manifest).message);
  else if (extent?.kind === 'part' && onConflict === 'replace') findings.error(partForWhole(manifest, extent).message);
  else for (const note of [...extentNote(extent), ...foreignKeyNotes(manifest.selection)]) findings.warning(note);
}

async function examineParts({ entry, opened }: FoundBackup, findings: Findings, signal: AbortSignal): Promise<void> {
  const { id, target, parts } = entry.manifest;
  await tried(findings, signal, async () => {
    for (const { name, sizeBytes } of parts) {
      const stored = await opened.store.head(backupKey(target, id, name), signal);
      const size = stored === undefined ? 'nothing' : formatBytes(stored.sizeBytes);
      if (stored?.sizeBytes !== sizeBytes) {
        return findings.error(`part ${name}: store ${opened.name} has ${size} of ${formatBytes(sizeBytes)}`);
      }
    }
    const sum = formatBytes(storedBytesOf(entry.manifest));
    findings.ok(`its data, ${sum}, is in store ${opened.name}`);
  });
}

/** A dump in directory format is stored as one file. */
async function examineTar(
  { manifest }: Pick<RestoreRequest, 'manifest'>,
  machine: Findings,
  searchPath: string,
): Promise<void> {
  if (!manifest.parts.some(({ archive }) => archive === 'tar')) return;
  const tar = await findProgram('tar', searchPath);
  if (tar !== undefined) machine.ok(`tar is ${tar}`);
  else machine.error('tar is not installed: the dump is in directory format', 'install the package tar');
}

async function examineServer(
  request: Omit<RestoreRequest, 'store'>,
  session: PostgresSession,
  { server, machine }: { readonly server: Findings; readonly machine: Findings },
  context: ExamineContext,
): Promise<void> {
  const { manifest } = request;
  const { signal, installations } = context;
  const serverMajor = majorOf(session.version);
  const dumpMajor = Number.parseInt(manifest.tools['pg_dump'] ?? '0', 10);
  server.ok(`logged in to PostgreSQL ${session.versionText}`);
  await tried(machine, signal, async () => {
    const programs = ['pg_restore'] as const;
    const { directory, version } = chooseInstallation(installations, {
      programs,
      serverMajor: Math.max(serverMajor, dumpMajor),
    });
    machine.ok(`pg_restore ${version} in ${directory}`);
  });
  await tried(server, signal, async () => requireOwnConnections(request.server, context));
  await tried(server, signal, async () => {
    await requireExtensions(session, manifest.source, signal);
    server.ok('the extensions of the source can be installed');
  });
  await tried(server, signal, () => examineRights(request, session, server, signal));
}

/** Who the owners are is told by a manifest that could be opened. */
async function examineOwners(
  session: PostgresSession,
  manifest: OpenedManifest,
  server: Findings,
  signal: AbortSignal,
): Promise<void> {
  await tried(server, signal, async () => {
    if (await mayRestoreOwners(session, manifest, signal)) server.ok('owners and grants can be restored');
    else server.warning(ownersNote.replace('were not', 'will not be'));
  });
}

function recipientsOf(identities: readonly Identity[]): string {
  return identities.map(({ recipient }) => recipient).join(', ');
}

async function examineTables(
  session: PostgresSession,
  { manifest, selection }: { readonly manifest: OpenedManifest } & Pick<RestoreRequest, 'selection'>,
  backup: Findings,
  signal: AbortSignal,
): Promise<void> {
  if (selection === undefined || manifest.method !== 'postgres-dump/1') return;
  await tried(backup, signal, async () => {
    await requireChosen(session, manifest, selection, signal);
    backup.ok(`it has ${[...selection.tables, ...selection.schemas.map((name) => `schema ${name}`)].join(', ')}`);
  });
}

async function examineRights(
  request: Omit<RestoreRequest, 'store'>,
  session: PostgresSession,
  findings: Findings,
  signal: AbortSignal,
): Promise<void> {
  const { database } = request;
  const rights = await readRestoreRights(session, database, signal);
  const hindering = hindrances(rights, request);
  if (rights.mayCreate) findings.ok(`role "${rights.role}" may make databases`);
  if (!rights.exists) findings.ok(`database "${database}" will be made`);
  else if (hindering.length === 0)
    findings.ok(`database "${database}" will be renamed and kept; the restore takes its name`);
  for (const { message, remedy } of hindering) findings.error(message, remedy);
  for (const name of await unfinishedRestores(session, database, signal)) findings.warning(unfinishedNote(name));
}

/** Whatever a step throws is a finding. */
async function tried(findings: Findings, signal: AbortSignal, step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    signal.throwIfAborted();
    findings.error(errorMessage(error));
  }
}
