import type { LoadedBackup, LoadedConfig } from '../../config/loaded.ts';
import { formatDuration } from '../../core/duration.ts';
import { errorMessage } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import {
  type Catalog,
  type CatalogEntry,
  entriesOf,
  isComplete,
  isProven,
  type TargetContents,
} from '../../jobs/catalog.ts';
import { type ReadIdentities, readIdentities } from '../../jobs/encryption/identities.ts';
import { fullReason } from '../../jobs/encryption/proof-details.ts';
import { isBackupFromFuture } from '../../jobs/from-future.ts';
import { type Lineage, lineageName } from '../../jobs/lineage.ts';
import { parseSchedule } from '../../jobs/schedule.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import { type CheckFinding, type Findings, findingsAbout } from './finding.ts';
import { checkOpenable } from './openable.ts';
import type { SourceDatabase } from './source.ts';

/** What is kept of every lineage: is there a backup, how old is it, is it proven. Also told: what a restore needs. */
export async function checkKept(
  config: LoadedConfig,
  catalogs: ReadonlyMap<string, Catalog>,
  context: WorkContext,
): Promise<{ readonly findings: readonly CheckFinding[]; readonly sources: readonly SourceDatabase[] }> {
  const all: CheckFinding[] = [];
  const sources: SourceDatabase[] = [];
  const identities = await readIdentities(config.identities);
  for (const backup of config.targets.flatMap(({ backups }) => backups)) {
    const findings = findingsAbout(`backups of target ${backup.target}`);
    checkDatabases(backup, findings);
    for (const store of backup.stores) {
      const newest = await checkKeptIn(catalogs.get(store), { backup, identities }, findings, context);
      sources.push(...newest.map((entry) => sourceOf(entry, backup)));
    }
    all.push(...findings.all);
  }
  return { findings: all, sources };
}

interface KeptBackup {
  readonly backup: LoadedBackup;
  readonly identities: ReadIdentities;
}

/** Of one schedule in one store; returns the newest backup of each database. */
async function checkKeptIn(
  catalog: Catalog | undefined,
  { backup, identities }: KeptBackup,
  findings: Findings,
  context: WorkContext,
): Promise<CatalogEntry[]> {
  const contents = catalog === undefined ? undefined : await read(catalog, backup.target, findings, context);
  if (contents === undefined) return [];
  const kept: CatalogEntry[] = [];
  for (const lineage of backup.lineages.filter(({ store }) => store === catalog?.storeName)) {
    const all = entriesOf(contents, lineage);
    checkWhole(nameOf(lineage, backup), all, findings);
    const now = context.clock.now();
    checkDates(nameOf(lineage, backup), all, findings, now);
    const entries = all.filter((entry) => isComplete(entry) && !isBackupFromFuture(entry.manifest, now));
    await checkLineage(lineage, { backup, identities }, entries, findings, now);
    checkOpenable(nameOf(lineage, backup), entries, backup, identities, findings);
    const [newest] = entries;
    if (newest !== undefined) kept.push(newest);
  }
  return kept;
}

async function read(
  catalog: Catalog,
  target: string,
  findings: Findings,
  context: WorkContext,
): Promise<TargetContents | undefined> {
  try {
    const contents = await catalog.read(target, context.signal);
    for (const { backupId, reason } of contents.unreadable) {
      findings.warning(`backup ${backupId} in store ${catalog.storeName} cannot be read: ${reason}`);
    }
    return contents;
  } catch (error) {
    context.signal.throwIfAborted();
    findings.error(`reading store ${catalog.storeName}: ${errorMessage(error)}`);
    return undefined;
  }
}

/** Nothing else tells of a schedule whose patterns fit nothing: there is no database to tell it of. */
function checkDatabases({ databases, discover, target, schedule }: LoadedBackup, findings: Findings): void {
  if (discover === undefined || databases.length > 0) return;
  findings.error(
    `${target}/${schedule}: no database fits its patterns, so nothing is backed up`,
    'look at `databases` of the schedule, and which databases the server has',
  );
}

