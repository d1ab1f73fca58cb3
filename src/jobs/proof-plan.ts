import { createHash } from 'node:crypto';
import { type CatalogEntry, hasFailed, isProven, isRepaired } from './catalog.ts';
import { isFromFuture } from './from-future.ts';
import type { Verdict } from './manifest.ts';
import type { Schedule } from './schedule.ts';

/** Which backups of a lineage are proven, and when. */
export interface ProofPolicy {
  /** Slots of the proofs; undefined: right after the backups. */
  readonly schedule: Pick<Schedule, 'lastAtOrBefore' | 'nextAfter'> | undefined;
  /** Share of the backups that is proven, of those that come one after the other: over 0, up to 1. */
  readonly share: number;
  /** Slots of the backups, by which the share is counted. */
  readonly backupSchedule: Pick<Schedule, 'nextAfter'>;
  /** Most backups that are proven for one backup or slot. */
  readonly perRun: number;
  /** Tries of one backup that could not be tried, for one backup or slot, the first included. */
  readonly tries: number;
  /** Wait before the second try; it doubles each time. */
  readonly retryAfterMs: number;
}

/** A finished backup as far as proofs care. */
export interface ProofEntry {
  readonly id: string;
  /** The instant whose state it holds. */
  readonly at: Date;
  readonly startedAt: Date;
  readonly finishedAt: Date;
  /** What is known of it; undefined: nothing, it was never tried or could not be. */
  readonly verdict: Exclude<Verdict, 'inconclusive'> | undefined;
  readonly verifications: readonly {
    readonly startedAt: Date;
    readonly finishedAt: Date;
    readonly verdict: Verdict;
  }[];
  /** Retention has marked it: it is about to be deleted. */
  readonly leaving: boolean;
}

export interface PlannedProof {
  readonly id: string;
  readonly dueAt: Date;
  /** Which try in a row it is, from 1. */
  readonly attempt: number;
  readonly why: 'newest' | 'unproven' | 'again' | 'longest_ago';
}

export interface ProofPlan {
  /** In the order in which they are to be made, each at its time. */
  readonly proofs: readonly PlannedProof[];
  /** The next slot of a schedule of its own. */
  readonly nextSlot: Date | undefined;
}

const longestPauseMs = 24 * 3_600_000;

/**
 * Decides which backups of one lineage are to be proven, and when. Pure: the same entries in any order give the same plan.
 *
 * - Each backup (without a schedule) or slot gives `perRun` places. A place belongs to one backup, whatever its verdict.
 * - The newest backup goes first, so that no backlog ever holds up what is known of the present state. Then come those without a
 *   verdict: the least often tried, of them the oldest. What nobody can try thus keeps nobody else waiting.
 * - A slot at which all have a verdict goes to the one whose last verification is longest ago: bits rot in what was good.
 * - Of a share below 1 only the newest backup is ever chosen: when so many slots have passed since the newest proven one
 *   that the share is due, or when what came after that one was not proven.
 * - What could not be tried keeps its place and is tried again, `tries` times with pauses that double, until the next backup
 *   or slot. What was in vain through all of them has one try for each further backup or slot.
 * - What retention is about to delete is left alone.
 * - What was made while some clock was ahead is left alone until then, and so are reports from then: nothing waits for them.
 */
export function planProofs(entries: readonly ProofEntry[], policy: ProofPolicy, now: Date): ProofPlan {
  const sorted = knownAt(entries, now).sort((a, b) => b.at.getTime() - a.at.getTime() || (a.id < b.id ? 1 : -1));
  const [newest] = sorted;
  const nextSlot = policy.schedule?.nextAfter(now);
  const runAt = policy.schedule === undefined ? newest?.finishedAt : policy.schedule.lastAtOrBefore(now);
  if (newest === undefined || runAt === undefined) return { proofs: [], nextSlot };
  const stays = sorted.filter((entry) => entry === newest || !entry.leaving);
  const served = sorted.filter((entry) => since(entry, runAt).length > 0);
  const verifications = served.flatMap((entry) => since(entry, runAt));
  // What comes later waits for the next slot.
  const begunMs = Math.min(...verifications.map(({ startedAt }) => startedAt.getTime()));
  const present = stays.filter(({ finishedAt }) => finishedAt.getTime() <= begunMs);
  const wanted = candidates(present, served, policy).filter(({ entry }) => !served.includes(entry));
  // Somebody who verifies an old backup by hand does not take the newest one's place.
  const fresh = wanted.slice(0, Math.max(wanted[0]?.why === 'newest' ? 1 : 0, policy.perRun - served.length));
  const earliest = Math.max(runAt.getTime(), ...verifications.map(({ finishedAt }) => finishedAt.getTime()));
  const proofs = fresh.map(({ entry, why }) => ({
    id: entry.id,
    dueAt: new Date(Math.max(earliest, entry.finishedAt.getTime())),
    attempt: 1 + triesInVain(entry),
    why,
  }));
  const retries = stays.flatMap((entry) => retryOf(entry, policy, runAt));
  return { proofs: [...proofs, ...retries], nextSlot };
}

/** Without what is from the future. */
function knownAt(entries: readonly ProofEntry[], now: Date): ProofEntry[] {
  return entries
    .filter(({ at, startedAt, finishedAt }) => ![at, startedAt, finishedAt].some((one) => isFromFuture(one, now)))
    .map((entry) => ({
      ...entry,
      verifications: entry.verifications.filter(({ finishedAt }) => !isFromFuture(finishedAt, now)),
    }));
}

