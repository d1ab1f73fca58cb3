import { formatBytes } from '../../core/bytes.ts';
import { formatDuration } from '../../core/duration.ts';
import { type CatalogEntry, isProven } from '../../jobs/catalog.ts';
import { restoreSecondsOf } from '../../jobs/manifest.ts';
import type { FoundBackup } from '../find-backup.ts';

interface Circumstances {
  readonly now: Date;
  readonly known: ReadonlySet<string>;
}

/**
 * What there is to restore and how: for each database the newest backup and the newest proven one, how old their state is,
 * when it was proven, how long a restore took then, and the commands to type. `known`: recipients whose identities are at hand.
 */
export function describeChoices(candidates: readonly FoundBackup[], { now, known }: Circumstances): string {
  if (candidates.length === 0) return 'no finished backup';
  const databases = Map.groupBy(candidates, ({ entry }) => `${entry.manifest.target}/${entry.manifest.database}`);
  return [...databases].map(([name, found]) => describeDatabase(name, found, { now, known }).join('\n')).join('\n\n');
}

function describeDatabase(name: string, found: readonly FoundBackup[], circumstances: Circumstances): string[] {
  const [newest] = found;
  const proven = found.find(({ entry }) => isProven(entry));
  const chosen = proven ?? newest;
  if (chosen === undefined) return [];
  const lines = [name];
  if (proven !== undefined) lines.push(`  newest proven  ${describeOne(proven, circumstances)}`);
  else lines.push('  newest proven  none: no backup of it was ever shown to restore');
  if (newest !== undefined && newest !== proven) lines.push(`  newest         ${describeOne(newest, circumstances)}`);
  if (found.length > 1) {
    lines.push(`  and ${found.length - 1} more: watchkeeper list ${chosen.entry.manifest.target}`);
  }
  return [...lines, '', ...commandsFor(chosen.entry)];
}

function describeOne({ entry, opened }: FoundBackup, { now, known }: Circumstances): string {
  const { manifest, storedBytes } = entry;
  return [
    manifest.id,
    `state of ${manifest.snapshotAt} (${formatDuration(now.getTime() - new Date(manifest.snapshotAt).getTime())} ago)`,
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

function commandsFor({ manifest }: CatalogEntry): string[] {
  const { id, database } = manifest;
  const restore = `watchkeeper restore ${id} --into`;
  return [
    `  beside what is there       ${restore} ${database}_restored`,
    `  in its place (kept aside)  ${restore} ${database} --replace ${database}`,
    `  some tables only           ${restore} ${database}_tables --table SCHEMA.NAME`,
    '  to another server          add --server postgres://USER@HOST/postgres',
    '  only see whether it works  add --dry-run',
  ];
}
