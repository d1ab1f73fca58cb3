import { formatBytes } from '../../core/bytes.ts';
import { formatDuration } from '../../core/duration.ts';
import { type CatalogEntry, isComplete, isProven } from '../../jobs/catalog.ts';
import { restoreSecondsOf } from '../../jobs/manifest.ts';
import { databaseNameWith } from '../../jobs/restore-rights.ts';
import { type FoundBackup, stateAge } from '../find-backup.ts';
import type { Extents } from './extents.ts';

interface Circumstances {
  readonly now: Date;
  readonly known: ReadonlySet<string>;
  readonly extents: Extents;
}

/**
 * What there is to restore and how: for each database the newest backup and the newest proven one, how old their state is,
 * when it was proven, how long a restore took then, and the commands to type. `known`: recipients whose identities are at hand.
 */
export function describeChoices(candidates: readonly FoundBackup[], circumstances: Circumstances): string {
  if (candidates.length === 0) return 'no finished backup';
  const databases = Map.groupBy(candidates, ({ entry }) => `${entry.manifest.target}/${entry.manifest.database}`);
  return [...databases].map(([name, found]) => describeDatabase(name, found, circumstances).join('\n')).join('\n\n');
}

/** Backups that hold a part of it only stand apart: the newest one is not the database. So do those without some rows, where others have them. */
function describeDatabase(name: string, found: readonly FoundBackup[], circumstances: Circumstances): string[] {
  const { extents } = circumstances;
  const kindOf = (one: FoundBackup) => extents.get(one)?.kind;
  const isWholeProven = found.some((one) => kindOf(one) === 'whole' && isProven(one.entry));
  const isPart = (one: FoundBackup) => kindOf(one) === 'part' || (isWholeProven && kindOf(one) === 'reduced');
  const complete = found.filter((one) => !isPart(one));
  const parts = complete.length === 0 ? [] : newestOfEachSchedule(found.filter(isPart));
  const main = complete.length === 0 ? found : complete;
  const newest = main.find(({ entry }) => isComplete(entry)) ?? main[0];
  const proven = main.find(({ entry }) => isProven(entry));
  const chosen = proven ?? newest;
  if (chosen === undefined) return [];
  const lines = [name];
  if (proven !== undefined) lines.push(`  newest proven  ${describeOne(proven, circumstances)}`);
  else lines.push('  newest proven  none: no backup of it was ever shown to restore');
  if (newest !== undefined && newest !== proven) lines.push(`  newest         ${describeOne(newest, circumstances)}`);
  for (const part of parts) lines.push(`  a part of it   ${describeOne(part, circumstances)}`);
  const more = found.length - new Set([newest, proven, ...parts].filter((one) => one !== undefined)).size;
  if (more > 0) lines.push(`  and ${more} more: watchkeeper list ${chosen.entry.manifest.target}`);
  return [...lines, '', ...commandsFor(chosen, extents)];
}

function newestOfEachSchedule(found: readonly FoundBackup[]): readonly FoundBackup[] {
  const schedules = Map.groupBy(found, ({ entry }) => entry.manifest.schedule);
  return [...schedules.values()].flatMap((ofOne) => ofOne.slice(0, 1));
}

function describeOne(found: FoundBackup, { now, known, extents }: Circumstances): string {
  const { entry, opened } = found;
  const { manifest, storedBytes } = entry;
  const extent = extents.get(found);
  return [
    manifest.id,
    ...(extent === undefined || extent.kind === 'whole' ? [] : [extent.text]),
    `state of ${manifest.snapshotAt} (${stateAge(entry, now)})`,
    `${formatBytes(storedBytes)} in store ${opened.name}`,
    ...keyOf(entry, known),
    proofOf(entry, now),
  ].join(', ');
}

function keyOf({ manifest: { encryption } }: CatalogEntry, known: ReadonlySet<string>): string[] {
  if (encryption === undefined) return [];
  if (encryption.recipients.some((recipient) => known.has(recipient))) return ['encrypted'];
  return [`encrypted, and NO IDENTITY HERE OPENS IT (one of ${encryption.recipients.join(', ')} does)`];
}

function proofOf(entry: CatalogEntry, now: Date): string {
  if (!isComplete(entry)) return `INCOMPLETE: the store lacks ${entry.missingParts.join(', ')}`;
  const [last] = entry.proofs;
  if (last === undefined) return 'not yet tried';
  const ago = `${formatDuration(now.getTime() - new Date(last.finishedAt).getTime())} ago`;
  const proof = entry.proofs.find(({ verdict }) => verdict === 'proven');
  if (isProven(entry) && proof !== undefined) {
    return `proven ${proof.finishedAt}, restored in ${formatDuration(restoreSecondsOf(proof) * 1_000)}`;
  }
  if (last.verdict === 'failed') return `NOT PROVEN ${ago}: ${last.reason ?? 'no reason'}`;
  return `could not be tried ${ago}: ${last.reason ?? 'no reason'}`;
}

function commandsFor(chosen: FoundBackup, extents: Extents): string[] {
  const { id, database } = chosen.entry.manifest;
  const extent = extents.get(chosen)?.kind;
  if (extent === 'roles') return ['  load its SQL with psql: docs/backup-format.md, "Roles and tablespaces"'];
  const into = (suffix: string) => `watchkeeper restore ${id} --into ${shellWord(databaseNameWith(database, suffix))}`;
  const replacing = `${into('')} --replace ${shellWord(database)}`;
  return [
    `  beside what is there       ${into('_restored')}`,
    // What cannot be opened may be a part, which never takes the place of a database.
    ...(extent === 'part' || extent === undefined ? [] : [`  in its place (kept aside)  ${replacing}`]),
    `  some tables only           ${into('_tables')} --table SCHEMA.NAME`,
    '  to another server          add --server postgres://USER@HOST/postgres',
    '  only see whether it works  add --dry-run',
  ];
}

/** As a shell takes it for one word, and for nothing but a word. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./][\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
