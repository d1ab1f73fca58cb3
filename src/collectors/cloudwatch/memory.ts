import { type Bucket, type Query, queryKey } from './query.ts';
import type { CloudwatchMetric, Subject } from './service.ts';
import { isCountable, type Statistic } from './statistic.ts';

/** What is known of one query. Instants are those of the wall clock, in milliseconds. */
interface State {
  readonly query: Query;
  /** End of the last period that was read. */
  readUntilMs: number | undefined;
  /** The newest period, when anything was measured in it. */
  newest: ReadonlyMap<Statistic, number> | undefined;
  readonly totals: Map<Statistic, number>;
  /** End of the last period in which it counted something. */
  activeUntilMs: number;
  failure: unknown;
}

/** What was read of one metric of one subject. */
export interface Reading {
  readonly subject: Subject;
  /** Of the newest period, while that is not too old. */
  readonly newest: ReadonlyMap<Statistic, number> | undefined;
  /** Of all periods that were read, of what can be added. */
  readonly totals: ReadonlyMap<Statistic, number>;
}

/** Longest time that is read again after calls failed; earlier periods are lost to the counters. */
const longestCatchUpMs = 3 * 3_600_000;
/** Values are shown until they are this many periods late. */
const periodsShown = 3;

/** What was read of CloudWatch so far. */
export class CloudwatchMemory {
  readonly #states = new Map<string, State>();
  readonly #byMetric = new Map<CloudwatchMetric, State[]>();
  readonly #delayMs: number;
  /** Kinds of subjects of which not all are known, and why. */
  incompleteKinds: ReadonlyMap<string, unknown> = new Map();

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** Forgets what is no longer asked for. */
  keepOnly(queries: readonly Query[]): void {
    const keys = new Set(queries.map(({ key }) => key));
    for (const key of this.#states.keys()) if (!keys.has(key)) this.#states.delete(key);
    for (const query of queries) {
      const known = this.#states.get(query.key);
      if (known !== undefined) continue;
      const state = { readUntilMs: undefined, newest: undefined, activeUntilMs: 0, failure: undefined };
      this.#states.set(query.key, { query, totals: new Map(), ...state });
    }
    this.#byMetric.clear();
    for (const state of this.#states.values()) {
      const { metric } = state.query;
      const states = this.#byMetric.get(metric);
      if (states === undefined) this.#byMetric.set(metric, [state]);
      else states.push(state);
    }
  }

  /** The periods that are final now and were not read. Undefined when there is none. */
  windowOf({ key, periodMs }: Query, nowMs: number): { startMs: number; endMs: number } | undefined {
    const endMs = Math.floor((nowMs - this.#delayMs) / periodMs) * periodMs;
    const readUntilMs = this.#states.get(key)?.readUntilMs;
    if (readUntilMs !== undefined && readUntilMs >= endMs) return undefined;
    const earliestMs = Math.ceil((endMs - longestCatchUpMs) / periodMs) * periodMs;
    return { startMs: readUntilMs === undefined ? endMs - periodMs : Math.max(readUntilMs, earliestMs), endMs };
  }

  /** Whether the metric counted anything from `startMs` to `endMs`; undefined while that was not read. */
  wasActive(
    metric: string,
    subject: Subject,
    { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
  ): boolean | undefined {
    const state = this.#states.get(queryKey(metric, subject));
    if (state?.readUntilMs === undefined || state.readUntilMs < endMs) return undefined;
    return state.activeUntilMs > startMs;
  }

  /** Notes what a query brought; periods without a bucket had nothing. */
  note({ key, metric, periodMs }: Query, buckets: readonly Bucket[], endMs: number): void {
    const state = this.#states.get(key);
    if (state === undefined) return;
    const newest = buckets.find(({ startMs }) => startMs === endMs - periodMs)?.values;
    state.newest = newest ?? zeroes(metric);
    for (const statistic of metric.statistics.filter(isCountable)) addTo(state.totals, statistic, buckets);
    const active = buckets.filter(({ values }) => [...values.values()].some((value) => value !== 0));
    state.activeUntilMs = Math.max(state.activeUntilMs, ...active.map(({ startMs }) => startMs + periodMs));
    state.readUntilMs = endMs;
    state.failure = undefined;
  }

  /** What is known stays, until it is too old. */
  noteFailure({ key }: Query, failure: unknown): void {
    const state = this.#states.get(key);
    if (state !== undefined) state.failure = failure;
  }

  /** Of the newest period, while that is not too old. */
  value(metric: string, subject: Subject, statistic: Statistic, nowMs: number): number | undefined {
    const state = this.#states.get(queryKey(metric, subject));
    return state !== undefined && this.#isShown(state, nowMs) ? state.newest?.get(statistic) : undefined;
  }

  /** Of all periods that were read. Counters stay: `rate()` of one that stands still is 0, as of one that is gone. */
  total(metric: string, subject: Subject, statistic: Statistic): number | undefined {
    return this.#states.get(queryKey(metric, subject))?.totals.get(statistic);
  }

  /** The first failure among these metrics: of what failed when it was asked last, or of finding what has them. */
  failureOf(metrics: readonly CloudwatchMetric[]): unknown {
    for (const [kind, failure] of this.incompleteKinds) {
      if (metrics.some((metric) => metric.of.includes(kind))) return failure;
    }
    for (const { query, failure } of this.#states.values()) {
      if (failure !== undefined && metrics.includes(query.metric)) return failure;
    }
    return undefined;
  }

  /** End of the newest period that was read of any metric. */
  get newestMs(): number | undefined {
    const all = [...this.#states.values()].map(({ readUntilMs }) => readUntilMs ?? 0);
    const newest = all.reduce((a, b) => Math.max(a, b), 0);
    return newest === 0 ? undefined : newest;
  }

  /** What there is of a metric, of every subject. */
  readings(metric: CloudwatchMetric, nowMs: number): Reading[] {
    const states = this.#byMetric.get(metric) ?? [];
    return states.map((state) => ({
      subject: state.query.subject,
      newest: this.#isShown(state, nowMs) ? state.newest : undefined,
      totals: state.totals,
    }));
  }

  #isShown({ readUntilMs = 0, query }: State, nowMs: number): boolean {
    return nowMs - readUntilMs <= this.#delayMs + periodsShown * query.periodMs;
  }
}

function zeroes({ absent, statistics }: CloudwatchMetric): ReadonlyMap<Statistic, number> | undefined {
  return absent === 'zero' ? new Map(statistics.map((statistic) => [statistic, 0])) : undefined;
}

function addTo(totals: Map<Statistic, number>, statistic: Statistic, buckets: readonly Bucket[]): void {
  const sum = buckets.reduce((all, { values }) => all + (values.get(statistic) ?? 0), 0);
  totals.set(statistic, (totals.get(statistic) ?? 0) + sum);
}
