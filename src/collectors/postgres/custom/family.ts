import type { MetricType } from '../../../core/metric.ts';
import type { VersionRange } from './versions.ts';

/** A family that a user wrote, whichever format the file has. */
export interface CustomFamily {
  /** The key in `watch.collectors` and the value of the label `collector`. */
  readonly name: string;
  /** Begins the names of metrics that have none of their own. */
  readonly prefix: string;
  /** Absolute path of the file it stands in, and where in it. */
  readonly file: string;
  readonly line: number;
  readonly scope: 'server' | 'database';
  /** The first whose versions fit the server is run; none: the family does not apply. */
  readonly statements: readonly CustomStatement[];
  readonly columns: readonly CustomColumn[];
  /** What becomes of columns that the file does not describe. */
  readonly otherColumns: 'ignored' | 'untyped';
  /**
   * `strict`: a column that is missing, twice there or of the wrong type fails the family. `tolerant`: what is a number is shown
   * and everything else left out, as postgres_exporter does.
   */
  readonly reading: 'strict' | 'tolerant';
  /** Databases (patterns) that a family of scope `database` looks into, among those that are watched. */
  readonly databases: readonly string[];
  readonly intervalMs: number | undefined;
  /** Ends the statement earlier than `watch.statementTimeout`. */
  readonly timeoutMs: number | undefined;
  /** Rows shown. */
  readonly rowLimit: number;
  readonly searchPath: string;
  /** Names that columns which are not described do not take, because others have them. */
  readonly isTaken?: (name: string) => boolean;
}

export interface CustomStatement {
  readonly versions: VersionRange;
  readonly sql: string;
  readonly place: TextPlace;
}

/** Where a text of several lines begins in its file. */
export interface TextPlace {
  readonly line: number;
  /** Each of its lines is one of the file. */
  readonly isVerbatim: boolean;
}

export type CustomColumn = LabelColumn | IgnoredColumn | ValueColumn | HistogramColumn;

export interface LabelColumn {
  readonly kind: 'label';
  readonly column: string;
  readonly name: string;
}

export interface IgnoredColumn {
  readonly kind: 'ignored';
  readonly column: string;
}

interface DescribedColumn {
  readonly column: string;
  readonly name: string;
  readonly help: string;
  readonly unit: string;
}

export interface ValueColumn extends DescribedColumn {
  readonly kind: 'value';
  readonly type: Extract<MetricType, 'gauge' | 'counter'>;
  /**
   * `number`: or a truth value. `instant` and `interval` become seconds; `duration` is a text such as `1h30m`, in milliseconds, as
   * postgres_exporter has it.
   */
  readonly holds: 'number' | 'instant' | 'interval' | 'duration';
  readonly factor: number;
  /** Numbers for texts. */
  readonly values?: Readonly<Record<string, number>>;
}

/** Bounds in the column itself, counts in `<column>_bucket` (both arrays), and `<column>_sum`, `<column>_count`. */
export interface HistogramColumn extends DescribedColumn {
  readonly kind: 'histogram';
}

export type MetricColumn = ValueColumn | HistogramColumn;

export function metricColumns({ columns }: Pick<CustomFamily, 'columns'>): MetricColumn[] {
  return columns.filter((column) => column.kind === 'value' || column.kind === 'histogram');
}

/** The type of the metric that the column becomes. */
export function typeOfColumn(column: MetricColumn): Extract<MetricType, 'gauge' | 'counter' | 'histogram'> {
  return column.kind === 'histogram' ? 'histogram' : column.type;
}

/** Every name that the column's samples have. */
export function namesOfColumn({ kind, name }: MetricColumn): string[] {
  return kind === 'histogram' ? [name, ...histogramParts.map((part) => name + part)] : [name];
}

/** What the columns that belong to a histogram end in, and the metrics made of them. */
export const histogramParts = ['_bucket', '_sum', '_count'] as const;

/** The result's columns that a column of the file speaks of. */
export function columnsOf(column: CustomColumn): string[] {
  return column.kind === 'histogram'
    ? [column.column, ...histogramParts.map((part) => column.column + part)]
    : [column.column];
}
