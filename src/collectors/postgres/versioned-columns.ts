import { type MetricType, metric } from '../../core/metric.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import type { ColumnMetric } from './columns.ts';

/** A column that not every version of PostgreSQL has. Versions as `server_version_num`. */
export interface VersionedColumn extends ColumnMetric {
  /** SQL that gives the value; the column itself when absent. */
  readonly expression?: string;
  readonly since?: number;
  readonly before?: number;
}

/** What the metrics of one view have in common. */
export interface View<L extends string> {
  /** Begins their names. */
  readonly prefix: string;
  /** Where the values come from, as the reference page names it. */
  readonly name: string;
  readonly labels: readonly L[];
  /** Default: `counter` for names that end in `_total`, `gauge` for all others. */
  readonly type?: MetricType;
}

export interface ColumnDefinition extends Pick<VersionedColumn, 'expression' | 'factor' | 'since' | 'before'> {
  readonly help: string;
  readonly unit: string;
  readonly type?: MetricType;
  /** The suffix of the metric's name when absent. */
  readonly column?: string;
  /** `<view>.<column>` when absent. */
  readonly source?: string;
}

/** Gives a function that declares `<prefix>_<suffix>` for a column of the view. */
export function metricsOf<const L extends string>(view: View<L>) {
  return (suffix: string, definition: ColumnDefinition): VersionedColumn => {
    const name = `${view.prefix}_${suffix}`;
    const { column = suffix, help, unit, source = `${view.name}.${column}`, type, ...rest } = definition;
    const byName = name.endsWith('_total') ? 'counter' : 'gauge';
    const declared = metric({ name, type: type ?? view.type ?? byName, help, labels: view.labels, source, unit });
    return { ...rest, column, metric: declared };
  };
}

/** Those that the server of the session has. */
export function columnsIn<C extends VersionedColumn>({ version }: PostgresSession, columns: readonly C[]): C[] {
  return columns.filter(({ since = 0, before = Number.POSITIVE_INFINITY }) => version >= since && version < before);
}

/** What to SELECT for the columns, each of them once; `alias` stands before those without an expression of their own. */
export function selectList(columns: readonly VersionedColumn[], alias: string): string {
  const list = columns.map(({ column, expression = `${alias}.${column}` }) => [column, `${expression} AS ${column}`]);
  return [...new Map(list as [string, string][]).values()].join(', ');
}
