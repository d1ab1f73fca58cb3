import type { WorkContext } from '../../core/work-context.ts';
import { NotApplicable } from '../collector.ts';
import { type PostgresSource, readRows } from './source.ts';

export interface Extension {
  /** Must stand in the statement: with a fixed search path nothing of the extension is found otherwise. */
  readonly schema: string;
  /** `1.10` → 10: it names what there is; after pg_upgrade it stays old until ALTER EXTENSION … UPDATE. */
  readonly minor: number;
}

const sql = `
SELECT n.nspname AS schema, split_part(e.extversion, '.', 2) AS minor
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = $1`;

/** Throws NotApplicable where it is not installed in the database of the session. */
export async function findExtension(name: string, source: PostgresSource, context: WorkContext): Promise<Extension> {
  const [row] = await readRows(source, sql, context, [name]);
  if (row === undefined) throw new NotApplicable(`the extension ${name} is not installed in this database`);
  return { schema: row['schema'] ?? '', minor: Number(row['minor']) };
}
