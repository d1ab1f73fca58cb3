import type { PostgresSession } from '../../targets/postgres/session.ts';
import type { Fact } from '../manifest.ts';
import { factLabel } from './fact-label.ts';
import { qualifiedName } from './postgres-facts.ts';
import type { Scope } from './selection.ts';

/**
 * How many rows of their users' the tables of extensions hold (`pg_extension_config_dump`): a dump holds those that fit the
 * extension's condition, and the extension makes the others. Their content is not compared: another version of the extension
 * may give the table other columns.
 */
export async function extensionTableFacts(
  session: PostgresSession,
  scope: Scope,
  options: { readonly signal: AbortSignal; readonly afterEach?: () => Promise<unknown> },
): Promise<Fact[]> {
  if (!scope.hasData || scope.isChosen) return [];
  const tables = await session.query(
    `SELECT n.nspname AS schema, x.relname AS name, c.condition, x.relpersistence = 'u' AND pg_is_in_recovery() AS empty
       FROM pg_extension e CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) AS c (oid, condition)
       JOIN pg_class x ON x.oid = c.oid JOIN pg_namespace n ON n.oid = x.relnamespace
      WHERE x.relkind = 'r' ORDER BY 1, 2`,
    { signal: options.signal },
  );
  const facts: Fact[] = [];
  for (const row of tables) {
    const table = { schema: row['schema'] ?? '', name: row['name'] ?? '' };
    if (!scope.hasRowsOf(table)) continue;
    // As pg_dump puts it together: the condition is the rest of a statement.
    const condition = row['empty'] === 't' ? 'WHERE false' : (row['condition'] ?? '');
    const kept = `SELECT 1 FROM ONLY ${qualifiedName(table)} ${condition}`;
    const [counted] = await session.query(`SELECT count(*) AS rows FROM (${kept}) AS kept`, { signal: options.signal });
    await options.afterEach?.();
    const label = factLabel(table.schema, table.name);
    facts.push({ name: `rows ${label}`, value: counted?.['rows'] ?? '', compare: 'equal' });
  }
  return facts;
}
