import type { PostgresSession } from '../../targets/postgres/session.ts';
import { firstUserOid, relationOf } from './definitions/kind.ts';
import type { Scope } from './selection.ts';

/** Something that a selection holds, and something that this cannot be made without and that is not in it. */
export interface OutsideNeed {
  /** `table public.orders`, or that which stands on it: `trigger stamp on public.orders`. */
  readonly needing: string;
  /** `type shared.state`. */
  readonly needed: string;
}

/** What stands on no relation and has a schema of its own. */
const schemaObjects = [
  'pg_proc',
  'pg_type',
  'pg_operator',
  'pg_opclass',
  'pg_opfamily',
  'pg_collation',
  'pg_conversion',
]
  .map((catalog) => `'${catalog}'::regclass`)
  .join(', ');

/** Those that lead out hinder no restore: they are left out of it, see foreign-keys.ts. */
const isForeignKey =
  "d.classid = 'pg_constraint'::regclass AND EXISTS (SELECT FROM pg_constraint f WHERE f.oid = d.objid AND f.contype = 'f')";

/** A dump attaches a partition to the table that it is one of. */
const isPartition = `(d.deptype = 'a' AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
    AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = d.objid AND i.inhparent = d.refobjid))`;

/** The row type of a table, or an array of it, is there when the table is. */
const ofRowType = `(SELECT c.oid FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typlen = -1
    JOIN pg_class c ON c.oid IN (t.typrelid, e.typrelid) AND c.relkind <> 'c' WHERE t.oid = d.refobjid)`;

/**
 * What a selection needs of what it leaves out, as the catalog of dependencies knows it: it restores only where that is already. What
 * extensions make comes along; what the text of a function names the server does not know.
 */
export async function outsideNeeds(
  session: PostgresSession,
  scope: Scope,
  signal: AbortSignal,
): Promise<readonly OutsideNeed[]> {
  const rows = await session.query(
    `SELECT DISTINCT coalesce(dn.nspname, i.schema) AS schema, dc.relname AS relation, i.type || ' ' || i.identity AS needing,
            coalesce(rn.nspname, j.schema) AS other_schema, rc.relname AS other_relation, j.type || ' ' || j.identity AS needed
       FROM (SELECT d.classid, d.objid, d.refclassid, d.refobjid,
                    CASE d.classid WHEN 'pg_attrdef'::regclass THEN (SELECT adrelid FROM pg_attrdef WHERE oid = d.objid)
                                   ELSE ${relationOf('d.classid', 'd.objid')} END AS relid,
                    CASE d.refclassid WHEN 'pg_type'::regclass THEN ${ofRowType}
                                      ELSE ${relationOf('d.refclassid', 'd.refobjid')} END AS other_relid
               FROM pg_depend d
              WHERE (d.deptype = 'n' OR ${isPartition}) AND d.objid >= ${firstUserOid} AND d.refobjid >= ${firstUserOid}
                AND d.refclassid NOT IN ('pg_namespace'::regclass, 'pg_extension'::regclass) AND NOT (${isForeignKey})
                AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e')
            ) AS d
      CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS i
      CROSS JOIN LATERAL pg_identify_object(d.refclassid, d.refobjid, 0) AS j
       LEFT JOIN pg_class dc ON dc.oid = d.relid LEFT JOIN pg_namespace dn ON dn.oid = dc.relnamespace
       LEFT JOIN pg_class rc ON rc.oid = d.other_relid LEFT JOIN pg_namespace rn ON rn.oid = rc.relnamespace
      WHERE dc.oid IS NOT NULL OR d.classid IN (${schemaObjects})
      ORDER BY needing, needed`,
    { signal },
  );
  return rows.flatMap((row) => {
    const isIn = scope.has(row['schema'] ?? null, row['relation'] ?? null);
    if (!isIn || scope.has(row['other_schema'] ?? null, row['other_relation'] ?? null)) return [];
    return [{ needing: row['needing'] ?? '', needed: row['needed'] ?? '' }];
  });
}
