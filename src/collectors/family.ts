import { DeadlineExceeded, withDeadline } from '../core/deadline.ts';
import { findCause } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { Sample } from '../core/metric.ts';
import type { WorkContext } from '../core/work-context.ts';
import { checkSamples } from './check-samples.ts';
import { CollectedInPart, type Collector, NotApplicable, NotPermitted } from './collector.ts';

/** How collecting a family went. */
export interface FamilyResult {
  readonly success: boolean;
  /** False: there is nothing to measure here. */
  readonly applicable: boolean;
  readonly durationSeconds: number;
}

/** A result with what is shown of the family. */
export interface Collected extends FamilyResult {
  readonly samples: readonly Sample[];
  readonly collectedAtMs: number | undefined;
}

interface Kept {
  readonly samples: readonly Sample[];
  readonly collectedAtMs: number;
}

export interface FamilyOptions {
  /** The database in which a family of scope `database` is collected; read after each time. */
  readonly database?: () => string;
  /** How long its samples may be shown, in milliseconds; read each time. Absent: a few of its own intervals. */
  readonly shownMs?: () => number;
  /** Told how long each attempt took, in seconds, whether it succeeded or not. */
  readonly onSpent?: (seconds: number) => void;
}

/** Samples of a costly family are shown until they are this many intervals old, then dropped: old figures mislead. */
const intervalsShown = 3;
/** A costly family that failed is tried again no later than this, in milliseconds. */
const longestRetryMs = 60_000;
/** What the role may not do is asked again after this time, in milliseconds, since each refusal stands in the server's log. */
const refusedRetryMs = 300_000;

/**
 * One family of one target (or of one of its databases) over time: its last samples, when it is due, whether it is
 * failing. Instants are `monotonicMs`.
 */
export class Family<S> {
  readonly collector: Collector<S>;
  readonly #options: FamilyOptions;
  #kept: Kept | undefined;
  #last: FamilyResult | undefined;
  #dueAtMs = 0;
  #failing = false;

  constructor(collector: Collector<S>, options: FamilyOptions = {}) {
    this.collector = collector;
    this.#options = options;
  }

  get isCostly(): boolean {
    return this.collector.minIntervalMs !== undefined;
  }

  /** How the last attempt went. */
  get lastResult(): FamilyResult | undefined {
    return this.#last;
  }

  /** The result of the last time, while a costly family, or one that was refused, is not yet due again. */
  resultStillGood(nowMs: number): FamilyResult | undefined {
    return nowMs < this.#dueAtMs ? this.#last : undefined;
  }

  /** What may be shown of an earlier time: nothing, unless the family is collected less often than shown. */
  keptSamples(nowMs: number): Pick<Collected, 'samples' | 'collectedAtMs'> {
    const shownMs = Math.max((this.collector.minIntervalMs ?? 0) * intervalsShown, this.#options.shownMs?.() ?? 0);
    const isGood = this.#kept !== undefined && nowMs - this.#kept.collectedAtMs <= shownMs;
    return isGood && this.#kept !== undefined ? this.#kept : { samples: [], collectedAtMs: undefined };
  }

  /**
   * Collects within `timeoutMs` and says whether it did. What goes wrong is noted and told once in the log. Undefined when
   * whoever asked has gone: that is no failure.
   */
  async collect(source: S, context: WorkContext, timeoutMs: number): Promise<Collected | undefined> {
    const { signal: parent, clock, log } = context;
    const startedMs = clock.monotonicMs();
    const deadline = { parent, ms: timeoutMs, clock, what: 'collecting' };
    try {
      const found = await withDeadline(deadline, (signal) => this.#ask(source, { ...context, signal }));
      this.#logSuccess(log);
      return this.#noteSuccess(found, startedMs, clock.monotonicMs());
    } catch (error) {
      // That whoever asked has gone is no failure of the family; that their time was up is one.
      if (parent.aborted && findCause(error, DeadlineExceeded) === undefined) return undefined;
      this.#logFailure(log, error);
      const nowMs = clock.monotonicMs();
      const failed = this.noteFailure(nowMs, startedMs);
      if (error instanceof NotPermitted) this.#dueAtMs = nowMs + refusedRetryMs;
      return error instanceof CollectedInPart ? { ...failed, samples: error.samples, collectedAtMs: nowMs } : failed;
    } finally {
      this.#options.onSpent?.((clock.monotonicMs() - startedMs) / 1_000);
    }
  }

  async #ask(source: S, context: WorkContext) {
    try {
      const samples = await this.collector.collect(source, context);
      checkSamples(this.collector, samples, this.#options.database?.());
      return { samples, applicable: true };
    } catch (error) {
      if (error instanceof NotApplicable) return { samples: [], applicable: false };
      if (error instanceof CollectedInPart) checkSamples(this.collector, error.samples, this.#options.database?.());
      throw error;
    }
  }

  #noteSuccess(
    { samples, applicable }: Pick<Collected, 'samples' | 'applicable'>,
    startedMs: number,
    nowMs: number,
  ): Collected {
    this.#last = { success: true, applicable, durationSeconds: (nowMs - startedMs) / 1_000 };
    this.#kept = { samples, collectedAtMs: nowMs };
    this.#dueAtMs = nowMs + (this.collector.minIntervalMs ?? 0);
    return { ...this.#last, ...this.#kept };
  }

  /** It could not be collected since `startedMs`; what may still be shown of before is in the result. */
  noteFailure(nowMs: number, startedMs: number): Collected {
    this.#dueAtMs = nowMs + Math.min(this.collector.minIntervalMs ?? 0, longestRetryMs);
    this.#last = { success: false, applicable: true, durationSeconds: (nowMs - startedMs) / 1_000 };
    return { ...this.#last, ...this.keptSamples(nowMs) };
  }

  /** One line when it begins to fail and one when it works again, not one per scrape. */
  #logFailure(log: Log, error: unknown): void {
    if (!this.#failing) log.warn({ ...this.#logFields(), error }, 'collector fails');
    this.#failing = true;
  }

  #logSuccess(log: Log): void {
    if (this.#failing) log.info(this.#logFields(), 'collector works again');
    this.#failing = false;
  }

  #logFields() {
    const database = this.#options.database?.();
    return { collector: this.collector.name, ...(database === undefined ? {} : { database }) };
  }
}
