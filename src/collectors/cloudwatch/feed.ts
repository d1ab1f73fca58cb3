import { mapLimit } from '../../core/map-limit.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { Series, SeriesQuery, SeriesWindow } from '../../targets/aws/cloudwatch.ts';
import { AwsFailure } from '../../targets/aws/failure.ts';
import type { Look } from '../refreshed.ts';
import type { CloudwatchBudget } from './budget.ts';
import { CloudwatchMemory } from './memory.ts';
import { type Bucket, cutIntoCalls, planQueries, type Query } from './query.ts';
import type { CloudwatchGroup, CloudwatchService, Subjects } from './service.ts';
import type { CloudwatchSettings } from './settings.ts';
import type { Statistic } from './statistic.ts';

/** What is asked of CloudWatch. */
export interface SeriesReader {
  read(queries: readonly SeriesQuery[], window: SeriesWindow, signal: AbortSignal): Promise<readonly Series[]>;
}

export interface FeedOptions {
  readonly service: CloudwatchService;
  /** Those that are switched on. */
  readonly groups: readonly CloudwatchGroup[];
  readonly reader: SeriesReader;
  readonly subjects: (signal: AbortSignal) => Promise<Look<Subjects>>;
  readonly settings: CloudwatchSettings;
  readonly budget: CloudwatchBudget;
}

type Window = SeriesWindow;

/** Most statistics in one call of GetMetricData. */
const statisticsPerCall = 500;
const callsAtOnce = 2;
/** A call that failed is made again after this time, in milliseconds; what fails within a call that is paid for is not. */
const retryMs = 60_000;
const shortestWaitMs = 1_000;

/**
 * Reads the metrics of one service, each once in each of its periods, when the period is final: what was missed because a
 * call failed is read with the next one, at no further cost.
 */
