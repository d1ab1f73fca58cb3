import type { PostgresSession } from '../../targets/postgres/session.ts';
import type { SampledTable } from '../manifest.ts';
import { largeObjectTable, notExtensionOwned, userSchema } from './definitions/kind.ts';

/**
 * Tables larger than `aboveBytes`, of which about that much is fingerprinted. A row is chosen by a hash of its primary
 * key, else of its columns that are short by their type: both sides find the same rows, which TABLESAMPLE does not. The
 * whole table is still read to count its rows, but what is stored aside (TOAST) is read of the chosen ones alone. A table
 * without such columns is fingerprinted whole.
 */
export async function chooseSamples(
  session: PostgresSession,
  aboveBytes: number,
  signal: AbortSignal,
): Promise<SampledTable[]> {
  const rows = await session.query(
    `SELECT o.schema, o.name, o.size, to_json(coalesce(o.key, o.short)) AS key
       FROM (SELECT n.nspname AS schema, x.relname AS name, pg_table_size(x.oid) AS size,
               (SELECT array_agg(a.attname ORDER BY a.attname) FROM pg_index i
                  JOIN pg_attribute a ON a.attrelid = x.oid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = x.oid AND i.indisprimary) AS key,
               (SELECT array_agg(a.attname ORDER BY a.attname) FROM pg_attribute a
                 WHERE a.attrelid = x.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attlen > 0) AS short
               FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace
              WHERE x.relkind = 'r' AND x.relpersistence <> 't' AND NOT (x.relpersistence = 'u' AND pg_is_in_recovery())
                AND ${userSchema('x.relnamespace')} AND ${notExtensionOwned('pg_class')}
              UNION ALL
             SELECT '${largeObjectTable.schema}', '${largeObjectTable.name}', pg_table_size('pg_largeobject'), ARRAY['loid']::name[], NULL) AS o
      WHERE o.size > ${aboveBytes} AND coalesce(o.key, o.short) IS NOT NULL
      ORDER BY 1, 2`,
    { signal },
  );
  return rows.map((row) => ({
    schema: row['schema'] ?? '',
    name: row['name'] ?? '',
    oneIn: Math.max(2, Math.round(Number(row['size']) / aboveBytes)),
    key: JSON.parse(row['key'] ?? '[]') as string[],
  }));
}
