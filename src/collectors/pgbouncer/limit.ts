import { type Sample, sample } from '../../core/metric.ts';
import type { Row } from '../../targets/libpq/client-session.ts';
import { rowsDropped } from '../scrape-metrics.ts';
import { numberOf } from './columns.ts';

/** What is shown of more than a page should hold, in the order in which it came, and how much is not. */
export interface Limited<T> {
  readonly shown: readonly T[];
  /** For `watchkeeper_collector_rows_dropped`. */
  readonly dropped: Sample;
}

/** The `limit` most important; of equal ones those that came first. */
export function limit<T>(
  collector: string,
  all: readonly T[],
  given: { readonly limit: number; readonly importanceOf: (item: T) => number },
): Limited<T> {
  const ranked = all.map((item, index) => ({ index, importance: given.importanceOf(item) }));
  ranked.sort((a, b) => b.importance - a.importance || a.index - b.index);
  const chosen = new Set(ranked.slice(0, given.limit).map(({ index }) => index));
  const shown = all.filter((_item, index) => chosen.has(index));
  return { shown, dropped: sample(rowsDropped, all.length - shown.length, { collector, datname: '' }) };
}

/** Sum of some columns, as far as the version has them. */
export function weightOf(row: Row, columns: readonly string[]): number {
  return columns.reduce((sum, column) => sum + (numberOf(row, [column]) ?? 0), 0);
}
