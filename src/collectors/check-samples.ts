import type { Metric, Sample } from '../core/metric.ts';
import type { OpenNames } from './collector.ts';
import { rowsDropped } from './scrape-metrics.ts';

/** What a family said it would give. */
export interface Declared {
  readonly name: string;
  readonly metrics: readonly Metric[];
  readonly openNames?: OpenNames;
}

/**
 * Throws when a page with these samples would be invalid: an undeclared metric, a wrong number of labels, no number, a
 * duplicate. `database`: the one that every sample must name in its label `datname`.
 */
export function checkSamples(declared: Declared, samples: readonly Sample[], database?: string): void {
  const known = new Set(declared.metrics);
  const opened = new Map<string, Metric>();
  const seen = new Map<Metric, Set<string>>();
  for (const sample of samples) {
    const { metric } = sample;
    if (metric === rowsDropped) checkRowsDropped(declared, sample);
    else if (!known.has(metric)) checkOpenName(declared, opened, metric);
    checkSample(sample);
    if (database !== undefined) checkDatabase(sample, database);
    noteOnce(seen, sample);
  }
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** A metric that was made while collecting: its name must be valid, in the family's own range, and used by one metric only. */
function checkOpenName({ metrics, openNames }: Declared, opened: Map<string, Metric>, metric: Metric): void {
  const { name } = metric;
  if (opened.get(name) === metric) return;
  if (openNames === undefined || !name.startsWith(openNames.prefix)) {
    throw new Error(`a sample of ${name}, which the collector does not declare`);
  }
  if (!metricName.test(name)) throw new Error(`"${name}" is no valid name of a metric`);
  if (opened.has(name) || metrics.some((one) => one.name === name)) throw new Error(`two metrics are called ${name}`);
  opened.set(name, metric);
}

/** Every family may tell what it left out, but only of itself. */
function checkRowsDropped({ name }: Declared, { metric, labelValues }: Sample): void {
  if (labelValues[metric.labels.indexOf('collector')] === name) return;
  throw new Error(`a sample of ${metric.name} that is not about the collector ${name}`);
}

function checkSample({ metric, labelValues, value }: Sample): void {
  if (labelValues.length !== metric.labels.length || labelValues.some((label) => typeof label !== 'string')) {
    throw new Error(`a sample of ${metric.name} without a value for each of its labels`);
  }
  if (typeof value !== 'number' || Number.isNaN(value)) throw new Error(`a sample of ${metric.name} that is no number`);
}

function checkDatabase({ metric, labelValues }: Sample, database: string): void {
  if (labelValues[metric.labels.indexOf('datname')] === database) return;
  throw new Error(`a sample of ${metric.name} that does not name its database in the label datname`);
}

function noteOnce(seen: Map<Metric, Set<string>>, sample: Sample): void {
  const { metric, labelValues } = sample;
  const keys = seen.get(metric) ?? new Set<string>();
  const key = keyOf(sample);
  if (keys.has(key)) throw new Error(`two samples of ${metric.name} with the labels ${labelValues.join(', ')}`);
  keys.add(key);
  seen.set(metric, keys);
}

/** What tells samples of one metric apart. Lengths keep values from running together; this is on the hot path of a scrape. */
function keyOf({ labelValues, suffix = '', extraLabel }: Sample): string {
  let key = suffix;
  for (const value of labelValues) key += `${value.length}:${value}`;
  return extraLabel === undefined ? key : `${key}|${extraLabel[0]}|${extraLabel[1]}`;
}
