import { type PostgresSession, quoteIdentifier } from '../../targets/postgres/session.ts';
import type { Fact } from '../manifest.ts';

export interface TableName {
  readonly schema: string;
  readonly name: string;
  /** Its columns as an SQL list, qualified by {@link rowAlias} and sorted by name. */
  readonly columns: string;
  /** `none`: an unlogged table seen from a standby, which has no data of it; a dump holds it empty. */
  readonly data: 'readable' | 'none';
}

/**
 * Settings that decide how a value is printed, and so hashed: the same on both sides, or equal rows would differ.
 * row_security=off makes a read that a policy would thin out an error instead of a smaller count.
 */
export const factSettings: Readonly<Record<string, string>> = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  lc_monetary: 'C',
  xmloption: 'content',
  search_path: 'pg_catalog',
  row_security: 'off',
  jit: 'off',
  // The dump reads at the same time: a count that takes more processes of the source only takes from it.
  max_parallel_workers_per_gather: '0',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};

/** Cannot be taken for a column of the table: `t::text` would read a column named t. */
const rowAlias = 'watchkeeper_row';

const notExtensionOwned = (catalog: string) =>
  `NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '${catalog}'::regclass AND d.objid = x.oid AND d.deptype = 'e')`;
const userSchema = (column: string) =>
  `${column} IN (SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema')`;

/** Tables whose rows a dump holds: plain tables and leaf partitions; not those of extensions or of foreign servers. */
export async function listTables(session: PostgresSession, signal: AbortSignal): Promise<TableName[]> {
  const rows = await session.query(
    `SELECT n.nspname AS schema, x.relname AS name, x.relpersistence = 'u' AND pg_is_in_recovery() AS empty,
            (SELECT string_agg(format('${rowAlias}.%I', a.attname), ', ' ORDER BY a.attname) FROM pg_attribute a
              WHERE a.attrelid = x.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
       FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace
      WHERE x.relkind = 'r' AND x.relpersistence <> 't'
        AND ${userSchema('x.relnamespace')} AND ${notExtensionOwned('pg_class')}
      ORDER BY 1, 2`,
    { signal },
  );
  return rows.map((row) => ({
    schema: row['schema'] ?? '',
    name: row['name'] ?? '',
    columns: row['columns'] ?? '',
    data: row['empty'] === 't' ? 'none' : 'readable',
  }));
}

export function qualifiedName(table: TableName): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
}

/**
 * Row counts of the tables; in mode `content` also a fingerprint that does not depend on the order of rows: the sum of
 * a hash of each row's text. Reads every table once.
 */
export async function tableFacts(
  session: PostgresSession,
  tables: readonly TableName[],
  options: { readonly mode: 'rows' | 'content'; readonly signal: AbortSignal },
  afterEach?: () => Promise<unknown>,
): Promise<Fact[]> {
  const facts: Fact[] = [];
  for (const table of tables) {
    const label = factLabel(table.schema, table.name);
    const row = table.data === 'none' ? noRows : await measureTable(session, table, options);
    await afterEach?.();
    facts.push({ name: `rows ${label}`, value: row['rows'] ?? '', compare: 'equal' });
    if (options.mode === 'content') {
      facts.push({ name: `content ${label}`, value: row['content'] ?? '', compare: 'equal' });
    }
  }
  return facts;
}

