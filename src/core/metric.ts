export type MetricType = 'gauge' | 'counter' | 'histogram' | 'summary' | 'info' | 'unknown';

/** A metric family's description. `source` names the view, column or measurement the value comes from. */
export interface Metric<L extends string = string> {
  readonly name: string;
  readonly type: MetricType;
  /** One sentence with the unit; says so where a peer's metric is kept although it is wrong. */
  readonly help: string;
  /** Without `target`, which the scrape adds to every sample. */
  readonly labels: readonly L[];
  readonly source: string;
  /** Base unit: `seconds`, `bytes`, `ratio`, `transactions`, … */
  readonly unit: string;
}

/** One value. `labelValues` stand in the order of `metric.labels`; `suffix` is for histograms and summaries (`_bucket`, `_sum`, `_count`). */
export interface Sample {
  readonly metric: Metric;
  readonly labelValues: readonly string[];
  readonly value: number;
  readonly suffix?: string;
  readonly extraLabel?: readonly [name: string, value: string];
}

/** Declares a metric and checks its label names at compile time where samples are made. */
export function metric<const L extends string>(definition: Metric<L>): Metric<L> {
  return definition;
}

/** A sample whose labels are given by name, so that none is forgotten or swapped. */
export function sample<L extends string>(of: Metric<L>, value: number, labels: Readonly<Record<L, string>>): Sample {
  return { metric: of, labelValues: of.labels.map((label) => labels[label]), value };
}
