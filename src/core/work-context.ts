import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

/** What every piece of work is given: when to stop, what time it is, where to tell. */
export interface WorkContext {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
}

/** A place in long work, for bars and log lines. `totalBytes` is absent where nobody can know it. */
export interface Progress {
  /** What is being done, in the words of the one who waits: `dumping`, `downloading`, `restoring`. */
  readonly activity: string;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
}

/** Called as often as the worker likes; the receiver thins out. */
export type OnProgress = (progress: Progress) => void;
