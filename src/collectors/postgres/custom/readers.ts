import type { Metric, Sample } from '../../../core/metric.ts';
import type { Table } from '../../../targets/postgres/session.ts';
import { type Holding, holdingOf } from './column-types.ts';
import type { CustomFamily, HistogramColumn, ValueColumn } from './family.ts';
import { histogramSamples } from './histogram.ts';
import { goDurationMs, NoNumber, toNumber } from './values.ts';

export type Row = Table['rows'][number];
/** The samples that one column gives; throws NoNumber. */
export type ReadSamples = (row: Row, labelValues: readonly string[]) => Sample[];
type ReadCell = (row: Row) => string | null;

/** Of columns with the same name the last one counts, as in postgres_exporter. */
export function indexOf({ columns }: Table, name: string): number | undefined {
  const index = columns.findLastIndex((column) => column.name === name);
  return index === -1 ? undefined : index;
}

function cellOf(table: Table, name: string): ReadCell {
  const index = indexOf(table, name) ?? -1;
  return (row) => row[index] ?? null;
}

function holdingIn(table: Table, name: string): Holding {
  const index = indexOf(table, name);
  return holdingOf(table.columns[index ?? -1]?.typeId ?? 0);
}

/** NULL is empty. Truth values are told in words, and to postgres_exporter's files instants in seconds. */
export function labelReader(table: Table, column: string, reading: CustomFamily['reading']): (row: Row) => string {
  const cell = cellOf(table, column);
  switch (holdingIn(table, column)) {
    case 'boolean':
      return (row) => truthText(cell(row) ?? '');
    case 'instant':
      return (row) => (reading === 'strict' ? (cell(row) ?? '') : wholeSeconds(cell(row)));
    default:
      return (row) => cell(row) ?? '';
  }
}

function truthText(text: string): string {
  if (text === '') return '';
  return text === 't' ? 'true' : 'false';
}

function wholeSeconds(text: string | null): string {
  return text === null ? '' : String(Math.floor(toNumber(text, 'instant')));
}

export function numberReader(cell: ReadCell, holding: Holding, declared: Metric, factor = 1): ReadSamples {
  return (row, labelValues) => {
    const text = cell(row);
    if (text === null) return [];
    return finite(toNumber(text, holding) * factor, declared, labelValues);
  };
}

/** NaN is a value that is missing by its own will. */
function finite(value: number, declared: Metric, labelValues: readonly string[]): Sample[] {
  return Number.isNaN(value) ? [] : [{ metric: declared, labelValues, value }];
}

export function valueReader(
  table: Table,
  { column, holds, factor, values }: ValueColumn,
  declared: Metric,
): ReadSamples {
  const cell = cellOf(table, column);
  const holding = holdingIn(table, column);
  if (values === undefined && holds !== 'duration') return numberReader(cell, holding, declared, factor);
  const read = values === undefined ? goDurationMs : (text: string) => mapped(text, holding, values);
  return (row, labelValues) => {
    const text = cell(row);
    return text === null ? [] : finite(read(text) * factor, declared, labelValues);
  };
}

/** postgres_exporter shows a number that stands in such a column as it is. */
function mapped(text: string, holding: Holding, values: Readonly<Record<string, number>>): number {
  const known = values[holding === 'boolean' ? truthText(text) : text];
  if (known !== undefined) return known;
  if (holding === 'number') return toNumber(text, holding);
  throw new NoNumber('holds a text for which no number is given');
}

export function histogramReader(
  table: Table,
  { column }: HistogramColumn,
  declared: Metric,
  isStrict: boolean,
): ReadSamples {
  const [bounds, counts, sum, count] = ['', '_bucket', '_sum', '_count'].map((part) => cellOf(table, column + part));
  const none = () => null;
  return (row, labelValues) =>
    histogramSamples(
      {
        bounds: (bounds ?? none)(row),
        counts: (counts ?? none)(row),
        sum: (sum ?? none)(row),
        count: (count ?? none)(row),
      },
      { metric: declared, labelValues },
      isStrict,
    );
}
