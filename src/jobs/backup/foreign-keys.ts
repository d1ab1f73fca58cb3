import { nameSome } from '../../core/name-some.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import type { Selection } from '../manifest.ts';
import { notExtensionOwned, userSchema } from './definitions/kind.ts';
import { factLabel } from './fact-label.ts';
import type { Scope } from './selection.ts';

/** A foreign key by its table and its name, as they are, without quotes. */
export type ForeignKeyName = NonNullable<Selection['withoutForeignKeys']>[number];

interface ForeignKey {
  readonly key: ForeignKeyName;
  readonly referring: string;
  readonly referred: string;
  /** Whether its rows are checked when it is made. */
  readonly isValidated: boolean;
}

/** What of a table, with all its partitions, a backup holds. */
interface Held {
  hasAllTables: boolean;
  hasAllRows: boolean;
  hasSomeRows: boolean;
}

/**
 * Foreign keys that pg_dump writes for a selection although nobody could make them from it: to a table that is not in it, or to
 * rows that are not. No table is locked.
 */
export async function impossibleForeignKeys(
  session: PostgresSession,
  scope: Scope,
  signal: AbortSignal,
): Promise<ForeignKeyName[]> {
  const keys = (await foreignKeys(session, signal)).filter(({ key }) => scope.has(key.schema, key.table));
  if (keys.length === 0) return [];
  const held = await heldTables(session, scope, signal);
  const isPossible = ({ referring, referred, isValidated }: ForeignKey) => {
    const to = held.get(referred) ?? nothingToHold;
    if (!to.hasAllTables) return false;
    return !isValidated || to.hasAllRows || held.get(referring)?.hasSomeRows !== true;
  };
  return keys.filter((key) => !isPossible(key)).map(({ key }) => key);
}

/** A table that an extension makes is there with what the extension puts into it. */
const nothingToHold: Readonly<Held> = { hasAllTables: true, hasAllRows: true, hasSomeRows: false };

/** Those that a dump may have; clones on partitions come with that of the table. */
const dumpedForeignKeys = `
  SELECT n.nspname, t.relname, x.conname, x.conrelid, x.confrelid, x.convalidated
    FROM pg_constraint x JOIN pg_class t ON t.oid = x.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
   WHERE x.contype = 'f' AND x.conparentid = 0 AND ${userSchema('t.relnamespace')} AND ${notExtensionOwned('pg_constraint')}`;

async function foreignKeys(session: PostgresSession, signal: AbortSignal): Promise<ForeignKey[]> {
  const rows = await session.query(
    `SELECT k.nspname AS schema, k.relname AS "table", k.conname AS name, k.conrelid AS referring, k.confrelid AS referred,
            k.convalidated AS validated FROM (${dumpedForeignKeys}) AS k ORDER BY 1, 2, 3`,
    { signal },
  );
  return rows.map((row) => ({
    key: { schema: row['schema'] ?? '', table: row['table'] ?? '', name: row['name'] ?? '' },
    referring: row['referring'] ?? '',
    referred: row['referred'] ?? '',
    isValidated: row['validated'] === 't',
  }));
}

/** By oid, of each table that has a foreign key or is referred to. `pg_partition_tree` would lock the partitions until the backup ends. */
async function heldTables(
  session: PostgresSession,
  scope: Scope,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Held>> {
  const rows = await session.query(
    `WITH RECURSIVE keys AS MATERIALIZED (${dumpedForeignKeys}),
            tree (root, oid) AS (
              SELECT conrelid, conrelid FROM keys UNION SELECT confrelid, confrelid FROM keys UNION ALL
              SELECT tree.root, i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid JOIN pg_class c ON c.oid = i.inhrelid
               WHERE c.relispartition)
     SELECT tree.root, n.nspname AS schema, x.relname AS name
       FROM tree JOIN pg_class x ON x.oid = tree.oid JOIN pg_namespace n ON n.oid = x.relnamespace
      WHERE ${notExtensionOwned('pg_class')}`,
    { signal },
  );
  const held = new Map<string, Held>();
  for (const { root, schema, name } of rows) {
    const of = held.get(root ?? '') ?? { ...nothingToHold };
    held.set(root ?? '', of);
    const hasRows = scope.hasRowsOf({ schema: schema ?? '', name: name ?? '' });
    of.hasAllTables &&= scope.has(schema ?? '', name ?? '');
    of.hasAllRows &&= hasRows;
    of.hasSomeRows ||= hasRows;
  }
  return held;
}

/** For who reads a proof or a restore; empty when nothing was left out. */
export function foreignKeyNotes(selection: Selection | undefined): readonly string[] {
  const left = nameForeignKeys(selection);
  return left === '' ? [] : [`not made are foreign keys to what the backup does not hold: ${left}`];
}

/** Those that are left out, the first by name; empty when none are. */
export function nameForeignKeys({ withoutForeignKeys = [] }: Partial<Selection> = {}): string {
  return nameSome(withoutForeignKeys.map(({ schema, table, name }) => `${name} of ${factLabel(schema, table)}`));
}
