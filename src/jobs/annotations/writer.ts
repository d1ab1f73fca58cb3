import type { Clock } from '../../core/clock.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { metric, type Sample, sample } from '../../core/metric.ts';
import type { Job } from '../job.ts';
import type { RunOutcome } from '../run-outcome.ts';
import { type Annotation, annotationOf } from './annotation.ts';
import { type GrafanaAccess, GrafanaFailed, writeAnnotation } from './grafana.ts';

const source = 'annotations.grafana';
const declared = (name: string, type: 'gauge' | 'counter', unit: string, help: string) =>
  metric({ name: `watchkeeper_annotations_${name}`, type, help, labels: [], source, unit });

const metrics = {
  queued: declared(
    'queued',
    'gauge',
    'annotations',
    'Annotations that wait to be written to Grafana. Absent where none are configured.',
  ),
  written: declared('written_total', 'counter', 'annotations', 'Annotations that Grafana took.'),
  failedAttempts: declared('failed_attempts_total', 'counter', 'attempts', 'Attempts to write one that failed.'),
  lastSuccess: declared(
    'last_success_timestamp_seconds',
    'gauge',
    'seconds',
    'When Grafana last took one, in seconds since 1970; 0 before.',
  ),
  dropped: metric({
    name: 'watchkeeper_annotations_dropped_total',
    type: 'counter',
    help: 'Annotations that were given up, by why: refused (Grafana does not want it: the token, its rights, the address), failed (too many attempts), queue_full (the oldest goes), shutdown.',
    labels: ['reason'],
    source,
    unit: 'annotations',
  }),
} as const;

/** Every metric about annotations, for the reference. */
export const annotationMetrics = Object.values(metrics);

const dropReasons = ['refused', 'failed', 'queue_full', 'shutdown'] as const;
type DropReason = (typeof dropReasons)[number];

export interface AnnotationsOptions {
  /** The configuration that is in force now; undefined where none are wanted. */
  readonly grafana: () => GrafanaAccess | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<Limits>;
}

interface Limits {
  /** Annotations that wait; about as many bytes as a thousand lines of a log. */
  readonly queue: number;
  /** Tries of one: with the waits between them they last a quarter of an hour. */
  readonly attempts: number;
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  /** What may be spent on the rest when the process stops. */
  readonly flushMs: number;
}

const usualLimits: Limits = {
  queue: 1_000,
  attempts: 12,
  firstWaitMs: 1_000,
  longestWaitMs: 2 * 60_000,
  flushMs: 3_000,
};

/**
 * Writes the ends of runs to Grafana, one after the other, in the background: no job waits for it or notices that it fails.
 * Disposing writes what waits, within a few seconds.
 */
export class Annotations implements AsyncDisposable {
  readonly #options: AnnotationsOptions;
  readonly #limits: Limits;
  readonly #queue: Annotation[] = [];
  readonly #dropped = new Map<DropReason, number>();
  /** Ends waits; what waits is still tried once. */
  readonly #hurry = new AbortController();
  /** Ends requests. */
  readonly #giveUp = new AbortController();
  #written = 0;
  #failedAttempts = 0;
  #lastSuccessAt: Date | undefined;
  #isFailing = false;
  #working: Promise<void> | undefined;

  constructor(options: AnnotationsOptions) {
    this.#options = options;
    this.#limits = { ...usualLimits, ...options.limits };
  }

  /** Takes note of a run; returns at once and never throws. */
  ended(job: Pick<Job, 'kind' | 'lineage'>, outcome: RunOutcome): void {
    if (this.#options.grafana() === undefined) return;
    const annotation = annotationOf(job, outcome);
    if (annotation === undefined) return;
    this.#queue.push(annotation);
    if (this.#queue.length > this.#limits.queue) {
      this.#queue.shift();
      this.#drop('queue_full');
    }
    this.#working ??= this.#work();
  }

  samples(): Sample[] {
    if (this.#options.grafana() === undefined) return [];
    return [
      sample(metrics.queued, this.#queue.length, {}),
      sample(metrics.written, this.#written, {}),
      sample(metrics.failedAttempts, this.#failedAttempts, {}),
      sample(metrics.lastSuccess, (this.#lastSuccessAt?.getTime() ?? 0) / 1_000, {}),
      ...dropReasons.map((reason) => sample(metrics.dropped, this.#dropped.get(reason) ?? 0, { reason })),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hurry.abort(new Error('the process is stopping'));
    const stopTimer = this.#options.clock.startTimer(this.#limits.flushMs, () =>
      this.#giveUp.abort(new Error('the process is stopping')),
    );
    await this.#working;
    stopTimer();
  }

  async #work(): Promise<void> {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const reason = await this.#deliver(next);
      if (reason !== undefined) this.#drop(reason);
    }
    // At once, and not when somebody hears of the end: what comes in between would wait for the next run.
    this.#working = undefined;
  }

  /** Undefined once it is written, or why it was given up. */
  async #deliver(annotation: Annotation): Promise<DropReason | undefined> {
    const { attempts, firstWaitMs, longestWaitMs } = this.#limits;
    for (let attempt = 1; ; attempt++) {
      const access = this.#options.grafana();
      if (access === undefined) return 'refused';
      if (this.#giveUp.signal.aborted) return 'shutdown';
      const failure = await this.#try(access, annotation);
      if (failure === undefined) return undefined;
      if (this.#hurry.signal.aborted) return 'shutdown';
      if (!failure.transient) return 'refused';
      if (attempt >= attempts) return 'failed';
      const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (attempt - 1));
      await this.#options.clock.sleep(waitMs, this.#hurry.signal).catch(() => undefined);
    }
  }

  async #try(access: GrafanaAccess, annotation: Annotation): Promise<{ readonly transient: boolean } | undefined> {
    try {
      await writeAnnotation(access, annotation, this.#giveUp.signal);
      this.#succeeded();
      return undefined;
    } catch (error) {
      this.#failed(error);
      return { transient: error instanceof GrafanaFailed ? error.transient : !this.#giveUp.signal.aborted };
    }
  }

  #succeeded(): void {
    const { clock, log } = this.#options;
    this.#written++;
    this.#lastSuccessAt = clock.now();
    if (this.#isFailing) log.info({}, 'annotations are written again');
    this.#isFailing = false;
  }

  /** Logged when it begins to fail: a Grafana that is away for a night would fill the log. */
  #failed(error: unknown): void {
    this.#failedAttempts++;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.log.warn({ error: errorMessage(error) }, 'an annotation cannot be written');
  }

  #drop(reason: DropReason): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1);
  }
}
