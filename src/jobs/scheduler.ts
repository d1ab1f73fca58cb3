import type { Clock } from '../core/clock.ts';
import { abortable, withDeadline } from '../core/deadline.ts';
import { errorMessage } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { WorkContext } from '../core/work-context.ts';
import type { Job } from './job.ts';
import { type Instant, JobState } from './job-state.ts';
import { type Lineage, lineageName, sameLineage } from './lineage.ts';
import type { RunOutcome } from './run-outcome.ts';
import type { Runner } from './runner.ts';

export interface SchedulerOptions {
  readonly jobs: readonly Job[];
  readonly runner: Pick<Runner, 'run'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Runs under way at once, over all targets. */
  readonly concurrency: number;
  /** Called when a decision must not rest on a remembered view of the store: once the lock is held. */
  readonly forgetView?: (lineage: Lineage) => void;
  /** How long {@link Symbol.asyncDispose} waits for cancelled runs to end. Default 30 s. */
  readonly stopTimeoutMs?: number;
}

/** A job and what is known about it, for metrics and the status page. */
export interface ScheduledJob {
  readonly job: Job;
  /** As of the last look; in the past when overdue or when its last run failed; undefined when nothing is planned. */
  readonly dueAt: Date | undefined;
  readonly running: boolean;
  /** Why it could not be found out when the job is due. */
  readonly problem: string | undefined;
  /** How often that happened since the job was given to the scheduler. */
  readonly failedLooks: number;
  /** Of this process; undefined before the first run. */
  readonly lastOutcome: RunOutcome | undefined;
}

/** Disposing cancels what runs and waits for it. */
export interface Scheduler extends AsyncDisposable {
  /** A new configuration: runs under way go on to their end, the new list takes over for everything after them. */
  replaceJobs(jobs: readonly Job[]): void;
  jobs(): readonly ScheduledJob[];
  /** Resolves once nothing runs and nothing is due. */
  idle(): Promise<void>;
}

/** A look at least this often: the machine was suspended, the clock was set, another process did the work. */
const longestPauseMs = 60_000;
const lookDeadlineMs = 60_000;
const looksAtOnce = 16;

/**
 * Starts jobs when they are due: the one that has waited longest first, never two of a lineage or of a lock name at once.
 * A due instant is served once; when its run failed for good, the job waits for the next one, unless it says how it is to be
 * tried again.
 */
export function startScheduler(options: SchedulerOptions): Scheduler {
  const scheduler = new JobScheduler(options);
  scheduler.start();
  return scheduler;
}

