import type { Log } from '../core/log.ts';
import type { Sample } from '../core/metric.ts';
import type { WorkContext } from '../core/work-context.ts';
import { checkSamples } from './check-samples.ts';
import { type Collector, NotApplicable } from './collector.ts';

/** How collecting a family went. */
export interface FamilyResult {
  readonly success: boolean;
  /** False: there is nothing to measure here. */
  readonly applicable: boolean;
  readonly durationSeconds: number;
}

interface Kept {
  readonly samples: readonly Sample[];
  readonly collectedAtMs: number;
}

/** Samples of a costly family are shown until they are this many intervals old, then dropped: old figures mislead. */
const intervalsShown = 3;
/** A costly family that failed is tried again no later than this, in milliseconds. */
const longestRetryMs = 60_000;

/** One family of one target over time: its last samples, when it is due, whether it is failing. Instants are `monotonicMs`. */
export class Family<S> {
  readonly collector: Collector<S>;
  #kept: Kept | undefined;
  #last: FamilyResult | undefined;
  #dueAtMs = 0;
  #failing = false;

  constructor(collector: Collector<S>) {
    this.collector = collector;
  }

  get isCostly(): boolean {
    return this.collector.minIntervalMs !== undefined;
  }

  /** The result of the last time, while a costly family is not yet due again. */
  resultStillGood(nowMs: number): FamilyResult | undefined {
    return this.isCostly && nowMs < this.#dueAtMs ? this.#last : undefined;
  }

  /** What may be shown of an earlier scrape: nothing, unless the family is costly and its samples are not too old. */
  keptSamples(nowMs: number): Kept | undefined {
    const shownMs = (this.collector.minIntervalMs ?? 0) * intervalsShown;
    return this.#kept !== undefined && nowMs - this.#kept.collectedAtMs <= shownMs ? this.#kept : undefined;
  }

  /** Rejects when the family fails; then also `noteFailure` must be called, where it is known whose fault that was. */
  async collect(source: S, context: WorkContext): Promise<FamilyResult & Kept> {
    const { clock } = context;
    const startedMs = clock.monotonicMs();
    const { samples, applicable } = await this.#samplesOf(source, context);
    const collectedAtMs = clock.monotonicMs();
    const result = { success: true, applicable, durationSeconds: (collectedAtMs - startedMs) / 1_000 };
    this.#last = result;
    this.#kept = { samples, collectedAtMs };
    this.#dueAtMs = collectedAtMs + (this.collector.minIntervalMs ?? 0);
    return { ...result, ...this.#kept };
  }

  async #samplesOf(source: S, context: WorkContext) {
    try {
      const samples = await this.collector.collect(source, context);
      checkSamples(this.collector.metrics, samples);
      return { samples, applicable: true };
    } catch (error) {
      if (error instanceof NotApplicable) return { samples: [], applicable: false };
      throw error;
    }
  }

  noteFailure(nowMs: number, durationSeconds: number): FamilyResult {
    this.#dueAtMs = nowMs + Math.min(this.collector.minIntervalMs ?? 0, longestRetryMs);
    this.#last = { success: false, applicable: true, durationSeconds };
    return this.#last;
  }

  /** One line when it begins to fail and one when it works again, not one per scrape. */
  logFailure(log: Log, error: unknown): void {
    if (!this.#failing) log.warn({ collector: this.collector.name, error }, 'collector fails');
    this.#failing = true;
  }

  logSuccess(log: Log): void {
    if (this.#failing) log.info({ collector: this.collector.name }, 'collector works again');
    this.#failing = false;
  }
}
