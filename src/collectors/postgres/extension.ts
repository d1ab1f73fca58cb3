import type { WorkContext } from '../../core/work-context.ts';
import { quoteIdentifier } from '../../targets/postgres/session.ts';
import { NotApplicable } from '../collector.ts';
import { type PostgresSource, readRows } from './source.ts';

export interface Extension {
  /** Must stand in the statement: with a fixed search path nothing of the extension is found otherwise. */
  readonly schema: string;
  /** `1.10` → 10: it names what there is; after pg_upgrade it stays old until ALTER EXTENSION … UPDATE. */
  readonly minor: number;
}

const sql = `
SELECT n.nspname AS schema, split_part(e.extversion, '.', 2) AS minor,
       has_schema_privilege(n.oid, 'USAGE') AS usable
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
 WHERE e.extname = $1`;

/** Throws NotApplicable where it is not installed in the database of the session, and what to grant where its schema is closed to the role. */
export async function findExtension(name: string, source: PostgresSource, context: WorkContext): Promise<Extension> {
  const [row] = await readRows(source, sql, context, [name]);
  if (row === undefined) throw new NotApplicable(`the extension ${name} is not installed in this database`);
  const schema = row['schema'] ?? '';
  if (row['usable'] !== 't') {
    throw new Error(
      `the role may not use the extension ${name}: GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} to it`,
    );
  }
  return { schema, minor: Number(row['minor']) };
}
