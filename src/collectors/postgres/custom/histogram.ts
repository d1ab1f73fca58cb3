import type { Sample } from '../../../core/metric.ts';
import { NoNumber, toNumber, toNumbers } from './values.ts';

/** The parts of a histogram as a row has them; NULL anywhere: there is none. */
export interface HistogramTexts {
  readonly bounds: string | null;
  /** How many were no more than each bound. */
  readonly counts: string | null;
  readonly sum: string | null;
  readonly count: string | null;
}

/**
 * Samples of one histogram, its bounds in order. Strict ones must be what Prometheus takes for a histogram: a count for each
 * bound, none smaller than the one before.
 */
export function histogramSamples(
  texts: HistogramTexts,
  base: Pick<Sample, 'metric' | 'labelValues'>,
  isStrict: boolean,
): Sample[] {
  if (texts.bounds === null || texts.counts === null || texts.sum === null || texts.count === null) return [];
  const bounds = toNumbers(texts.bounds);
  const counts = toNumbers(texts.counts);
  const total = toNumber(texts.count);
  const buckets = orderedBuckets(bounds, counts);
  if (isStrict) requireHistogram(bounds, counts, [...buckets.map(({ count }) => count), total]);
  const bucket = (le: string, value: number): Sample => ({ ...base, suffix: '_bucket', extraLabel: ['le', le], value });
  return [
    ...buckets.map(({ bound, count }) => bucket(String(bound), count)),
    bucket('+Inf', total),
    { ...base, suffix: '_sum', value: toNumber(texts.sum) },
    { ...base, suffix: '_count', value: total },
  ];
}

/** Of a bound that stands there twice the last counts; that of infinity is the count of all. */
function orderedBuckets(bounds: readonly number[], counts: readonly number[]) {
  const byBound = new Map<number, number>();
  for (const [index, bound] of bounds.entries()) {
    const count = counts[index];
    if (count !== undefined && bound !== Number.POSITIVE_INFINITY) byBound.set(bound, count);
  }
  return [...byBound].map(([bound, count]) => ({ bound, count })).sort((a, b) => a.bound - b.bound);
}

function requireHistogram(bounds: readonly number[], counts: readonly number[], inOrder: readonly number[]): void {
  if (bounds.length !== counts.length) throw new NoNumber('has not as many counts as bounds');
  const falls = inOrder.some((count, index) => count < (inOrder[index - 1] ?? 0));
  if (falls) throw new NoNumber('has counts that fall: each counts what is no more than its bound');
}
