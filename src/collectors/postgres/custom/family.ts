import type { MetricType } from '../../../core/metric.ts';
import type { VersionRange } from './versions.ts';

/** A family that a user wrote, whichever format the file has. */
export interface CustomFamily {
  /** The key in `watch.collectors` and the value of the label `collector`. */
  readonly name: string;
  /** Absolute path of the file it stands in. */
  readonly file: string;
  readonly scope: 'server' | 'database';
  /** The first whose versions fit the server is run; none: the family does not apply. */
  readonly statements: readonly { readonly versions: VersionRange; readonly sql: string }[];
  readonly columns: readonly CustomColumn[];
  /** What becomes of columns that the file does not describe. */
  readonly otherColumns: 'ignored' | 'untyped';
  /** What a value that is no number does: fails the family, or gives no sample. */
  readonly badValues: 'fail' | 'left out';
  /** Databases (patterns) that a family of scope `database` looks into, among those that are watched. */
  readonly databases: readonly string[];
  readonly intervalMs: number | undefined;
  /** Ends the statement earlier than `watch.statementTimeout`. */
  readonly timeoutMs: number | undefined;
  /** Rows shown. */
  readonly rowLimit: number;
  readonly searchPath: string;
  /** Names that other families have: columns that are not described do not take them. */
  readonly takenNames?: ReadonlySet<string>;
}

export type CustomColumn = LabelColumn | IgnoredColumn | ValueColumn | HistogramColumn;

export interface LabelColumn {
  readonly kind: 'label';
  readonly column: string;
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

/** A number, a truth value or an instant. */
export interface ValueColumn extends DescribedColumn {
  readonly kind: 'value';
  readonly type: Extract<MetricType, 'gauge' | 'counter'>;
  readonly factor: number;
  /** Numbers for texts. */
  readonly values?: Readonly<Record<string, number>>;
  /** Text such as `1h30m`, shown in milliseconds, as postgres_exporter does. */
  readonly isDuration?: boolean;
}

/** Bounds in the column itself, counts in `<column>_bucket` (both arrays), and `<column>_sum`, `<column>_count`. */
export interface HistogramColumn extends DescribedColumn {
  readonly kind: 'histogram';
}

/** The metric names that the family's own columns have. */
export function metricNames({ columns }: CustomFamily): string[] {
  return columns.flatMap((column) => (column.kind === 'value' || column.kind === 'histogram' ? [column.name] : []));
}

/** The family without the metrics that others have; undefined when none is left. */
export function withoutNames(family: CustomFamily, taken: ReadonlySet<string>): CustomFamily | undefined {
  const columns = family.columns.map((column): CustomColumn => {
    const isTaken = 'name' in column && taken.has(column.name);
    return isTaken ? { kind: 'ignored', column: column.column } : column;
  });
  const left = { ...family, columns, takenNames: taken };
  return metricNames(left).length === 0 && metricNames(family).length > 0 ? undefined : left;
}
