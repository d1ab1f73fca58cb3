import type { Sample } from '../../core/metric.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { CollectedInPart, type Collector, NotApplicable } from '../collector.ts';
import type { Look, Refreshed } from '../refreshed.ts';
import { type DeclaredStatistic, declare, dimensionsOf } from './declarations.ts';
import type { CloudwatchMemory } from './memory.ts';
import type { CloudwatchGroup, CloudwatchMetric, CloudwatchService, Place, Subject } from './service.ts';

/** What families of CloudWatch read from. */
export interface CloudwatchSource {
  readonly cloudwatch: Refreshed<CloudwatchMemory> | undefined;
  readonly place: () => Place;
}

/** The family that a group of metrics is. */
export function cloudwatchCollector(service: CloudwatchService, group: CloudwatchGroup): Collector<CloudwatchSource> {
  const declared = group.metrics.map((metric) => ({
    metric,
    statistics: declare(service, metric),
    dimensions: dimensionsOf(service, metric),
  }));
  const metrics = declared.flatMap(({ statistics }) =>
    statistics.flatMap(({ gauge, counter }) => (counter === undefined ? [gauge] : [gauge, counter])),
  );
  return {
    name: group.name,
    about: `${group.about} From CloudWatch, which costs money: ${group.metrics.length} metrics for each subject.`,
    scope: 'server',
    metrics,
    enabledByDefault: group.enabledByDefault,
    async collect(source, context) {
      const { value: memory, failure } = await readCloudwatch(source, context);
      const nowMs = context.clock.now().getTime();
      const samples = declared.flatMap((one) => samplesOf(one, { service, memory, place: source.place(), nowMs }));
      const missing = failure ?? memory.failureOf(group.metrics);
      if (missing !== undefined) throw new CollectedInPart(samples, missing);
      return samples;
    },
  };
}

/**
 * Samples that a family makes of what CloudWatch told. What it could not tell makes the family fail, and the rest is shown.
 * Throws {@link NotApplicable} where CloudWatch is not read.
 */
export async function samplesOfCloudwatch(
  source: CloudwatchSource,
  context: WorkContext,
  toSamples: (memory: CloudwatchMemory, nowMs: number) => Promise<readonly Sample[]>,
): Promise<readonly Sample[]> {
  const { value: memory, failure } = await readCloudwatch(source, context);
  const samples = await toSamples(memory, context.clock.now().getTime());
  if (failure !== undefined) throw new CollectedInPart(samples, failure);
  return samples;
}

/** Throws {@link NotApplicable} where CloudWatch is not read. */
async function readCloudwatch(
  { cloudwatch }: CloudwatchSource,
  { signal }: WorkContext,
): Promise<Look<CloudwatchMemory>> {
  if (cloudwatch === undefined) throw new NotApplicable('CloudWatch is switched off');
  return cloudwatch.read(signal);
}

interface Declared {
  readonly metric: CloudwatchMetric;
  readonly statistics: readonly DeclaredStatistic[];
  readonly dimensions: readonly string[];
}

interface Surroundings {
  readonly service: CloudwatchService;
  readonly memory: CloudwatchMemory;
  readonly place: Place;
  readonly nowMs: number;
}

function samplesOf({ metric, statistics, dimensions }: Declared, around: Surroundings): Sample[] {
  const samples: Sample[] = [];
  for (const { subject, newest, totals } of around.memory.readings(metric, around.nowMs)) {
    const labelValues = labelValuesOf(subject, dimensions, around);
    for (const { statistic, gauge, counter } of statistics) {
      const value = newest?.get(statistic);
      if (value !== undefined) samples.push({ metric: gauge, value, labelValues });
      const total = totals.get(statistic);
      if (counter !== undefined && total !== undefined) samples.push({ metric: counter, value: total, labelValues });
    }
  }
  return samples;
}

/** A subject that does not have one of the dimensions has an empty label. */
function labelValuesOf(subject: Subject, dimensions: readonly string[], { service, place }: Surroundings): string[] {
  const own = service.kinds[subject.kind] ?? [];
  const values = dimensions.map((name) => subject.values[own.indexOf(name)] ?? '');
  return [subject.name, place.accountId, place.region, ...values];
}