function checkDates(name: string, entries: readonly CatalogEntry[], findings: Findings, now: Date): void {
  const future = entries.filter(({ manifest }) => isBackupFromFuture(manifest, now));
  const [first] = future;
  if (first === undefined) return;
  findings.warning(
    `${name}: ${future.length === 1 ? 'a backup is' : `${future.length} backups are`} dated in the future, such as ${first.manifest.id}; nobody knows how old what it holds is`,
    future.length === entries.length
      ? 'is the clock of this machine right?'
      : 'remove it by hand once others are proven',
  );
}

function checkWhole(name: string, entries: readonly CatalogEntry[], findings: Findings): void {
  const newestWhole = entries.findIndex(isComplete);
  for (const [index, { manifest, missingParts }] of entries.entries()) {
    if (missingParts.length === 0) continue;
    const message = `${name}: backup ${manifest.id} is incomplete, the store lacks ${missingParts.join(', ')}`;
    const remedy = 'find out who or what deletes in the store, such as a lifecycle rule';
    // An older one hinders no restore today.
    if (newestWhole === -1 || index < newestWhole) findings.error(message, remedy);
    else findings.warning(message, remedy);
  }
}

async function checkLineage(
  lineage: Lineage,
  { backup, identities }: KeptBackup,
  entries: readonly CatalogEntry[],
  findings: Findings,
  now: Date,
): Promise<void> {
  const name = nameOf(lineage, backup);
  const [newest] = entries;
  if (newest === undefined) {
    findings.error(`${name}: there is no backup`, `watchkeeper backup ${lineage.target} ${lineage.schedule}`);
    return;
  }
  checkOverdue(name, newest, backup, findings, now);
  const proven = entries.find(isProven);
  if (proven === newest) {
    findings.ok(`${name}: the newest backup, ${age(newest, now)} old, is proven`);
    return;
  }
  const held = proven === undefined ? 'no backup is' : `the newest proven one is ${age(proven, now)} old`;
  const message = `${name}: the newest backup, ${age(newest, now)} old, is not proven; ${held}`;
  const verdict = newest.proofs.find((proof) => proof.verdict !== 'inconclusive');
  const remedy = `watchkeeper verify ${newest.manifest.id}${backup.stores.length > 1 ? ` --store ${lineage.store}` : ''}`;
  if (verdict?.verdict === 'failed') {
    const reason = await fullReason(verdict, identities.identities);
    findings.error(`${message}; its proof failed: ${reason ?? 'no reason'}`, remedy);
  } else if (backup.proof === undefined || proven !== undefined) findings.warning(message, remedy);
  else findings.error(message, remedy);
}

function nameOf(lineage: Lineage, { stores }: LoadedBackup): string {
  return stores.length > 1 ? `${lineageName(lineage)} in ${lineage.store}` : lineageName(lineage);
}

function checkOverdue(name: string, newest: CatalogEntry, backup: LoadedBackup, findings: Findings, now: Date): void {
  const { schedule, timezone } = backup.settings;
  const slot = parseSchedule(schedule, timezone).lastAtOrBefore(now);
  if (slot === undefined || new Date(newest.manifest.startedAt) >= slot) return;
  findings.warning(
    `${name}: the backup due at ${slot.toISOString()} is not there`,
    `is the daemon running? By hand: watchkeeper backup ${backup.target} ${backup.schedule}`,
  );
}

/** Of the state the backup holds: that much would be lost. */
function age({ manifest }: CatalogEntry, now: Date): string {
  return formatDuration(now.getTime() - new Date(manifest.snapshotAt).getTime());
}

/** The database as it was when it was backed up: what a restore needs although the source may be gone. */
function sourceOf({ manifest }: CatalogEntry, backup: LoadedBackup): SourceDatabase {
  return {
    target: manifest.target,
    database: manifest.database,
    major: majorOf(manifest.source.versionNumber),
    extensions: manifest.source.extensions.map(({ name }) => name),
    sizeBytes: manifest.source.databaseSizeBytes,
    sandbox: backup.proof?.sandbox,
  };
}
