import type { Metric, Sample } from '../../core/metric.ts';
import type { Row } from '../../targets/libpq/client-session.ts';
import { numberOf } from './columns.ts';
import { type Limited, limit } from './limit.ts';

/** Rows that have the same values in some columns. */
export interface Group {
  readonly labelValues: readonly string[];
  readonly rows: readonly Row[];
}

/** Puts rows together by the values of `keyOf`, in the order in which they first appear. */
export function groupBy(rows: readonly Row[], keyOf: (row: Row) => readonly string[]): Group[] {
  const groups = new Map<string, { labelValues: readonly string[]; rows: Row[] }>();
  for (const row of rows) {
    const labelValues = keyOf(row);
    const key = JSON.stringify(labelValues);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { labelValues, rows: [row] });
    else group.rows.push(row);
  }
  return [...groups.values()];
}

/** The database and the user of a connection. */
export function poolOf(row: Row): readonly [database: string, user: string] {
  return [row['database'] ?? '', row['user'] ?? ''];
}

/** Connections by pool: those pools that have the most. */
export function limitPools(collector: string, rows: readonly Row[], most: number): Limited<Group> {
  return limit(collector, groupBy(rows, poolOf), { limit: most, importanceOf: (pool) => pool.rows.length });
}

/** A sample with the sum of a column; none where the version has no such column. */
export function summed(metric: Metric, { labelValues, rows }: Group, column: string): Sample[] {
  const values = rows.map((row) => numberOf(row, [column])).filter((value) => value !== undefined);
  return values.length === 0 ? [] : [{ metric, labelValues, value: values.reduce((sum, value) => sum + value, 0) }];
}

/** `TLSv1.3/TLS_AES_256_GCM_SHA384/ECDH=prime256v1` → `TLSv1.3`; empty without TLS. */
export function tlsVersionOf(row: Row): string {
  return (row['tls'] ?? '').split('/')[0] ?? '';
}
