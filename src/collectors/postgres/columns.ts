import type { Metric, Sample } from '../../core/metric.ts';
import type { Row } from '../../targets/postgres/session.ts';

/** A metric whose value stands in a column of the same row as its labels. */
export interface ColumnMetric {
  readonly metric: Metric;
  readonly column: string;
  /** Multiplies the value, e.g. 0.001 for milliseconds. */
  readonly factor?: number;
}

/** The value of a column as a number: int8 and numeric arrive as text. Undefined for NULL. Exact up to 2^53. */
export function numberOf(row: Row, column: string): number | undefined {
  const text = row[column];
  if (text === undefined) throw new Error(`the statement gives no column "${column}"`);
  if (text === null) return undefined;
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new Error(`column "${column}" is no number: ${text}`);
  return value;
}

/** `t` → 1, `f` → 0. Undefined for NULL. */
export function booleanOf(row: Row, column: string): number | undefined {
  const text = row[column];
  if (text === undefined) throw new Error(`the statement gives no column "${column}"`);
  return text === null ? undefined : Number(text === 't');
}

/** The value of a column as a label: empty for NULL. */
export function labelOf(row: Row, column: string): string {
  return row[column] ?? '';
}

/** A sample for each row and column; none for NULL. The labels of each metric are columns of their names. */
export function columnSamples(rows: readonly Row[], columns: readonly ColumnMetric[]): Sample[] {
  return rows.flatMap((row) => columns.flatMap((column) => columnSample(row, column)));
}

function columnSample(row: Row, { metric, column, factor = 1 }: ColumnMetric): Sample[] {
  const value = row[column] === 't' || row[column] === 'f' ? booleanOf(row, column) : numberOf(row, column);
  if (value === undefined) return [];
  return [{ metric, labelValues: metric.labels.map((label) => labelOf(row, label)), value: value * factor }];
}
