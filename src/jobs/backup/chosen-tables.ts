import { type PostgresSession, quoteLiteral } from '../../targets/postgres/session.ts';
import { JobFailed } from '../job.ts';
import type { OpenedManifest } from '../manifest.ts';
import { factLabel } from './fact-label.ts';
import type { TableSelection } from './postgres-restore-tables.ts';

/**
 * Rejects when the manifest knows no such table or schema: before anything is fetched, and naming what may be meant. The
 * session only reads names as SQL does; any server will do.
 */
export async function requireChosen(
  session: PostgresSession,
  { facts, selection }: Pick<OpenedManifest, 'facts' | 'selection'>,
  chosen: TableSelection,
  signal: AbortSignal,
): Promise<void> {
  if (selection?.content === 'schema') throw new JobFailed('error', 'the backup holds no rows');
  const labels = new Set(facts.items.flatMap(({ name }) => /^(?:rows|definition) (.*)$/s.exec(name)?.[1] ?? []));
  for (const name of chosen.tables) {
    const parts = await identifiersIn(session, name, signal);
    const [schema, table] = parts;
    const isKnown = schema !== undefined && table !== undefined && labels.has(factLabel(schema, table));
    if (parts.length !== 2 || !isKnown)
      throw notThere(`table ${name}`, tableRemedy, alike(labels, parts.at(-1) ?? name));
  }
  for (const schema of chosen.schemas) {
    const beginning = factLabel(schema, '');
    const isKnown = [...labels].some((label) => label.startsWith(beginning));
    if (!isKnown) throw notThere(`table in schema ${schema}`, schemaRemedy, []);
  }
}

export const tableRemedy = 'write it as SCHEMA.NAME, as in SQL';
export const schemaRemedy = 'write it as it is, without quotes';

const mostAlike = 5;

export function notThere(what: string, remedy: string, others: readonly string[]): JobFailed {
  const some = others.slice(0, mostAlike).join(', ');
  return new JobFailed('error', `the backup has no ${what}; ${remedy}${some === '' ? '' : ` (there is ${some})`}`);
}

/** Of the same name in whatever schema and case. */
function alike(labels: ReadonlySet<string>, table: string): readonly string[] {
  const ending = factLabel('', table).toLowerCase();
  return [...labels].filter((label) => label.toLowerCase().endsWith(ending));
}

/** `public."Order Items"` → `public`, `Order Items`; none where that is no name. */
async function identifiersIn(session: PostgresSession, name: string, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const [row] = await session.query(
      `SELECT pg_catalog.to_json(pg_catalog.parse_ident(${quoteLiteral(name)})) AS parts`,
      { signal },
    );
    return JSON.parse(row?.['parts'] ?? '[]') as string[];
  } catch {
    signal.throwIfAborted();
    return [];
  }
}