/** When there is something to do; undefined when nothing will be before the next backup. */
export function proofsDueAt({ proofs, nextSlot }: ProofPlan): Date | undefined {
  const instants = [...proofs.map(({ dueAt }) => dueAt), ...(nextSlot === undefined ? [] : [nextSlot])];
  return instants.length === 0 ? undefined : new Date(Math.min(...instants.map((instant) => instant.getTime())));
}

/** What the planner needs to know of what the catalog holds. */
export function proofEntries(entries: readonly CatalogEntry[]): ProofEntry[] {
  return entries.map((entry) => ({
    id: entry.manifest.id,
    at: new Date(entry.manifest.snapshotAt),
    startedAt: new Date(entry.manifest.startedAt),
    finishedAt: new Date(entry.manifest.finishedAt),
    verdict: verdictOf(entry),
    verifications: entry.proofs.map(({ startedAt, finishedAt, verdict }) => ({
      startedAt: new Date(startedAt),
      finishedAt: new Date(finishedAt),
      verdict,
    })),
    leaving: entry.marks.tombstone !== undefined,
  }));
}

/** A proof that a later report puts in doubt is none, and neither is a failure before a part was brought back. */
function verdictOf(entry: CatalogEntry): ProofEntry['verdict'] {
  if (isProven(entry)) return 'proven';
  return hasFailed(entry) && !isRepaired(entry) ? 'failed' : undefined;
}

interface Candidate {
  readonly entry: ProofEntry;
  readonly why: PlannedProof['why'];
}

/** In the order in which they are wanted. `entries`: newest first. */
function candidates(
  entries: readonly ProofEntry[],
  served: readonly ProofEntry[],
  policy: ProofPolicy,
): readonly Candidate[] {
  const [newest] = entries;
  if (newest === undefined) return [];
  const asNewest: Candidate[] = newest.verdict === undefined ? [{ entry: newest, why: 'newest' }] : [];
  if (policy.schedule === undefined && policy.share < 1) {
    return isShareDue(newest, entries, policy) ? asNewest : [];
  }
  const backlog = entries
    .filter((entry) => entry !== newest && entry.verdict === undefined)
    .sort((a, b) => triesInVain(a) - triesInVain(b) || a.at.getTime() - b.at.getTime() || (a.id < b.id ? -1 : 1))
    .map((entry): Candidate => ({ entry, why: 'unproven' }));
  const wanted = [...asNewest, ...backlog];
  if (policy.schedule === undefined || wanted.length > 0 || served.length > 0) return wanted;
  const longestAgo = [...entries].sort((a, b) => lastTriedMs(a) - lastTriedMs(b) || a.at.getTime() - b.at.getTime());
  return longestAgo.slice(0, 1).map((entry) => ({ entry, why: 'longest_ago' }));
}

/** Whether the newest backup is one of the share. `entries`: newest first. */
function isShareDue(newest: ProofEntry, entries: readonly ProofEntry[], policy: ProofPolicy): boolean {
  const anchorAt = entries.findIndex(({ verdict }) => verdict === 'proven');
  const anchor = entries[anchorAt];
  if (anchor === undefined) return true;
  if (entries.slice(0, anchorAt).some(({ verifications }) => verifications.length > 0)) return true;
  // On average just the share, also where it is no n-th; each number between its neighbours, chosen by the backup's name.
  const wantedSlots = Math.floor(1 / policy.share + chance(anchor.id));
  let slot: Date | undefined = anchor.startedAt;
  for (let passed = 0; passed < wantedSlots; passed++) {
    slot = policy.backupSchedule.nextAfter(slot);
    if (slot === undefined || slot > newest.startedAt) return false;
  }
  return true;
}

/** From 0 up to 1, always the same for the same name. */
function chance(id: string): number {
  return createHash('sha256').update(id).digest().readUInt32BE(0) / 2 ** 32;
}

function retryOf(entry: ProofEntry, policy: ProofPolicy, runAt: Date): PlannedProof[] {
  const own = since(entry, runAt);
  if (entry.verdict !== undefined || own.length === 0) return [];
  const inVain = triesInVain(entry);
  const allowed = inVain - own.length >= policy.tries ? 1 : policy.tries;
  if (own.length >= allowed) return [];
  const lastMs = Math.max(...own.map(({ finishedAt }) => finishedAt.getTime()));
  const pauseMs = Math.min(longestPauseMs, policy.retryAfterMs * 2 ** (own.length - 1));
  return [{ id: entry.id, dueAt: new Date(lastMs + pauseMs), attempt: inVain + 1, why: 'again' }];
}

/** How often in a row it could not be tried. */
export function triesInVain({ verifications }: Pick<ProofEntry, 'verifications'>): number {
  const newestFirst = [...verifications].sort((a, b) => b.finishedAt.getTime() - a.finishedAt.getTime());
  const last = newestFirst.findIndex(({ verdict }) => verdict !== 'inconclusive');
  return last === -1 ? newestFirst.length : last;
}

function since({ verifications }: ProofEntry, runAt: Date): ProofEntry['verifications'] {
  return verifications.filter(({ startedAt }) => startedAt >= runAt);
}

function lastTriedMs({ verifications }: ProofEntry): number {
  return Math.max(0, ...verifications.map(({ finishedAt }) => finishedAt.getTime()));
}
