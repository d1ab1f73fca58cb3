import { type Clock, secondsSince } from '../core/clock.ts';
import { withDeadline } from '../core/deadline.ts';
import { formatDuration } from '../core/duration.ts';
import { errorMessage } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { OnProgress, Progress, WorkContext } from '../core/work-context.ts';
import { classifyFailure } from './failure.ts';
import type { FailureReason, Job, JobResult } from './job.ts';
import { lineageName } from './lineage.ts';
import { logLineOf, type RunOutcome } from './run-outcome.ts';

/** The right to do one thing alone. Its disposal must not throw: what cannot be given back runs out by itself. */
export interface JobLock extends AsyncDisposable {
  /** Fires when the right was lost; the work is ended then. */
  readonly signal: AbortSignal;
  /** Asks the store whether the right is still ours; throws when it is not. */
  check(signal: AbortSignal): Promise<void>;
}

export interface RunnerOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined when another process holds the lock of that name (in the job's stores). */
  readonly acquireLock: (
    job: Pick<Job, 'lockName' | 'lineage' | 'stores'>,
    signal: AbortSignal,
  ) => Promise<JobLock | undefined>;
  /** Further tries after a failure that may pass by itself. */
  readonly retries: number;
  /** Wait before the first further try; it doubles each time. */
  readonly retryDelayMs: number;
  /** Is told of every run that ended, e.g. to count it. Must not throw. */
  readonly onOutcome?: (job: Job, outcome: RunOutcome) => void;
}

export interface RunOptions {
  readonly onProgress?: OnProgress;
  /** Asked once the lock is held; false ends the run as `not_due`. Without it the job runs in any case. */
  readonly stillDue?: (context: WorkContext) => Promise<boolean>;
}

export interface RunInProgress {
  readonly job: Job;
  readonly startedAt: Date;
  /** Of the try under way, from 1. */
  readonly tries: number;
  readonly progress: Progress;
}

export interface Runner {
  /** Never rejects: whatever happens is an outcome. Writes the one log line of the run. */
  run(job: Job, signal: AbortSignal, options?: RunOptions): Promise<RunOutcome>;
  running(): readonly RunInProgress[];
}

/** Owns what every run needs: lock, deadline, further tries, the count of outcomes, the log line. */
export function createRunner(options: RunnerOptions): Runner {
  return new JobRunner(options);
}

type MutableRun = { -readonly [K in keyof RunInProgress]: RunInProgress[K] };

type TryResult =
  | { readonly status: 'succeeded'; readonly result: JobResult }
  | { readonly status: 'failed'; readonly reason: FailureReason; readonly transient: boolean; readonly error: unknown }
  | { readonly status: 'skipped'; readonly reason: 'locked' | 'not_due' };

class JobRunner implements Runner {
  readonly #options: RunnerOptions;
  readonly #running = new Set<MutableRun>();

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  running(): readonly RunInProgress[] {
    return [...this.#running];
  }

  async run(job: Job, signal: AbortSignal, options: RunOptions = {}): Promise<RunOutcome> {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    const run: MutableRun = { job, startedAt: clock.now(), tries: 0, progress: { activity: 'starting' } };
    this.#running.add(run);
    const end = await this.#runWithinDeadline(run, signal, options);
    this.#running.delete(run);
    const ran = { startedAt: run.startedAt, durationSeconds: secondsSince(clock, startMs), tries: run.tries };
    const outcome: RunOutcome =
      end.status === 'failed' && signal.aborted
        ? { ...ran, status: 'cancelled', error: signal.reason }
        : { ...ran, ...end };
    this.#options.onOutcome?.(job, outcome);
    const { level, fields, message } = logLineOf(job, outcome);
    this.#options.log[level](fields, message);
    return outcome;
  }

  async #runWithinDeadline(run: MutableRun, parent: AbortSignal, options: RunOptions): Promise<TryResult> {
    const { job } = run;
    const what = `${job.kind} of ${lineageName(job.lineage)}`;
    return withDeadline({ parent, ms: job.deadlineMs, clock: this.#options.clock, what }, (signal) =>
      this.#tryRepeatedly(run, signal, options),
    );
  }

  async #tryRepeatedly(run: MutableRun, signal: AbortSignal, options: RunOptions): Promise<TryResult> {
    const { clock, retries, retryDelayMs } = this.#options;
    while (true) {
      if (signal.aborted) return failed(signal.reason);
      run.tries++;
      const result = await this.#tryOnce(run, signal, options).catch(failed);
      if (result.status !== 'failed') return result;
      // What a worker says when its signal fired is an echo of the reason.
      if (signal.aborted) return failed(signal.reason);
      if (!result.transient || run.tries > retries) return result;
      const delayMs = retryDelayMs * 2 ** (run.tries - 1);
      const activity = `waiting ${formatDuration(delayMs)} before another try: ${errorMessage(result.error)}`;
      report(run, options, { activity });
      await clock.sleep(delayMs, signal).catch(() => undefined);
    }
  }

  /** One try with a lock of its own: while we wait for the next one, another process may step in. */
  async #tryOnce(run: MutableRun, signal: AbortSignal, options: RunOptions): Promise<TryResult> {
    const { clock, log, acquireLock } = this.#options;
    await using lock = await acquireLock(run.job, signal);
    if (lock === undefined) return { status: 'skipped', reason: 'locked' };
    const context = {
      signal: AbortSignal.any([signal, lock.signal]),
      clock,
      log,
      onProgress: (progress: Progress) => report(run, options, progress),
      confirmLock: (from: AbortSignal) => lock.check(from),
    };
    try {
      if (options.stillDue !== undefined && !(await options.stillDue(context))) {
        return { status: 'skipped', reason: 'not_due' };
      }
      return { status: 'succeeded', result: await run.job.run(context) };
    } catch (error) {
      if (!lock.signal.aborted) throw error;
      return { status: 'failed', reason: 'locked', transient: true, error: lock.signal.reason };
    }
  }
}

function report(run: MutableRun, options: RunOptions, progress: Progress): void {
  run.progress = progress;
  options.onProgress?.(progress);
}

function failed(error: unknown): TryResult {
  return { status: 'failed', ...classifyFailure(error), error };
}
