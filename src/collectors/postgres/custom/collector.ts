import { errorCode } from '../../../core/errors.ts';
import { type Metric, metric, type Sample, sample } from '../../../core/metric.ts';
import type { WorkContext } from '../../../core/work-context.ts';
import type { Row, Settings } from '../../../targets/postgres/session.ts';
import { NotApplicable, NotPermitted } from '../../collector.ts';
import { rowsDropped } from '../../scrape-metrics.ts';
import { isSelected } from '../databases.ts';
import type { PostgresCollector, PostgresSource } from '../source.ts';
import type { CustomFamily, HistogramColumn, ValueColumn } from './family.ts';
import { goDurationMs, NoNumber, toNumber, toNumbers } from './values.ts';
import { fitsVersion } from './versions.ts';

/** The label that says in which database a family of scope `database` was collected, unless it has one of that name. */
const databaseLabel = 'datname';

/** A family that a user wrote, as one of ours. */
export function customCollector(family: CustomFamily): PostgresCollector {
  const reader = new RowReader(family);
  const { name, scope, intervalMs } = family;
  return {
    name,
    about: `From ${family.file}.`,
    scope,
    metrics: reader.metrics,
    ...(family.otherColumns === 'untyped'
      ? { openNames: { prefix: `${name}_`, help: 'Columns that the file does not describe.', source: family.file } }
      : {}),
    enabledByDefault: true,
    ...(intervalMs === undefined ? {} : { minIntervalMs: intervalMs }),
    async collect(source, context) {
      const rows = await runStatement(family, source, context);
      const { database } = source.session;
      const shown = rows.slice(0, family.rowLimit);
      const datname = scope === 'database' ? database : '';
      return [
        ...shown.flatMap((row) => reader.samplesOf(row, database)),
        sample(rowsDropped, rows.length - shown.length, { collector: name, datname }),
      ];
    },
  };
}

/**
 * In a transaction that may only read, with the search path the user's SQL expects; both end with it, so that nothing of
 * them is left for our own families. The extended protocol refuses more than one statement.
 */
async function runStatement(family: CustomFamily, { session }: PostgresSource, context: WorkContext): Promise<Row[]> {
  const { scope, databases } = family;
  if (scope === 'database' && !isSelected({ include: [...databases], exclude: [] }, session.database)) {
    throw new NotApplicable('not for this database');
  }
  const statement = family.statements.find(({ versions }) => fitsVersion(versions, session.version));
  if (statement === undefined) throw new NotApplicable('not for this version of the server');
  try {
    return await session.query(statement.sql, { signal: context.signal, values: [], settings: settingsOf(family) });
  } catch (error) {
    throw explained(family, error);
  }
}

function settingsOf({ searchPath, timeoutMs }: CustomFamily): Settings {
  return {
    search_path: searchPath,
    datestyle: 'ISO',
    ...(timeoutMs === undefined ? {} : { statement_timeout: String(Math.ceil(timeoutMs)) }),
  };
}

/** SQLSTATE insufficient_privilege. */
const forbidden = '42501';

function explained(family: CustomFamily, error: unknown): Error {
  const where = `the statement of "${family.name}" in ${family.file} fails`;
  const position = (error as { readonly position?: string }).position;
  const place = position === undefined ? '' : ` at its character ${position}`;
  if (errorCode(error) === forbidden) return new NotPermitted(`${where}: the role may not do this`, { cause: error });
  return new Error(where + place, { cause: error });
}

/** Makes samples of rows. */
class RowReader {
  readonly metrics: readonly Metric[];
  readonly #family: CustomFamily;
  readonly #labels: readonly string[];
  readonly #metricOf = new Map<string, Metric>();
  readonly #described: ReadonlySet<string>;
  readonly #hasDatabaseLabel: boolean;

