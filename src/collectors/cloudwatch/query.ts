import type { CloudwatchMetric, CloudwatchService, Subject } from './service.ts';
import { type Statistic, statisticsPerBilledRequest } from './statistic.ts';

/** One metric of one subject with all its statistics: what is asked and paid for together. */
export interface Query {
  readonly key: string;
  readonly metric: CloudwatchMetric;
  readonly subject: Subject;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly periodMs: number;
  /** Requests that it is billed as. */
  readonly billed: number;
}

/** Values of one period, by statistic. */
export interface Bucket {
  readonly startMs: number;
  readonly values: ReadonlyMap<Statistic, number>;
}

export function queryKey(metric: string, subject: Subject): string {
  return [metric, subject.kind, ...subject.values].join(' ');
}

/** Every metric of every subject that has it, in the order of importance. A metric is not read more often than it is written. */
export function planQueries(
  service: CloudwatchService,
  metrics: readonly CloudwatchMetric[],
  subjects: readonly Subject[],
  periodMs: number,
): Query[] {
  return metrics.flatMap((metric) =>
    subjects
      .filter(({ kind }) => metric.of.includes(kind))
      .map((subject) => ({
        key: queryKey(metric.name, subject),
        metric,
        subject,
        dimensions: Object.fromEntries(
          (service.kinds[subject.kind] ?? []).map((name, index) => [name, subject.values[index] ?? '']),
        ),
        periodMs: Math.max(periodMs, metric.periodSeconds * 1_000),
        billed: Math.ceil(metric.statistics.length / statisticsPerBilledRequest),
      })),
  );
}

/** Cuts into calls of at most `size` statistics; those of one query stay together, or they would be billed twice. */
export function cutIntoCalls(queries: readonly Query[], size: number): Query[][] {
  const calls: Query[][] = [];
  let room = 0;
  for (const query of queries) {
    const needed = query.metric.statistics.length;
    const last = calls.at(-1);
    if (last === undefined || needed > room) {
      calls.push([query]);
      room = size - needed;
    } else {
      last.push(query);
      room -= needed;
    }
  }
  return calls;
}
