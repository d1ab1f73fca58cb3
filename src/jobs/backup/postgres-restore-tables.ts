import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findCause } from '../../core/errors.ts';
import { ProcessFailed } from '../../core/run-process.ts';
import { makeWorkDirectory } from '../../core/work-directory.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { openSession, type PostgresSession, quoteLiteral } from '../../targets/postgres/session.ts';
import { type JobContext, JobFailed } from '../job.ts';
import type { OpenedManifest } from '../manifest.ts';
import { notThere, schemaRemedy, tableRemedy } from './chosen-tables.ts';
import { restorable, selectEntries, type TableKey } from './toc-selection.ts';

/** Which tables are restored with their rows. */
export interface TableSelection {
  /** As SQL writes them, with their schema: `public.orders`, `sales."Order Items"`. A partitioned one means all its partitions. */
  readonly tables: readonly string[];
  /** All tables of these. */
  readonly schemas: readonly string[];
}

/** Runs pg_restore with these arguments besides those that are always the same; resolves with what it printed. */
export type RunPgRestore = (args: readonly string[]) => Promise<string>;

/** Paths of what pg_dump wrote: one for both, unless a backup holds data alone. */
export interface Archives {
  readonly definitions: string;
  readonly data: string;
}

/**
 * Restores all definitions, but only the rows of some tables: so every type, function and sequence that they need is there.
 * Resolves with notes for whoever reads the result. Rejects when a table is not in the backup.
 */
export async function restoreTables(
  from: {
    readonly manifest: OpenedManifest;
    readonly into: PostgresAccess;
    readonly selection: TableSelection;
    readonly archives: Archives;
    readonly run: RunPgRestore;
  },
  context: JobContext,
): Promise<readonly string[]> {
  const { manifest, into, archives } = from;
  if (manifest.selection?.content === 'schema') throw new JobFailed('error', 'the backup holds no rows');
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-list-' });
  const run = runWithLists(from.run, folder.path);
  const { roles } = manifest.source;
  const definitions = restorable(await from.run(['--list', archives.definitions]), manifest);
  // Rights one after the other, see inPasses; all else of this section pg_restore makes in one session anyway.
  await run(definitions, ['--jobs=1', '--exit-on-error', '--section=pre-data', archives.definitions]);
  const tables = await tablesOf(into, from.selection, context.signal);
  const { data } = selectEntries(await from.run(['--list', archives.data]), tables, roles);
  const { afterData, foreignKeys } = selectEntries(definitions, tables, roles);
  await run(data, ['--exit-on-error', '--section=data', archives.data]);
  // One after the other: see inPasses.
  await run(afterData, ['--jobs=1', '--exit-on-error', '--section=post-data', archives.definitions]);
  await tolerant(() => run(foreignKeys, ['--section=post-data', archives.definitions]));
  const leftOut =
    (foreignKeys.match(/ FK CONSTRAINT /g)?.length ?? 0) - (await countForeignKeys(into, tables, context.signal));
  const withRows = tables.filter(({ isPartitioned }) => !isPartitioned).length;
  const count = `${withRows} ${withRows === 1 ? 'table' : 'tables'}`;
  const notes = [`rows of ${count} were restored; all others are there without rows`];
  if (leftOut > 0) notes.push(leftOutNote(leftOut));
  return notes;
}

function leftOutNote(count: number): string {
  return `${count} foreign ${count === 1 ? 'key' : 'keys'} to rows that were not restored ${count === 1 ? 'is' : 'are'} left out`;
}

/** pg_restore reads a list of entries from a file. */
function runWithLists(run: RunPgRestore, folder: string) {
  let lists = 0;
  return async (list: string, args: readonly string[]): Promise<string> => {
    const path = join(folder, `list-${++lists}`);
    await writeFile(path, list, { mode: 0o600 });
    return run([`--use-list=${path}`, ...args]);
  };
}

/** Entries that pg_restore cannot make are left out; what ends it is thrown. */
async function tolerant(step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    const { stderr } = findCause(error, ProcessFailed) ?? { stderr: '' };
    if (!stderr.includes('errors ignored on restore')) throw error;
  }
}

async function countForeignKeys(
  access: PostgresAccess,
  tables: readonly TableKey[],
  signal: AbortSignal,
): Promise<number> {
  await using session = await openSession(access, { signal, settings: { search_path: 'pg_catalog' } });
  const names = tables.map(({ schema, name }) => `(${quoteLiteral(schema)}, ${quoteLiteral(name)})`);
  if (names.length === 0) return 0;
  // Those of partitions that come from their parent's are no entries of a dump.
  const [row] = await session.query(
    `SELECT count(*) AS n FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE k.contype = 'f' AND k.conparentid = 0 AND (n.nspname::text, c.relname::text) IN (${names.join(', ')})`,
    { signal },
  );
  return Number(row?.['n']);
}

/**
 * The tables of a selection, looked up in a database that has all definitions: plain ones and leaf partitions, and the
 * partitioned ones that they belong to, which may have foreign keys for them.
 */
export async function tablesOf(
  access: PostgresAccess,
  selection: TableSelection,
  signal: AbortSignal,
): Promise<readonly TableKey[]> {
  await using session = await openSession(access, { signal, settings: { search_path: 'pg_catalog' } });
  const found = new Map<string, TableKey>();
  const add = (rows: readonly TableKey[]) => {
    for (const one of rows) found.set(JSON.stringify([one.schema, one.name]), one);
  };
  for (const name of selection.tables) {
    const table = `to_regclass(${quoteLiteral(name)})`;
    const rows = await find(
      session,
      `SELECT ${table}::oid AS oid UNION SELECT relid FROM pg_partition_tree(${table})`,
      signal,
    );
    if (rows.length === 0) throw notThere(`table ${name}`, tableRemedy, []);
    add(rows);
  }
  for (const schema of selection.schemas) {
    const inSchema = `SELECT x.oid FROM pg_class x WHERE x.relnamespace = to_regnamespace(quote_ident(${quoteLiteral(schema)}))`;
    const rows = await find(session, inSchema, signal);
    if (rows.length === 0) throw notThere(`table in schema ${schema}`, schemaRemedy, []);
    add(rows);
  }
  return [...found.values()];
}

/** Tables among the given relations, with what they are partitions of. */
async function find(session: PostgresSession, relations: string, signal: AbortSignal): Promise<TableKey[]> {
  const rows = await session.query(
    `WITH chosen AS MATERIALIZED (${relations}),
          needed AS (SELECT oid FROM chosen UNION SELECT relid FROM chosen, pg_partition_ancestors(chosen.oid))
     SELECT n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS partitioned
       FROM needed JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') ORDER BY 1, 2`,
    { signal },
  );
  return rows.map((row) => ({
    schema: row['schema'] ?? '',
    name: row['name'] ?? '',
    isPartitioned: row['partitioned'] === 't',
  }));
}