  constructor(family: CustomFamily) {
    this.#family = family;
    const own = family.columns.flatMap(({ kind, column }) => (kind === 'label' ? [column] : []));
    this.#hasDatabaseLabel = own.includes(databaseLabel);
    this.#labels = family.scope === 'database' && !this.#hasDatabaseLabel ? [databaseLabel, ...own] : own;
    for (const column of family.columns) {
      if (column.kind === 'value') this.#metricOf.set(column.column, this.#declare(column, column.type));
      if (column.kind === 'histogram') this.#metricOf.set(column.column, this.#declare(column, 'histogram'));
    }
    this.metrics = [...this.#metricOf.values()];
    this.#described = describedColumns(family);
  }

  samplesOf(row: Row, database: string): Sample[] {
    const labelValues = this.#labels.map((label) => this.#labelOf(row, label, database));
    return [...this.#ownSamples(row, labelValues), ...this.#otherSamples(row, labelValues)];
  }

  #declare(column: ValueColumn | HistogramColumn, type: Metric['type']): Metric {
    const { name, help, unit } = column;
    return metric({ name, type, help, labels: this.#labels, source: this.#family.file, unit });
  }

  #labelOf(row: Row, label: string, database: string): string {
    if (label === databaseLabel && !this.#hasDatabaseLabel) return database;
    const value = row[label];
    if (value === undefined) throw this.#wrong(label, 'is not in the result');
    return value ?? '';
  }

  #ownSamples(row: Row, labelValues: readonly string[]): Sample[] {
    return this.#family.columns.flatMap((column) => {
      const declared = this.#metricOf.get(column.column);
      if (declared === undefined) return [];
      const given = { metric: declared, labelValues };
      if (column.kind === 'value') return this.#tolerant(column.column, () => valueSamples(row, column, given));
      if (column.kind === 'histogram') return this.#tolerant(column.column, () => histogramSamples(row, column, given));
      return [];
    });
  }

  /** As postgres_exporter does: what is a number is shown, without a type. */
  #otherSamples(row: Row, labelValues: readonly string[]): Sample[] {
    const { name, otherColumns, takenNames, file } = this.#family;
    if (otherColumns === 'ignored') return [];
    return Object.entries(row).flatMap(([column, text]) => {
      const metricName = `${name}_${column}`;
      if (this.#described.has(column) || text === null || takenNames?.has(metricName)) return [];
      return this.#tolerant(column, () => {
        const value = toNumber(text);
        if (Number.isNaN(value)) return [];
        const known = this.#metricOf.get(column);
        const help = `Unknown metric from ${name}`;
        const unknown =
          known ?? metric({ name: metricName, type: 'unknown', help, labels: this.#labels, source: file, unit: '' });
        this.#metricOf.set(column, unknown);
        return [{ metric: unknown, labelValues, value }];
      });
    });
  }

  #tolerant(column: string, read: () => Sample[]): Sample[] {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof NoNumber)) throw error;
      if (this.#family.badValues === 'left out') return [];
      throw this.#wrong(column, error.message);
    }
  }

  #wrong(column: string, what: string): Error {
    const { name, file } = this.#family;
    return new Error(`column "${column}" of "${name}" in ${file} ${what}`);
  }
}

function describedColumns({ columns }: CustomFamily): ReadonlySet<string> {
  const names = columns.flatMap(({ kind, column }) =>
    kind === 'histogram' ? [column, `${column}_bucket`, `${column}_sum`, `${column}_count`] : [column],
  );
  return new Set(names);
}

type SampleBase = Pick<Sample, 'metric' | 'labelValues'>;

/** None for NULL and for what is not a number by its own will. */
function valueSamples(row: Row, { column, factor, values, isDuration }: ValueColumn, base: SampleBase): Sample[] {
  const text = row[column];
  if (text === undefined) throw new NoNumber('is not in the result');
  if (text === null) return [];
  const value = isDuration === true ? goDurationMs(text) : (mapped(text, values) ?? toNumber(text));
  return Number.isNaN(value) ? [] : [{ ...base, value: value * factor }];
}

function mapped(text: string, values: ValueColumn['values']): number | undefined {
  if (values === undefined) return undefined;
  const value = values[text];
  if (value === undefined) throw new NoNumber('holds a text for which no number is given');
  return value;
}

function histogramSamples(row: Row, { column }: HistogramColumn, base: SampleBase): Sample[] {
  const text = (suffix: string) => {
    const value = row[column + suffix];
    if (value === undefined) throw new NoNumber(`needs a column "${column}${suffix}"`);
    return value;
  };
  const [bounds, counts, sum, count] = ['', '_bucket', '_sum', '_count'].map(text);
  if (bounds == null || counts == null || sum == null || count == null) return [];
  const perBucket = toNumbers(counts);
  const buckets = toNumbers(bounds).filter((bound) => bound !== Number.POSITIVE_INFINITY);
  const total = toNumber(count);
  const bucket = (le: string, value: number): Sample => ({ ...base, suffix: '_bucket', extraLabel: ['le', le], value });
  return [
    ...buckets.flatMap((bound, index) => {
      const value = perBucket[index];
      return value === undefined ? [] : [bucket(String(bound), value)];
    }),
    bucket('+Inf', total),
    { ...base, suffix: '_sum', value: toNumber(sum) },
    { ...base, suffix: '_count', value: total },
  ];
}