/** `public.orders`; quoted where a dot in a name would make two tables one. */
function factLabel(schema: string, name: string): string {
  return [schema, name].map((part) => (/[."]/.test(part) ? quoteIdentifier(part) : part)).join('.');
}

const noRows = { rows: '0', content: '0' };

async function measureTable(
  session: PostgresSession,
  table: TableName,
  options: { readonly mode: 'rows' | 'content'; readonly signal: AbortSignal },
): Promise<Readonly<Record<string, string | null>>> {
  // Not the row as it is: a restore may give the columns of a table that inherits another order.
  const hash = `hashtextextended(ROW(${table.columns})::text, 0)`;
  const content = options.mode === 'content' ? `, coalesce(sum(${hash}), 0) AS content` : '';
  try {
    const [row] = await session.query(
      `SELECT count(*) AS rows${content} FROM ONLY ${qualifiedName(table)} AS ${rowAlias}`,
      { signal: options.signal },
    );
    return row ?? {};
  } catch (error) {
    throw new Error(`measuring table ${table.schema}.${table.name}`, { cause: error });
  }
}

/**
 * The same within a transaction that stays open. Each read locks the indexes of its table too, until the end: those
 * locks are given back, or a source with thousands of tables would run out of room for locks, also for others.
 */
export async function tableFactsInTransaction(
  session: PostgresSession,
  tables: readonly TableName[],
  options: { readonly mode: 'rows' | 'content'; readonly signal: AbortSignal },
): Promise<Fact[]> {
  const { signal } = options;
  await session.query('SAVEPOINT before_table', { signal });
  return tableFacts(session, tables, options, () => session.query('ROLLBACK TO SAVEPOINT before_table', { signal }));
}

/**
 * Where the sequences stand. They are outside every snapshot, so this must be read before pg_dump reads them: then what
 * is restored is at least as far.
 */
export async function sequenceFacts(session: PostgresSession, signal: AbortSignal): Promise<Fact[]> {
  const rows = await session.query(
    `SELECT n.nspname AS schema, x.relname AS name,
            CASE WHEN has_sequence_privilege(x.oid, 'SELECT') THEN pg_sequence_last_value(x.oid) END AS value
       FROM pg_sequence s JOIN pg_class x ON x.oid = s.seqrelid JOIN pg_namespace n ON n.oid = x.relnamespace
      WHERE s.seqincrement > 0 AND NOT s.seqcycle AND x.relpersistence <> 't'
        AND ${userSchema('x.relnamespace')} AND ${notExtensionOwned('pg_class')}
      ORDER BY 1, 2`,
    { signal },
  );
  return rows.map((row) => ({
    name: `sequence ${factLabel(row['schema'] ?? '', row['name'] ?? '')}`,
    value: row['value'] ?? 'unused',
    compare: 'at_least',
  }));
}

/** How many objects of each kind there are: a restore that lost an index, a trigger or a policy has the same rows. */
export async function objectFacts(session: PostgresSession, signal: AbortSignal): Promise<Fact[]> {
  const rows = await session.query(objectCounts(session.version), { signal });
  return rows.map((row) => ({ name: `objects ${row['kind']}`, value: row['amount'] ?? '', compare: 'equal' }));
}

const relationKinds: Readonly<Record<string, string>> = {
  r: 'tables',
  p: 'partitioned tables',
  v: 'views',
  m: 'materialized views',
  i: 'indexes',
  I: 'partitioned indexes',
  S: 'sequences',
  f: 'foreign tables',
};

const relationCase = Object.entries(relationKinds)
  .map(([relkind, name]) => `WHEN '${relkind}' THEN '${name}'`)
  .join(' ');

/**
 * Left out is what a dump leaves out (invalid indexes, as a failed CREATE INDEX CONCURRENTLY leaves them), what every
 * new database has (plpgsql), and what the server makes by itself and not the same in every version (clones of a
 * trigger on partitions, constructors of range types).
 */
const objectCounts = (version: number) => `
  SELECT CASE x.relkind ${relationCase} END AS kind, count(*) AS amount
    FROM pg_class x
   WHERE x.relkind IN (${Object.keys(relationKinds).map((relkind) => `'${relkind}'`)}) AND x.relpersistence <> 't'
     AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = x.oid AND x.relkind = 'i' AND NOT (i.indisvalid AND i.indisready))
     AND ${userSchema('x.relnamespace')} AND ${notExtensionOwned('pg_class')} GROUP BY 1
  UNION ALL
  SELECT 'constraints', count(*) FROM pg_constraint x
   WHERE x.contype IN ('p', 'u', 'f', 'c', 'x') AND ${userSchema('x.connamespace')} AND ${notExtensionOwned('pg_constraint')}
  UNION ALL
  SELECT 'triggers', count(*) FROM pg_trigger x JOIN pg_class c ON c.oid = x.tgrelid
   WHERE NOT x.tgisinternal ${version >= 130_000 ? 'AND x.tgparentid = 0' : ''} AND ${userSchema('c.relnamespace')}
  UNION ALL
  SELECT 'functions', count(*) FROM pg_proc x
   WHERE ${userSchema('x.pronamespace')} AND ${notExtensionOwned('pg_proc')}
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = x.oid AND d.deptype = 'i')
  UNION ALL
  SELECT 'types', count(*) FROM pg_type x
   WHERE x.typtype IN ('e', 'd', 'r') AND ${userSchema('x.typnamespace')} AND ${notExtensionOwned('pg_type')}
  UNION ALL
  SELECT 'policies', count(*) FROM pg_policy
  UNION ALL
  SELECT 'schemas', count(*) FROM pg_namespace x
   WHERE ${userSchema('x.oid')} AND x.nspname <> 'public' AND ${notExtensionOwned('pg_namespace')}
  UNION ALL
  SELECT 'extensions', count(*) FROM pg_extension WHERE extname <> 'plpgsql'
  UNION ALL
  SELECT 'large objects', count(*) FROM pg_largeobject_metadata
  ORDER BY 1`;
