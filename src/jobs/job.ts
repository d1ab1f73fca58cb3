import type { OnProgress, WorkContext } from '../core/work-context.ts';
import type { Lineage } from './lineage.ts';
import type { Obstacle } from './manifest.ts';

export const jobKinds = ['backup', 'copy', 'verify', 'prune'] as const;
export type JobKind = (typeof jobKinds)[number];

/** What a run achieved, for the one log line: `bytes`, `backup`, `verdict`, … */
export interface JobResult {
  readonly fields: Readonly<Record<string, unknown>>;
  /** Stores that failed although the run as a whole succeeded. */
  readonly failedStores?: readonly FailedStore[];
}

export interface FailedStore {
  readonly store: string;
  readonly reason: FailureReason;
}

export interface JobContext extends WorkContext {
  readonly onProgress: OnProgress;
  /** Throws when the lock of the run was lost; asked before what cannot be undone. Absent where there is no lock. */
  readonly confirmLock?: (signal: AbortSignal) => Promise<void>;
}

/** Runs for one due instant that failed, the first included. */
export interface TryAgain {
  readonly tries: number;
  /** Wait before the second try; it doubles each time. */
  readonly afterMs: number;
}

/**
 * A piece of recurring work on one lineage. It keeps no state: what was done is read from the store, so that a process
 * killed at any moment knows after its start what is due.
 */
export interface Job {
  readonly kind: JobKind;
  readonly lineage: Lineage;
  /**
   * When it is next due: in the past when overdue, undefined when nothing needs doing until something else happens.
   * Called after the start, after every run of the same lineage and now and then; reads the store.
   */
  dueAt(context: WorkContext): Promise<Date | undefined>;
  /** Throws {@link JobFailed} (or anything, which counts as reason `error`). Must honour the signal. */
  run(context: JobContext): Promise<JobResult>;
  readonly deadlineMs: number;
  /** Jobs that share a name never run at once, in this process or another one with the same store. */
  readonly lockName: string;
  /** How a run that failed, and left nothing in the store by which the next look would know it, is tried again; not at all when absent. */
  readonly tryAgain?: TryAgain;
  /** Every store that it works on, whose leases make the lock together; that of the lineage alone when absent. */
  readonly stores?: readonly string[];
}

/** Why a run failed, as the `reason` label shows it: a small fixed set. */
export const failureReasons = [
  'cancelled',
  'deadline',
  'locked',
  'connection',
  'authentication',
  'privilege',
  'program',
  'source_changed',
  'store',
  'store_full',
  'spool',
  'damaged',
  'not_proven',
  'identity',
  'inconclusive',
  'refused',
  'error',
] as const;
export type FailureReason = (typeof failureReasons)[number];

/** A failure with a reason and whether another try may help. */
export class JobFailed extends Error {
  override readonly name = 'JobFailed';
  readonly reason: FailureReason;
  readonly transient: boolean;
  /** Of a proof that could not be tried: why not, where the reason does not tell. */
  readonly obstacle: Obstacle | undefined;

  constructor(
    reason: FailureReason,
    message: string,
    options: { readonly transient?: boolean; readonly obstacle?: Obstacle; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.transient = options.transient ?? false;
    this.obstacle = options.obstacle;
  }
}
