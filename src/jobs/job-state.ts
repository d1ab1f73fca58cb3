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

  constructor(job: Job) {
    this.job = job;
  }

  needsLook({ monotonicMs }: Instant): boolean {
    return this.#look === 'none' && !this.isRunning && this.#lookAtMs <= monotonicMs;
  }

  isReady({ now, monotonicMs }: Instant): boolean {
    return this.#isWaitingFor(monotonicMs) && this.#notBeforeMs <= monotonicMs && this.#isDue(now);
  }

  /** Milliseconds until something about the job changes by itself; infinite when it waits for something else. */
  changesInMs({ now, monotonicMs }: Instant): number {
    if (!this.#isWaitingFor(monotonicMs)) return Number.POSITIVE_INFINITY;
    const untilLookMs = this.#lookAtMs - monotonicMs;
    if (this.dueAt === undefined) return untilLookMs;
    const untilDueMs = this.#isDue(now) ? this.#notBeforeMs - monotonicMs : this.dueAt.getTime() - now.getTime();
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
    if (outcome.status !== 'cancelled') this.#settledAt = this.dueAt?.getTime();
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