export class CloudwatchFeed {
  readonly memory: CloudwatchMemory;
  readonly #options: FeedOptions;
  readonly #failures = new Map<string, number>();
  #planned: readonly Query[] = [];
  #hasFailed = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.memory = new CloudwatchMemory(options.settings.delay);
  }

  /** Queries that failed, by reason: a status of AWS, or the kind of failure of the call. */
  get failures(): ReadonlyMap<string, number> {
    return this.#failures;
  }

  /** Requests each second that everything which is switched on needs while nothing unusual happens. */
  get requestsPerSecond(): number {
    const usual = this.#planned.filter(({ metric }) => metric.onlyAfter === undefined);
    return usual.reduce((sum, { billed, periodMs }) => sum + billed / (periodMs / 1_000), 0);
  }

  /** Time until the next period is final, or until what failed is tried again, in milliseconds. */
  nextInMs(nowMs: number): number {
    const { period, delay } = this.#options.settings;
    const periods = new Set([period, ...this.#planned.map(({ periodMs }) => periodMs)]);
    const waits = [...periods].map((periodMs) => periodMs - ((nowMs - delay) % periodMs));
    return Math.max(shortestWaitMs, Math.min(...waits, ...(this.#hasFailed ? [retryMs] : [])));
  }

  /** Reads all that is due. Failures are told by each family, of its own metrics. */
  async round(context: WorkContext): Promise<Look<CloudwatchMemory>> {
    const { service, groups, settings, subjects } = this.#options;
    const found = await subjects(context.signal);
    const metrics = groups.flatMap((group) => group.metrics);
    this.#planned = planQueries(service, metrics, found.value.all, settings.period);
    this.memory.keepOnly(this.#planned);
    this.memory.incompleteKinds = found.value.incomplete;
    this.#hasFailed = false;
    const nowMs = context.clock.now().getTime();
    const isConditional = ({ metric }: Query) => metric.onlyAfter !== undefined;
    await this.#readDue(
      this.#planned.filter((query) => !isConditional(query)),
      nowMs,
      context,
    );
    await this.#readDue(this.#afterActive(this.#planned.filter(isConditional), nowMs), nowMs, context);
    return { ...found, value: this.memory };
  }

  /** Where the metric that it depends on counted nothing, nothing has to be asked; where that failed, it waits. */
  #afterActive(queries: readonly Query[], nowMs: number): Query[] {
    return queries.filter((query) => {
      const window = this.memory.windowOf(query, nowMs);
      const { onlyAfter } = query.metric;
      if (window === undefined || onlyAfter === undefined) return window !== undefined;
      const wasActive = this.memory.wasActive(onlyAfter, query.subject, window);
      if (wasActive === false) this.memory.note(query, [], window.endMs);
      return wasActive === true;
    });
  }

  async #readDue(queries: readonly Query[], nowMs: number, context: WorkContext): Promise<void> {
    const byWindow = new Map<string, { window: Window; queries: Query[] }>();
    for (const query of queries) {
      const window = this.memory.windowOf(query, nowMs);
      if (window === undefined) continue;
      const key = `${window.startMs} ${window.endMs}`;
      const together = byWindow.get(key) ?? { window, queries: [] };
      together.queries.push(query);
      byWindow.set(key, together);
    }
    const calls = [...byWindow.values()].flatMap(({ window, queries: due }) =>
      cutIntoCalls(this.#affordable(due), statisticsPerCall).map((call) => ({ window, queries: call })),
    );
    await mapLimit(calls, callsAtOnce, (call) => this.#call(call.queries, call.window, context));
  }

  /** The first ones, which are the most important, as many as the limit allows. */
  #affordable(due: readonly Query[]): Query[] {
    const { budget } = this.#options;
    let left = budget.left;
    const chosen: Query[] = [];
    for (const query of due) {
      if (query.billed > left) break;
      left -= query.billed;
      chosen.push(query);
    }
    const isAll = chosen.length === due.length;
    if (!isAll) budget.refuse(billedFor(due) - billedFor(chosen));
    budget.take('GetMetricData', billedFor(chosen));
    return chosen;
  }

  async #call(queries: readonly Query[], window: Window, { signal }: WorkContext): Promise<void> {
    const { reader, service } = this.#options;
    const series = queries.flatMap(({ metric, dimensions, periodMs }) =>
      metric.statistics.map((statistic) => ({
        namespace: service.namespace,
        metric: metric.name,
        dimensions,
        statistic,
        periodSeconds: periodMs / 1_000,
      })),
    );
    try {
      const found = await reader.read(series, window, signal);
      let next = 0;
      for (const query of queries) {
        const count = query.metric.statistics.length;
        this.#note(query, found.slice(next, next + count), window);
        next += count;
      }
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof AwsFailure ? error.kind : 'other';
      this.#hasFailed = true;
      for (const query of queries) this.#noteFailure(query, reason, error);
    }
  }

  #note(query: Query, found: readonly Series[], { startMs, endMs }: Window): void {
    const broken = found.find(({ status }) => status !== 'Complete');
    if (broken !== undefined) {
      const what = `${query.metric.name} of ${query.subject.name}`;
      this.#noteFailure(query, broken.status, new Error(`CloudWatch answers ${broken.status} about ${what}`));
      return;
    }
    const buckets = new Map<number, Map<Statistic, number>>();
    for (const [index, statistic] of query.metric.statistics.entries()) {
      for (const { atMs, value } of found[index]?.points ?? []) {
        if (atMs < startMs || atMs >= endMs) continue;
        const values = buckets.get(atMs) ?? new Map<Statistic, number>();
        buckets.set(atMs, values.set(statistic, value));
      }
    }
    const all = [...buckets].map(([at, values]): Bucket => ({ startMs: at, values }));
    this.memory.note(query, all, endMs);
  }

  #noteFailure(query: Query, reason: string, failure: unknown): void {
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
    this.memory.noteFailure(query, failure);
  }
}

function billedFor(queries: readonly Query[]): number {
  return queries.reduce((sum, { billed }) => sum + billed, 0);
}
