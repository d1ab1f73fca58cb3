import { type Metric, metric } from '../../core/metric.ts';
import type { CloudwatchMetric, CloudwatchService } from './service.ts';
import { isCountable, type Statistic, snakeCase } from './statistic.ts';

/** What one statistic of a metric is called here. */
export interface DeclaredStatistic {
  readonly statistic: Statistic;
  readonly gauge: Metric;
  /** For what can be added: every period counted once, so that `rate()` is right. */
  readonly counter: Metric | undefined;
}

/** The dimensions of all kinds of subjects that have the metric; a subject without one has an empty label. */
export function dimensionsOf(service: CloudwatchService, { of }: CloudwatchMetric): string[] {
  return [...new Set(of.flatMap((kind) => service.kinds[kind] ?? []))];
}

/** The metrics that a metric of CloudWatch becomes. */
export function declare(service: CloudwatchService, one: CloudwatchMetric): DeclaredStatistic[] {
  const labels = ['name', 'account_id', 'region', ...dimensionsOf(service, one).map((name) => `dimension_${name}`)];
  const base = `${service.prefix}_${snakeCase(one.name)}`;
  const common = { labels, source: `CloudWatch ${service.namespace}, ${one.name}`, unit: one.unit };
  const without = one.absent === 'zero' ? '0 when nothing happened' : 'absent when nothing was measured';
  return one.statistics.map((statistic) => ({
    statistic,
    gauge: metric({
      ...common,
      name: `${base}_${snakeCase(statistic)}`,
      type: 'gauge',
      help: `${one.what}: ${statistic} over the newest period that is final; ${without}.${isCountable(statistic) ? ' Of one period: rate() of it means nothing.' : ''}`,
    }),
    counter: isCountable(statistic)
      ? metric({
          ...common,
          name: statistic === 'Sum' ? `${base}_total` : `${base}_${snakeCase(statistic)}_total`,
          type: 'counter',
          help: `${one.what}: ${statistic} of every period since the daemon began to look, each counted once.`,
        })
      : undefined,
  }));
}
