import { formatBytes } from '../core/bytes.ts';
import { formatDuration } from '../core/duration.ts';
import { type CalendarPeriods, calendarIn } from './calendar.ts';
import { type CatalogEntry, hasFailed, isComplete, isProven } from './catalog.ts';
import { isFromFuture } from './from-future.ts';
import { isPinnedAt, type Pin } from './retention-marks.ts';
import type { RetentionPolicy } from './settings.ts';

/** A finished backup as far as retention cares. */
export interface RetentionEntry {
  readonly id: string;
  /** The instant whose state it holds. */
  readonly at: Date;
  readonly proven: boolean;
  readonly storedBytes: number;
  /** It was tried and does not restore. */
  readonly failed?: boolean;
  /** The store lost something of it. */
  readonly incomplete?: boolean;
  readonly pins?: readonly Pick<Pin, 'reason' | 'until'>[];
  /** When a tombstone was set on it; absent where there is none. */
  readonly markedAt?: Date;
}

/**
 * - `keep`: it stays. `spare`: it stays, and its tombstone is taken away.
 * - `mark`: no rule keeps it, it gets a tombstone. `wait`: it has one, and the grace is not over.
 * - `delete`: it has had one for the whole of the grace, or there is no grace.
 */
export type RetentionAction = 'keep' | 'spare' | 'mark' | 'wait' | 'delete';

/** What keeps a backup, as a label. */
export const retentionRules = [
  'newest',
  'newest_proven',
  'newest_not_failed',
  'pinned',
  'last',
  'within',
  'hourly',
  'daily',
  'weekly',
  'monthly',
  'yearly',
  'future',
  'incomplete',
  'no_policy',
] as const;
export type RetentionRule = (typeof retentionRules)[number];

export interface RetentionDecision extends RetentionEntry {
  readonly action: RetentionAction;
  /** Empty when nothing keeps it. */
  readonly rules: readonly RetentionRule[];
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
  /** How long a backup has a tombstone before it is deleted. Default 0: it gets none and is deleted at once. */
  readonly graceMs?: number;
  /** `allow`: somebody has seen that a large share goes and said yes. Default `refuse`. */
  readonly largeShare?: 'refuse' | 'allow';
}

/** One run of ordinary retention deletes one or two backups; from here on the share is looked at. */
const fewDeletions = 4;
const largestShare = 0.5;

/** Why one backup stays. */
interface Kept {
  readonly rule: RetentionRule;
  readonly reason: string;
}

/**
 * Decides which finished backups of one lineage stay. Pure: the same entries in any order give the same plan.
 *
 * - No policy: everything stays.
 * - Windows are counted from the newest backup, not from `now`: a lineage that stopped loses nothing more.
 * - Of each period the newest backup that exists stays, and only periods that have one count.
 * - The newest backup and the newest proven one always stay, and so does what is pinned. Where the newest one is known not to
 *   restore, the newest of which that is not known stays as well: it may be the last good one.
 * - What the store lost something of stays and counts for nothing: it must not push out what is whole, and somebody should look.
 * - Backups from the future stay and count for nothing; two of them mean that our own clock went back: see `refusal`.
 * - What nothing keeps is deleted in two steps: a tombstone, and after the grace the deletion. In between a changed
 *   policy, a pin, or the loss of a newer backup saves it.
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
  const future = sorted.filter(({ at }) => isFromFuture(at, now));
  const present = sorted.filter(({ at, incomplete }) => !isFromFuture(at, now) && incomplete !== true);
  const kept = keptByPolicy(present, policy, options.timezone ?? 'UTC');
  const decisions = sorted.map((entry) => {
    const dated: Kept[] = isFromFuture(entry.at, now) ? [{ rule: 'future', reason: 'dated in the future' }] : [];
    const lost: Kept[] = entry.incomplete === true ? [{ rule: 'incomplete', reason: 'a part of it is missing' }] : [];
    const reasons = [...pinsOf(entry, now), ...dated, ...lost, ...(kept.get(entry.id) ?? [])];
    return decide(entry, reasons, now, options.graceMs ?? 0);
  });
  const refusal =
    clockRefusal(future, sorted.length, now) ?? (options.largeShare === 'allow' ? undefined : shareRefusal(decisions));
  return refusal === undefined ? { decisions } : { decisions, refusal };
}

function decide(entry: RetentionEntry, kept: readonly Kept[], now: Date, graceMs: number): RetentionDecision {
  const rules = [...new Set(kept.map(({ rule }) => rule))];
  const reasons = kept.map(({ reason }) => reason);
  const { markedAt } = entry;
  if (kept.length > 0) return { ...entry, action: markedAt === undefined ? 'keep' : 'spare', rules, reasons };
  const unwanted = { ...entry, rules, reasons: ['kept by no rule'] };
  if (graceMs === 0) return { ...unwanted, action: 'delete' };
  if (markedAt === undefined) return { ...unwanted, action: 'mark' };
  const ripeMs = markedAt.getTime() + graceMs;
  // A tombstone from the future was set while some clock was wrong: it waits until it has been there for the grace.
  if (now.getTime() >= ripeMs) return { ...unwanted, action: 'delete' };
  return { ...unwanted, action: 'wait', reasons: [`kept by no rule, deleted after ${new Date(ripeMs).toISOString()}`] };
}

function pinsOf({ pins = [] }: RetentionEntry, now: Date): Kept[] {
  return pins
    .filter((pin) => isPinnedAt(pin, now))
    .map(({ reason, until }) => ({
      rule: 'pinned',
      reason: `pinned${until === undefined ? '' : ` until ${until}`}${reason === '' ? '' : `: ${reason}`}`,
    }));
}

/** What retention needs to know of what the catalog holds. */
export function retentionEntries(entries: readonly CatalogEntry[]): RetentionEntry[] {
  return entries.map((entry) => ({
    id: entry.manifest.id,
    at: new Date(entry.manifest.snapshotAt),
    proven: isProven(entry),
    failed: hasFailed(entry),
    storedBytes: entry.storedBytes,
    incomplete: !isComplete(entry),
    pins: entry.marks.pins,
    ...(entry.marks.tombstone === undefined ? {} : { markedAt: new Date(entry.marks.tombstone.markedAt) }),
  }));
}

