import type { Row } from '../../targets/libpq/client-session.ts';
import { numberOf } from './columns.ts';

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

/** Sum of a column; undefined where the version has no such column. */
export function sumOf(rows: readonly Row[], column: string): number | undefined {
  const values = rows.map((row) => numberOf(row, [column])).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}

/** `TLSv1.3/TLS_AES_256_GCM_SHA384/ECDH=prime256v1` → `TLSv1.3`; empty without TLS. */
export function tlsVersionOf(row: Row): string {
  return (row['tls'] ?? '').split('/')[0] ?? '';
}
