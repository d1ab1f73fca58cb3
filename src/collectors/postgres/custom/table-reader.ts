import { type Metric, metric, type Sample } from '../../../core/metric.ts';
import type { Table } from '../../../targets/postgres/session.ts';
import { checkColumns } from './column-checks.ts';
import { holdingOf } from './column-types.ts';
import { type CustomFamily, columnsOf, type MetricColumn, metricColumns, typeOfColumn } from './family.ts';
import { LeftOut } from './left-out.ts';
import { metricNamePattern } from './names.ts';
import {
  histogramReader,
  indexOf,
  labelReader,
  numberReader,
  type ReadSamples,
  type Row,
  valueReader,
} from './readers.ts';

/** The label that says in which database a family of scope `database` was collected, unless it has one of that name. */
const databaseLabel = 'datname';

/** Samples of a result, and what of it is not shown and why. */
export interface ReadTable {
  readonly samples: readonly Sample[];
  readonly notes: readonly string[];
}

/** Makes samples of what one family's statement gives. */
export class TableReader {
  readonly metrics: readonly Metric[];
  readonly #family: CustomFamily;
  readonly #labels: readonly string[];
  readonly #declared: ReadonlyMap<MetricColumn, Metric>;
  /** Of columns that are not described, by their name. */
  readonly #others = new Map<string, Metric>();

  constructor(family: CustomFamily) {
    this.#family = family;
    const own = family.columns.flatMap((column) => (column.kind === 'label' ? [column.name] : []));
    this.#labels = family.scope === 'database' && !own.includes(databaseLabel) ? [databaseLabel, ...own] : own;
    this.#declared = new Map(
      metricColumns(family).map((column) => [column, this.#declare(column, typeOfColumn(column))]),
    );
    this.metrics = [...this.#declared.values()];
  }

  /** Throws when a column is not what the file says, or two rows would be the same samples. */
  read(table: Table, database: string): ReadTable {
    const { problems, notes } = checkColumns(this.#family, table.columns);
    if (problems.length > 0) throw this.#wrong(problems.join('; '));
    const leftOut = new LeftOut(this.#family.reading === 'strict');
    const labelsOf = this.#labelReader(table, database);
    const readers = [...this.#ownReaders(table, leftOut), ...this.#otherReaders(table, leftOut)];
    const repeated = new RepeatedLabels();
    const samples = table.rows.flatMap((row) => {
      const labelValues = labelsOf(row);
      const ofRow = readers.flatMap((read) => read(row, labelValues));
      if (ofRow.length > 0) repeated.add(labelValues);
      return ofRow;
    });
    if (leftOut.problem !== undefined) throw this.#wrong(leftOut.problem);
    if (repeated.found) this.#requireDistinct(samples);
    return { samples, notes: [...notes, ...leftOut.notes] };
  }

  #declare({ name, help, unit }: Pick<MetricColumn, 'name' | 'help' | 'unit'>, type: Metric['type']): Metric {
    return metric({ name, type, help, labels: this.#labels, source: this.#family.file, unit });
  }

  #labelReader(table: Table, database: string): (row: Row) => string[] {
    const own = this.#family.columns.flatMap((column) => (column.kind === 'label' ? [column] : []));
    const cells = own.map(({ column }) => labelReader(table, column, this.#family.reading));
    const before = this.#labels.length > own.length ? [database] : [];
    return (row) => [...before, ...cells.map((read) => read(row))];
  }

  #ownReaders(table: Table, leftOut: LeftOut): ReadSamples[] {
    return [...this.#declared].flatMap(([column, declared]) => {
      if (columnsOf(column).some((name) => indexOf(table, name) === undefined)) return [];
      const isStrict = this.#family.reading === 'strict';
      const read =
        column.kind === 'value'
          ? valueReader(table, column, declared)
          : histogramReader(table, column, declared, isStrict);
      return [leftOut.guard(column.column, read)];
    });
  }

  /** As postgres_exporter does: what is a number is shown, without a type. */
  #otherReaders(table: Table, leftOut: LeftOut): ReadSamples[] {
    const { prefix, columns, otherColumns, isTaken } = this.#family;
    if (otherColumns === 'ignored') return [];
    const described = new Set(columns.flatMap(columnsOf));
    return table.columns.flatMap(({ name: column, typeId }, index) => {
      const name = `${prefix}_${column}`;
      if (described.has(column) || indexOf(table, column) !== index) return [];
      if (!metricNamePattern.test(name) || isTaken?.(name) === true) {
        leftOut.note(
          `column "${column}" is left out: ${name} is ${isTaken?.(name) ? 'taken' : 'no name for a metric'}`,
        );
        return [];
      }
      const declared = this.#others.get(column) ?? this.#declare(unknownMetric(name, prefix), 'unknown');
      this.#others.set(column, declared);
      return [
        leftOut.guard(
          column,
          numberReader((row) => row[index] ?? null, holdingOf(typeId), declared),
        ),
      ];
    });
  }

  /** Rows may share their labels as long as each metric has a value in one of them only. */
  #requireDistinct(samples: readonly Sample[]): void {
    const seen = new Set<string>();
    for (const { metric: declared, labelValues, suffix, extraLabel } of samples) {
      const key = JSON.stringify([declared.name, labelValues, suffix, extraLabel]);
      if (seen.has(key)) {
        const labels = this.#labels
          .map((label, index) => `${label}="${shortened(labelValues[index] ?? '')}"`)
          .join(', ');
        const which = labels === '' ? 'but no label' : `with the same labels (${labels})`;
        throw this.#wrong(`two rows ${which}: group them, or make another column a label`);
      }
      seen.add(key);
    }
  }

  #wrong(what: string): Error {
    const { name, file, line } = this.#family;
    return new Error(`${file}:${line}: "${name}": ${what}`);
  }
}

function unknownMetric(name: string, prefix: string) {
  return { name, help: `Unknown metric from ${prefix}`, unit: '' };
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** Whether any labels came twice. */
class RepeatedLabels {
  found = false;
  readonly #seen = new Set<string>();

  add(labelValues: readonly string[]): void {
    const key = JSON.stringify(labelValues);
    if (this.#seen.has(key)) this.found = true;
    this.#seen.add(key);
  }
}
