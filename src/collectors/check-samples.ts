import type { Metric, Sample } from '../core/metric.ts';

/** Throws when a page with these samples would be invalid: an undeclared metric, a wrong number of labels, no number, a duplicate. */
export function checkSamples(declared: readonly Metric[], samples: readonly Sample[]): void {
  const known = new Set(declared);
  const seen = new Map<Metric, Set<string>>();
  for (const sample of samples) {
    const { metric, labelValues, value } = sample;
    if (!known.has(metric)) throw new Error(`a sample of ${metric.name}, which the collector does not declare`);
    if (labelValues.length !== metric.labels.length || labelValues.some((label) => typeof label !== 'string')) {
      throw new Error(`a sample of ${metric.name} without a value for each of its labels`);
    }
    if (typeof value !== 'number' || Number.isNaN(value))
      throw new Error(`a sample of ${metric.name} that is no number`);
    noteOnce(seen, sample);
  }
}

function noteOnce(seen: Map<Metric, Set<string>>, { metric, labelValues, suffix, extraLabel }: Sample): void {
  const keys = seen.get(metric) ?? new Set<string>();
  const key = JSON.stringify([labelValues, suffix, extraLabel]);
  if (keys.has(key)) throw new Error(`two samples of ${metric.name} with the labels ${labelValues.join(', ')}`);
  keys.add(key);
  seen.set(metric, keys);
}