export function deletionsOf(plan: RetentionPlan): RetentionDecision[] {
  return decisionsTo(plan, 'delete');
}

export function decisionsTo(plan: RetentionPlan, ...actions: readonly RetentionAction[]): RetentionDecision[] {
  return plan.decisions.filter(({ action }) => actions.includes(action));
}

/** Reasons by id of each entry that stays. `entries`: newest first. */
function keptByPolicy(
  entries: readonly RetentionEntry[],
  policy: RetentionPolicy | undefined,
  timezone: string,
): Map<string, Kept[]> {
  const kept = new Map<string, Kept[]>();
  const keep = (entry: RetentionEntry | undefined, rule: RetentionRule, reason: string) => {
    if (entry === undefined) return;
    kept.set(entry.id, [...(kept.get(entry.id) ?? []), { rule, reason }]);
  };
  if (policy === undefined) {
    for (const entry of entries) keep(entry, 'no_policy', 'no retention is configured');
    return kept;
  }
  const [newest] = entries;
  keep(newest, 'newest', 'newest');
  keep(
    entries.find(({ proven }) => proven),
    'newest_proven',
    'newest proven',
  );
  if (newest?.failed === true) {
    keep(
      entries.find(({ failed }) => failed !== true),
      'newest_not_failed',
      'newest that has not failed its proof',
    );
  }
  for (const entry of entries.slice(0, policy.last ?? 0)) keep(entry, 'last', `last ${policy.last}`);
  if (newest !== undefined && policy.within !== undefined) {
    const oldestMs = newest.at.getTime() - policy.within;
    const reason = `younger than ${formatDuration(policy.within)}`;
    for (const entry of entries) if (entry.at.getTime() > oldestMs) keep(entry, 'within', reason);
  }
  for (const { period, name, entry } of newestOfPeriods(entries, policy, timezone)) {
    keep(entry, period, `${period} ${name}`);
  }
  return kept;
}

const periods = [
  'hourly',
  'daily',
  'weekly',
  'monthly',
  'yearly',
] as const satisfies readonly (keyof CalendarPeriods)[];

/** The period (`daily`), its name (`2026-03-02`) and the backup that stays for it, for each rule of the policy. */
function newestOfPeriods(
  entries: readonly RetentionEntry[],
  policy: RetentionPolicy,
  timezone: string,
): { readonly period: (typeof periods)[number]; readonly name: string; readonly entry: RetentionEntry }[] {
  const calendar = calendarIn(timezone);
  const dated = entries.map((entry) => ({ entry, names: calendar(entry.at) }));
  return periods.flatMap((period) => {
    const newest = new Map<string, RetentionEntry>();
    for (const { entry, names } of dated) {
      if (newest.size === (policy[period] ?? 0)) break;
      if (!newest.has(names[period])) newest.set(names[period], entry);
    }
    return [...newest].map(([name, entry]) => ({ period, name, entry }));
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

/** What has a tombstone was looked at when it got it, or somebody consented. */
function shareRefusal(decisions: readonly RetentionDecision[]): RetentionRefusal | undefined {
  const unmarked = decisions.filter(({ markedAt }) => markedAt === undefined);
  const unwanted = unmarked.filter(({ action }) => action === 'mark' || action === 'delete');
  const goneBytes = totalBytes(unwanted);
  const allBytes = totalBytes(unmarked);
  const isLarge = unwanted.length > unmarked.length * largestShare || goneBytes > allBytes * largestShare;
  if (unwanted.length <= fewDeletions || !isLarge) return undefined;
  const bytes = `${formatBytes(goneBytes)} of ${formatBytes(allBytes)}`;
  return {
    kind: 'share',
    message: `${unwanted.length} of ${unmarked.length} backups (${bytes}) would be deleted at once, nothing is deleted until somebody confirms it`,
  };
}

function totalBytes(entries: readonly RetentionEntry[]): number {
  return entries.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
}
