import type { Metric, Sample } from '../../core/metric.ts';
import type { Row } from '../../targets/libpq/client-session.ts';

/** A metric and the columns it is read from: the first of them that this version of PgBouncer has. */
export interface ColumnMetric {
  readonly metric: Metric;
  readonly columns: readonly string[];
  /** Divides the value. */
  readonly divisor?: number;
}

/** Divides a time that PgBouncer counts in microseconds. */
export const microsecondsPerSecond = 1e6;

/**
 * A column as a number; undefined where the version has none, or has nothing to say. Values are unsigned 64 bit numbers:
 * exact up to 2^53.
 */
export function numberOf(row: Row, columns: readonly string[]): number | undefined {
  const column = columns.find((name) => row[name] !== undefined);
  const text = column === undefined ? null : row[column];
  // What is not set is NULL or empty, by version and view.
  if (text === null || text === undefined || text === '') return undefined;
  const value = Number(text);
  if (Number.isNaN(value)) throw new Error(`column "${column}" is no number: ${text}`);
  return value;
}

/** A sample for each row and metric that has a value. The labels of each metric are columns of their names. */
export function columnSamples(rows: readonly Row[], metrics: readonly ColumnMetric[]): Sample[] {
  return rows.flatMap((row) =>
    metrics.flatMap(({ metric, columns, divisor = 1 }): Sample[] => {
      const value = numberOf(row, columns);
      if (value === undefined) return [];
      return [{ metric, labelValues: metric.labels.map((label) => row[label] ?? ''), value: value / divisor }];
    }),
  );
}

/** Samples of a view with a name and a value in each row; names that are not listed are passed over. */
export function namedSamples(
  rows: readonly Row[],
  name: string,
  value: string,
  metrics: Readonly<Record<string, { readonly metric: Metric }>>,
): Sample[] {
  return rows.flatMap((row): Sample[] => {
    const found = metrics[row[name] ?? ''];
    const number = found === undefined ? undefined : numberOf(row, [value]);
    if (found === undefined || number === undefined) return [];
    return [{ metric: found.metric, labelValues: [], value: number }];
  });
}
