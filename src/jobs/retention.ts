import { formatBytes } from '../core/bytes.ts';
import { formatDuration } from '../core/duration.ts';
import { type CalendarPeriods, calendarIn } from './calendar.ts';
import { type CatalogEntry, isProven } from './catalog.ts';
import type { RetentionPolicy } from './settings.ts';

/** A finished backup as far as retention cares. */
export interface RetentionEntry {
  readonly id: string;
  /** The instant whose state it holds. */
  readonly at: Date;
  readonly proven: boolean;
  readonly storedBytes: number;
}

export interface RetentionDecision extends RetentionEntry {
  readonly action: 'keep' | 'delete';
  /** For people, never empty: `last 7`, `daily 2026-03-02`, `newest proven`, `kept by no rule`. */
  readonly reasons: readonly string[];
}

/** Why nothing may be deleted at the moment, whatever the decisions say. */
export interface RetentionRefusal {
  /** `clock`: this machine's time cannot be right. `share`: so much would go at once that it looks like a mistake. */
  readonly kind: 'clock' | 'share';
  readonly message: string;
}

export interface RetentionPlan {
  /** One for every entry, newest first. */
  readonly decisions: readonly RetentionDecision[];
  readonly refusal?: RetentionRefusal;
}

export interface RetentionOptions {
  /** Zone of the schedule: what is one day or one month for the people who wrote the policy. Default UTC. */
  readonly timezone?: string;
  /** `allow`: somebody has seen that a large share goes and said yes. Default `refuse`. */
  readonly largeShare?: 'refuse' | 'allow';
}

/** Backups this far ahead of our clock are taken for present ones: other machines' clocks differ a little. */
const clockToleranceMs = 5 * 60_000;
/** One run of ordinary retention deletes one or two backups; from here on the share is looked at. */
const fewDeletions = 4;
const largestShare = 0.5;

/**
 * Decides which finished backups of one lineage stay. Pure: the same entries in any order give the same plan.
 *
 * - No policy: everything stays.
 * - Windows are counted from the newest backup, not from `now`: a lineage that stopped loses nothing more.
 * - Of each period the newest backup that exists stays, and only periods that have one count.
 * - The newest backup and the newest proven one always stay.
 * - Backups from the future stay and count for nothing; two of them mean that our own clock went back: see `refusal`.
 *
 * Retention of logical dumps needs no backup from before the window (they have no WAL that would need it as a base).
 */
export function planRetention(
  entries: readonly RetentionEntry[],
  policy: RetentionPolicy | undefined,
  now: Date,
  options: RetentionOptions = {},
): RetentionPlan {
  const sorted = [...entries].sort((a, b) => b.at.getTime() - a.at.getTime() || (a.id < b.id ? 1 : -1));
  const latest = now.getTime() + clockToleranceMs;
  const future = sorted.filter(({ at }) => at.getTime() > latest);
  const present = sorted.filter(({ at }) => at.getTime() <= latest);
  const reasons = policy === undefined ? new Map() : reasonsToKeep(present, policy, options.timezone ?? 'UTC');
  const decide = (entry: RetentionEntry): RetentionDecision => {
    if (policy === undefined) return { ...entry, action: 'keep', reasons: ['no retention is configured'] };
    if (entry.at.getTime() > latest) return { ...entry, action: 'keep', reasons: ['dated in the future'] };
    const found = reasons.get(entry.id);
    return found === undefined
      ? { ...entry, action: 'delete', reasons: ['kept by no rule'] }
      : { ...entry, action: 'keep', reasons: found };
  };
  const decisions = sorted.map(decide);
  const refusal =
    clockRefusal(future, sorted.length, now) ?? (options.largeShare === 'allow' ? undefined : shareRefusal(decisions));
  return refusal === undefined ? { decisions } : { decisions, refusal };
}

/** What retention needs to know of what the catalog holds. */
export function retentionEntries(entries: readonly CatalogEntry[]): RetentionEntry[] {
  return entries.map((entry) => ({
    id: entry.manifest.id,
    at: new Date(entry.manifest.snapshotAt),
    proven: isProven(entry),
    storedBytes: entry.storedBytes,
  }));
}

export function deletionsOf(plan: RetentionPlan): RetentionDecision[] {
  return plan.decisions.filter(({ action }) => action === 'delete');
}

/** Reasons by id of each entry that stays. `entries`: newest first. */
function reasonsToKeep(
  entries: readonly RetentionEntry[],
  policy: RetentionPolicy,
  timezone: string,
): Map<string, string[]> {
  const reasons = new Map<string, string[]>();
  const keep = (entry: RetentionEntry | undefined, reason: string) => {
    if (entry === undefined) return;
    reasons.set(entry.id, [...(reasons.get(entry.id) ?? []), reason]);
  };
  const [newest] = entries;
  keep(newest, 'newest');
  keep(
    entries.find(({ proven }) => proven),
    'newest proven',
  );
  for (const entry of entries.slice(0, policy.last ?? 0)) keep(entry, `last ${policy.last}`);
  if (newest !== undefined && policy.within !== undefined) {
    const oldestMs = newest.at.getTime() - policy.within;
    const reason = `younger than ${formatDuration(policy.within)}`;
    for (const entry of entries) if (entry.at.getTime() > oldestMs) keep(entry, reason);
  }
  for (const [period, entry] of newestOfPeriods(entries, policy, timezone)) keep(entry, period);
  return reasons;
}

const periods = [
  'hourly',
  'daily',
  'weekly',
  'monthly',
  'yearly',
] as const satisfies readonly (keyof CalendarPeriods)[];

/** `daily 2026-03-02` and the backup that stays for it, for each period of each rule of the policy. */
function newestOfPeriods(
  entries: readonly RetentionEntry[],
  policy: RetentionPolicy,
  timezone: string,
): [string, RetentionEntry][] {
  const calendar = calendarIn(timezone);
  const dated = entries.map((entry) => ({ entry, names: calendar(entry.at) }));
  return periods.flatMap((period) => {
    const newest = new Map<string, RetentionEntry>();
    for (const { entry, names } of dated) {
      if (newest.size === (policy[period] ?? 0)) break;
      if (!newest.has(names[period])) newest.set(names[period], entry);
    }
    return [...newest].map(([name, entry]): [string, RetentionEntry] => [`${period} ${name}`, entry]);
  });
}

function clockRefusal(future: readonly RetentionEntry[], count: number, now: Date): RetentionRefusal | undefined {
  // A single one was made while its machine's clock was wrong; several, or nothing else, say that ours is.
  if (future.length === 0 || (future.length === 1 && count > 1)) return undefined;
  const time = now.toISOString();
  return {
    kind: 'clock',
    message: `${future.length} of ${count} backups are newer than the present time ${time}: this machine's clock looks wrong, nothing is deleted`,
  };
}

function shareRefusal(decisions: readonly RetentionDecision[]): RetentionRefusal | undefined {
  const deletions = decisions.filter(({ action }) => action === 'delete');
  const goneBytes = totalBytes(deletions);
  const allBytes = totalBytes(decisions);
  const isLarge = deletions.length > decisions.length * largestShare || goneBytes > allBytes * largestShare;
  if (deletions.length <= fewDeletions || !isLarge) return undefined;
  const bytes = `${formatBytes(goneBytes)} of ${formatBytes(allBytes)}`;
  return {
    kind: 'share',
    message: `${deletions.length} of ${decisions.length} backups (${bytes}) would be deleted at once, nothing is deleted until somebody confirms it`,
  };
}

function totalBytes(entries: readonly RetentionEntry[]): number {
  return entries.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
}
