import type { Job } from './job.ts';
import type { RunOutcome } from './run-outcome.ts';

/** The present instant by both clocks: the wall clock for slots, the monotonic one for our own waits. */
export interface Instant {
  readonly now: Date;
  readonly monotonicMs: number;
}

const lookAgainMs = 60_000;
const lockedPauseMs = 30_000;
const firstBackOffMs = 15_000;
const longestBackOffMs = 600_000;
const longestPauseMs = 24 * 3_600_000;

/** Runs for one due instant that failed. */
interface FailedTries {
  readonly dueAtMs: number;
  readonly tries: number;
  readonly nextAtMs: number;
}

export interface NextTry {
  /** From 2. */
  readonly number: number;
  readonly of: number;
  /** By the monotonic clock. */
  readonly atMs: number;
}

/**
 * What the scheduler knows of one job between two looks at the store. Nothing of it outlives the process: after a start
 * everything is found out again.
 */
export class JobState {
  readonly job: Job;
  dueAt: Date | undefined;
  isRunning = false;
  /** Looks that failed since the start. */
  failedLooks = 0;
  /** Why it is not known when the job is due; undefined when it is. */
  problem: string | undefined;
  lastOutcome: RunOutcome | undefined;
  #lookAtMs = Number.NEGATIVE_INFINITY;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #failuresInARow = 0;
  #look: 'none' | 'under_way' | 'outdated' = 'none';
  /** The due instant that was served, well or badly: only another one starts the job again. */
  #settledAt: number | undefined;
  #failed: FailedTries | undefined;
  #told: FailedTries | undefined;

  constructor(job: Job) {
    this.job = job;
  }

  needsLook({ monotonicMs }: Instant): boolean {
    return this.#look === 'none' && !this.isRunning && this.#lookAtMs <= monotonicMs;
  }

  isReady({ now, monotonicMs }: Instant): boolean {
    return this.#isWaitingFor(monotonicMs) && this.#startsAtMs() <= monotonicMs && this.#isDue(now);
  }

  /** Milliseconds until something about the job changes by itself; infinite when it waits for something else. */
  changesInMs({ now, monotonicMs }: Instant): number {
    if (!this.#isWaitingFor(monotonicMs)) return Number.POSITIVE_INFINITY;
    const untilLookMs = this.#lookAtMs - monotonicMs;
    if (this.dueAt === undefined) return untilLookMs;
    const untilDueMs = this.#isDue(now) ? this.#startsAtMs() - monotonicMs : this.dueAt.getTime() - now.getTime();
    return untilDueMs > 0 ? Math.min(untilLookMs, untilDueMs) : untilLookMs;
  }

  /** Something happened that the store tells: what a look under way finds is old already. */
  lookAgainNow(): void {
    this.#lookAtMs = Number.NEGATIVE_INFINITY;
    if (this.#look === 'under_way') this.#look = 'outdated';
  }

  lookBegins(): void {
    this.#look = 'under_way';
  }

  looked(dueAt: Date | undefined, instant: Instant): void {
    this.dueAt = dueAt;
    this.problem = undefined;
    this.#failuresInARow = 0;
    this.#lookEnds(instant, lookAgainMs);
  }

  lookFailed(problem: string, instant: Instant): void {
    this.problem = problem;
    this.failedLooks++;
    this.#lookEnds(instant, Math.min(longestBackOffMs, firstBackOffMs * 2 ** this.#failuresInARow));
    this.#failuresInARow++;
  }

  ran(outcome: RunOutcome, { monotonicMs }: Instant): void {
    if (outcome.status === 'skipped') {
      // Another process is at it, or has just done it.
      this.#notBeforeMs = monotonicMs + lockedPauseMs;
      return;
    }
    this.lastOutcome = outcome;
    if (outcome.status === 'cancelled') return;
    if (outcome.status === 'failed') this.#countFailure(monotonicMs);
    else this.#failed = undefined;
    if (this.#nextTry === undefined) this.#settledAt = this.dueAt?.getTime();
  }

  /** The next try for the same due instant, when there is one; told once. */
  nextTryToTell(): NextTry | undefined {
    const next = this.#nextTry;
    if (next === undefined || this.#failed === this.#told) return undefined;
    this.#told = this.#failed;
    return next;
  }

  /** Undefined unless runs for the present due instant failed and there is to be another one. */
  get #nextTry(): NextTry | undefined {
    const { tryAgain } = this.job;
    const failed = this.#failedNow;
    if (tryAgain === undefined || failed === undefined || failed.tries >= tryAgain.tries) return undefined;
    return { number: failed.tries + 1, of: tryAgain.tries, atMs: failed.nextAtMs };
  }

  /** Another due instant begins anew: what the store tells has changed. */
  get #failedNow(): FailedTries | undefined {
    return this.#failed?.dueAtMs === this.dueAt?.getTime() ? this.#failed : undefined;
  }

  #countFailure(monotonicMs: number): void {
    const dueAtMs = this.dueAt?.getTime();
    if (dueAtMs === undefined) return;
    const tries = (this.#failedNow?.tries ?? 0) + 1;
    const pauseMs = Math.min(longestPauseMs, (this.job.tryAgain?.afterMs ?? 0) * 2 ** (tries - 1));
    this.#failed = { dueAtMs, tries, nextAtMs: monotonicMs + pauseMs };
  }

  #startsAtMs(): number {
    return Math.max(this.#notBeforeMs, this.#nextTry?.atMs ?? Number.NEGATIVE_INFINITY);
  }

  #lookEnds({ monotonicMs }: Instant, nextInMs: number): void {
    if (this.#look !== 'outdated') this.#lookAtMs = monotonicMs + nextInMs;
    this.#look = 'none';
  }

  #isWaitingFor(monotonicMs: number): boolean {
    return this.#look === 'none' && !this.isRunning && this.#lookAtMs > monotonicMs;
  }

  #isDue(now: Date): boolean {
    if (this.problem !== undefined || this.dueAt === undefined) return false;
    return this.dueAt.getTime() <= now.getTime() && this.dueAt.getTime() !== this.#settledAt;
  }
}
