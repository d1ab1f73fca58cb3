import type { PostgresSession } from '../../targets/postgres/session.ts';
import type { Selection } from '../manifest.ts';
import { notExtensionOwned, userSchema } from './definitions/kind.ts';
import { factLabel } from './fact-label.ts';
import type { Scope } from './selection.ts';

/** A foreign key by its table and its name, as they are, without quotes. */
export type ForeignKeyName = NonNullable<Selection['withoutForeignKeys']>[number];

interface Table {
  readonly schema: string;
  readonly name: string;
}

/**
 * Foreign keys that pg_dump writes for a selection although nobody could make them from it: to a table that is not in it, or to
 * rows that are not.
 */
export async function impossibleForeignKeys(
  session: PostgresSession,
  scope: Scope,
  signal: AbortSignal,
): Promise<ForeignKeyName[]> {
  // A table that an extension makes is there with what the extension puts into it.
  const partsOf = (table: string) =>
    `to_json(ARRAY(SELECT json_build_object('schema', pn.nspname, 'name', p.relname)
       FROM pg_class p JOIN pg_namespace pn ON pn.oid = p.relnamespace
      WHERE (p.oid = ${table} OR p.oid IN (SELECT relid FROM pg_partition_tree(${table}))) AND ${notExtensionOwned('pg_class', 'p.oid')}))`;
  const rows = await session.query(
    `SELECT n.nspname AS schema, t.relname AS "table", x.conname AS name,
            ${partsOf('x.conrelid')} AS referring, ${partsOf('x.confrelid')} AS referred
       FROM pg_constraint x JOIN pg_class t ON t.oid = x.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
      WHERE x.contype = 'f' AND x.conparentid = 0 AND ${userSchema('t.relnamespace')} AND ${notExtensionOwned('pg_constraint')}
      ORDER BY 1, 2, 3`,
    { signal },
  );
  return rows.flatMap(({ schema, table, name, referring, referred }) => {
    if (!schema || !table || !name || !scope.has(schema, table)) return [];
    const isPossible = canBeMade(scope, JSON.parse(referring ?? '[]'), JSON.parse(referred ?? '[]'));
    return isPossible ? [] : [{ schema, table, name }];
  });
}

/** Of partitioned tables with all their partitions. */
function canBeMade(scope: Scope, referring: readonly Table[], referred: readonly Table[]): boolean {
  if (!referred.every(({ schema, name }) => scope.has(schema, name))) return false;
  return !referring.some((table) => scope.hasRowsOf(table)) || referred.every((table) => scope.hasRowsOf(table));
}

const mostNamed = 3;

/** For who reads a proof or a restore; empty when nothing was left out. */
export function foreignKeyNotes(selection: Selection | undefined): readonly string[] {
  const left = selection?.withoutForeignKeys ?? [];
  if (left.length === 0) return [];
  const named = left.slice(0, mostNamed).map(({ schema, table, name }) => `${name} of ${factLabel(schema, table)}`);
  const more = left.length > mostNamed ? ` and ${left.length - mostNamed} more` : '';
  return [`not made are foreign keys to what the backup does not hold: ${named.join(', ')}${more}`];
}