class JobScheduler implements Scheduler {
  readonly #options: SchedulerOptions;
  readonly #stop = new AbortController();
  readonly #runs = new Map<JobState, Promise<void>>();
  readonly #looks = new Map<JobState, Promise<void>>();
  #states: readonly JobState[];
  #pause = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #idleWaiters: (() => void)[] = [];

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#states = options.jobs.map((job) => new JobState(job));
  }

  start(): void {
    this.#loop = this.#tickUntilStopped();
  }

  replaceJobs(jobs: readonly Job[]): void {
    this.#states = jobs.map((job) => new JobState(job));
    this.#wake();
  }

  jobs(): readonly ScheduledJob[] {
    return this.#states.map(({ job, dueAt, isRunning, problem, failedLooks, lastOutcome }) => ({
      job,
      dueAt,
      running: isRunning,
      problem,
      failedLooks,
      lastOutcome,
    }));
  }

  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
      this.#wake();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { clock, log, stopTimeoutMs = 30_000 } = this.#options;
    this.#stop.abort(new Error('the process is stopping'));
    this.#wake();
    await this.#loop;
    const wait = { parent: new AbortController().signal, ms: stopTimeoutMs, clock, what: 'ending the jobs' };
    await withDeadline(wait, (signal) =>
      abortable(Promise.all([...this.#runs.values(), ...this.#looks.values()]), signal),
    ).catch(() => {
      const jobs = [...this.#runs.keys()].map(({ job }) => `${job.kind} ${lineageName(job.lineage)}`);
      log.error({ jobs, waitedMs: stopTimeoutMs }, 'jobs did not end in time');
    });
  }

  async #tickUntilStopped(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#pause = new AbortController();
      const pauseMs = this.#tick();
      await this.#options.clock.sleep(pauseMs, this.#pause.signal).catch(() => undefined);
    }
    this.#tellIdle();
  }

  #wake(): void {
    this.#pause.abort();
  }

  /** Starts everything that can be started now; returns how long nothing further will happen by itself. */
  #tick(): number {
    const instant = this.#instant();
    this.#startLooks(instant);
    this.#startRuns(instant);
    if (this.#looks.size === 0 && this.#runs.size === 0) this.#tellIdle();
    return Math.min(longestPauseMs, ...this.#states.map((state) => state.changesInMs(instant)));
  }

  #startLooks(instant: Instant): void {
    for (const state of this.#states) {
      if (this.#looks.size < looksAtOnce && state.needsLook(instant)) this.#looks.set(state, this.#look(state));
    }
  }

  #startRuns(instant: Instant): void {
    const ready = this.#states
      .filter((state) => state.isReady(instant))
      .sort((a, b) => Number(a.dueAt) - Number(b.dueAt));
    for (const state of ready) {
      if (this.#runs.size < this.#options.concurrency && !this.#isBlocked(state.job)) this.#start(state);
    }
  }

  async #look(state: JobState): Promise<void> {
    const { clock, log } = this.#options;
    const { job } = state;
    const what = `finding out when the ${job.kind} of ${lineageName(job.lineage)} is due`;
    state.lookBegins();
    try {
      const dueAt = await withDeadline({ parent: this.#stop.signal, ms: lookDeadlineMs, clock, what }, (signal) =>
        job.dueAt({ signal, clock, log }),
      );
      if (state.problem !== undefined) log.info(fieldsOf(job), 'due time of job is known again');
      state.looked(dueAt, this.#instant());
      this.#tellNextTry(state);
    } catch (error) {
      const isNews = state.problem === undefined && !this.#stop.signal.aborted;
      if (isNews) log.warn({ ...fieldsOf(job), error: errorMessage(error) }, 'due time of job is not known');
      state.lookFailed(errorMessage(error), this.#instant());
    } finally {
      this.#looks.delete(state);
      this.#wake();
    }
  }

  #tellIdle(): void {
    for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  #isBlocked(job: Job): boolean {
    return [...this.#runs.keys()].some((other) => other.job.lockName === job.lockName || inSameLineage(other.job, job));
  }

  #start(state: JobState): void {
    state.isRunning = true;
    this.#runs.set(state, this.#run(state));
  }

  async #run(state: JobState): Promise<void> {
    const { job } = state;
    const outcome = await this.#options.runner.run(job, this.#stop.signal, {
      stillDue: (context) => this.#isStillDue(state, context),
    });
    state.isRunning = false;
    this.#runs.delete(state);
    state.ran(outcome, this.#instant());
    // A backup makes its proof due, a proof makes an older proof superfluous.
    // And what is in one store may now be missing in another one.
    for (const other of this.#states) if (sameLineage(other.job.lineage, job.lineage)) other.lookAgainNow();
    this.#wake();
  }

  /** What a run that failed has stored is known now: nothing by which the job is due at another time. */
  #tellNextTry(state: JobState): void {
    const { clock, log } = this.#options;
    const next = state.nextTryToTell();
    if (next === undefined) return;
    const inSeconds = Math.max(0, Math.round((next.atMs - clock.monotonicMs()) / 1_000));
    log.info({ ...fieldsOf(state.job), nextTry: next.number, of: next.of, inSeconds }, 'job is tried again');
  }

  /** Asked while the lock is held: another process may have done it, or the clock was set, since the last look. */
  async #isStillDue(state: JobState, context: WorkContext): Promise<boolean> {
    this.#options.forgetView?.(state.job.lineage);
    state.dueAt = await state.job.dueAt(context);
    return state.dueAt !== undefined && state.dueAt <= context.clock.now();
  }

  #instant(): Instant {
    const { clock } = this.#options;
    return { now: clock.now(), monotonicMs: clock.monotonicMs() };
  }
}

function inSameLineage(a: Job, b: Job): boolean {
  return a.lineage.store === b.lineage.store && sameLineage(a.lineage, b.lineage);
}

function fieldsOf({ kind, lineage }: Job): Readonly<Record<string, unknown>> {
  return { job: kind, ...lineage };
}
