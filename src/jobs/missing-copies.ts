import { type CatalogEntry, isComplete } from './catalog.ts';
import { planRetention, type RetentionEntry, type RetentionOptions, retentionEntries } from './retention.ts';
import { isPinnedAt, type Pin } from './retention-marks.ts';
import type { RetentionPolicy } from './settings.ts';

export interface CopyRules extends Pick<RetentionOptions, 'timezone'> {
  readonly policy: RetentionPolicy | undefined;
}

/** A backup that a store lacks, and where it is. */
export interface MissingCopy {
  readonly entry: CatalogEntry;
  /** Names of the stores that have it, in the order in which they are to be asked. */
  readonly sources: readonly string[];
}

interface Candidate extends MissingCopy {
  readonly sources: string[];
  /** The first that counts now. */
  pin: Pin | undefined;
}

/**
 * What a store lacks of a lineage that other stores have, newest first. Pure. A backup that retention would delete again
 * once it was there is not missed: it was deleted here already, or is about to be deleted there. One that somebody pinned
 * is missed, since its copy takes the pin over. What lost a part here is missed as well, and had from where it is whole.
 */
export function missingCopies(
  own: readonly CatalogEntry[],
  others: ReadonlyMap<string, readonly CatalogEntry[]>,
  rules: CopyRules,
  now: Date,
): MissingCopy[] {
  const whole = own.filter(isComplete);
  const owned = new Set(whole.map(({ manifest }) => manifest.id));
  const missing = new Map<string, Candidate>();
  for (const [name, entries] of others) {
    for (const entry of entries) {
      const { id } = entry.manifest;
      // Of what the other one lost a part of nothing can be had.
      if (owned.has(id) || !isComplete(entry)) continue;
      const found = missing.get(id) ?? { entry, sources: [], pin: undefined };
      found.sources.push(name);
      const { askedPin } = entry.marks;
      if (askedPin !== undefined && isPinnedAt(askedPin, now)) found.pin ??= askedPin;
      missing.set(id, found);
    }
  }
  if (missing.size === 0) return [];
  const kept = keptOf(whole, [...missing.values()], rules, now);
  return [...missing.values()]
    .filter(({ entry }) => kept.has(entry.manifest.id))
    .map(({ entry, sources }) => ({ entry, sources }))
    .sort((a, b) => (a.entry.manifest.snapshotAt < b.entry.manifest.snapshotAt ? 1 : -1));
}

/** Ids that stay when retention decides over what is there and what would be copied. A copy is not proven yet. */
function keptOf(
  own: readonly CatalogEntry[],
  missing: readonly Pick<Candidate, 'entry' | 'pin'>[],
  { policy, timezone }: CopyRules,
  now: Date,
): ReadonlySet<string> {
  const copies = missing.map(
    ({ entry: { manifest, storedBytes }, pin }): RetentionEntry => ({
      id: manifest.id,
      at: new Date(manifest.snapshotAt),
      proven: false,
      storedBytes,
      pins: pin === undefined ? [] : [pin],
    }),
  );
  const options = timezone === undefined ? {} : { timezone };
  const { decisions } = planRetention([...retentionEntries(own), ...copies], policy, now, options);
  return new Set(decisions.filter(({ action }) => action === 'keep').map(({ id }) => id));
}
