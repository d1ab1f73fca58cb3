import type { Row } from '../../../targets/postgres/session.ts';
import { quoteLiteral as literal } from '../../../targets/postgres/session.ts';
import { notExtensionOwned, userSchema } from '../../backup/definitions/kind.ts';
import { factLabel } from '../../backup/fact-label.ts';
import type { LiveSide } from '../live-side.ts';

export interface DescribedColumn {
  readonly name: string;
  /**
   * As a cast names it, of a domain that which it stands for: no constraint is to refuse a key, nor a length to cut it off.
   */
  readonly type: string;
  /** The same in pg_type, e.g. `int4`. */
  readonly base: string;
  /** An array or a row: a value of several. */
  readonly isComposed: boolean;
}

/** A table as SELECT reads it: with its partitions and heirs. */
export interface DescribedTable {
  readonly schema: string;
  readonly name: string;
  readonly label: string;
  readonly columns: ReadonlyMap<string, DescribedColumn>;
  /** Column lists of its unique indexes, each sorted; expressions and partial indexes are none. */
  readonly uniqueOver: readonly (readonly string[])[];
  /** As the planner knows it; below 0 where it does not. */
  readonly estimatedRows: number;
}

/** Plain and partitioned tables of users; partitions only by their table. By `schema.table`. */
export async function describeTables(side: LiveSide): Promise<readonly DescribedTable[]> {
  const rows = await side.query(
    `SELECT n.nspname AS schema, x.relname AS name, x.reltuples::bigint AS rows,
            (SELECT json_agg(json_build_array(a.attname, format_type(b.oid, -1), b.typname, b.typtype = 'c' OR b.typcategory = 'A') ORDER BY a.attnum)
               FROM pg_attribute a, LATERAL (${baseType}) b
              WHERE a.attrelid = x.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
            (SELECT json_agg(ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attnum = ANY (i.indkey) ORDER BY 1))
               FROM pg_index i
              WHERE i.indrelid = x.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL) AS keys
       FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace
      WHERE x.relkind IN ('r', 'p') AND NOT x.relispartition AND x.relpersistence <> 't'
        AND ${userSchema('x.relnamespace')} AND ${notExtensionOwned('pg_class')}
      ORDER BY 1, 2`,
  );
  return rows.map(toTable);
}

/** A domain may stand for a domain. */
const baseType = `
  WITH RECURSIVE base AS (
    SELECT t.oid, t.typname, t.typtype, t.typcategory, t.typbasetype FROM pg_type t WHERE t.oid = a.atttypid
     UNION ALL
    SELECT t.oid, t.typname, t.typtype, t.typcategory, t.typbasetype FROM pg_type t JOIN base ON t.oid = base.typbasetype)
  SELECT oid, typname, typtype, typcategory FROM base WHERE typtype <> ${literal('d')}`;

function toTable(row: Row): DescribedTable {
  const columns = JSON.parse(row['columns'] ?? '[]') as [string, string, string, boolean][];
  const [schema, name] = [row['schema'] ?? '', row['name'] ?? ''];
  return {
    schema,
    name,
    label: factLabel(schema, name),
    columns: new Map(columns.map(([own, type, base, isComposed]) => [own, { name: own, type, base, isComposed }])),
    uniqueOver: JSON.parse(row['keys'] ?? '[]') as string[][],
    estimatedRows: Number(row['rows']),
  };
}
