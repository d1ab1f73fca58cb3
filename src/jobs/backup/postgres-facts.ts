import { type PostgresSession, quoteIdentifier } from '../../targets/postgres/session.ts';
import type { Fact, SampledTable, Selection } from '../manifest.ts';
import { notExtensionOwned, userSchema } from './definitions/kind.ts';
import { factLabel } from './fact-label.ts';

export interface TableName {
  readonly schema: string;
  readonly name: string;
  /** Its columns as an SQL list, qualified by {@link rowAlias} and sorted by name. */
  readonly columns: string;
  /** `none`: an unlogged table seen from a standby, which has no data of it; a dump holds it empty. */
  readonly data: 'readable' | 'none';
}

/** What is measured of rows; the same at the source and after a restore, so the manifest has it. */
export interface RowMeasures {
  readonly mode: 'rows' | 'content';
  readonly sampled?: readonly SampledTable[] | undefined;
}

/** What is measured of a database. */
export interface Measures extends RowMeasures {
  readonly selection?: Selection | undefined;
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

/** An SQL clause: the rows of the table itself, for {@link rowHash} and {@link keyHash}. */
export const fromTable = (table: TableName) => `FROM ONLY ${qualifiedName(table)} AS ${rowAlias}`;

/** An SQL value. Not the row as it is: a restore may give the columns of a table that inherits another order. */
export const rowHash = ({ columns }: TableName) => `hashtextextended(ROW(${columns})::text, 0)`;

/** SQL texts of the values of a row's key. */
export const keyColumns = (key: readonly string[]) => key.map((name) => `${rowAlias}.${quoteIdentifier(name)}`);

/** An SQL value from 0 to 2⁶³ − 1. */
export const keyHash = (key: readonly string[]) =>
  `(hashtextextended(ROW(${keyColumns(key).join(', ')})::text, 0) & 9223372036854775807)`;

/** An SQL condition. The same rows wherever and however often it is asked: their key decides, not their place. */
export const belongsToSample = ({ key, oneIn }: SampledTable) => `${keyHash(key)} % ${oneIn} = 0`;

/** How a table is sampled; undefined: not at all. */
export function sampleOf(
  sampled: readonly SampledTable[] | undefined,
  table: Pick<TableName, 'schema' | 'name'>,
): SampledTable | undefined {
  return sampled?.find(({ schema, name }) => schema === table.schema && name === table.name);
}

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

export function qualifiedName(table: Pick<TableName, 'schema' | 'name'>): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
}

/**
 * Row counts of the tables; in mode `content` also a fingerprint that does not depend on the order of rows: the sum of
 * a hash of each row's text, or of each that belongs to the sample. Reads every table once.
 */
export async function tableFacts(
  session: PostgresSession,
  tables: readonly TableName[],
  measures: RowMeasures,
  options: { readonly signal: AbortSignal; readonly afterEach?: () => Promise<unknown> },
): Promise<Fact[]> {
  const facts: Fact[] = [];
  for (const table of tables) {
    const label = factLabel(table.schema, table.name);
    const row = table.data === 'none' ? noRows : await measureTable(session, table, measures, options.signal);
    await options.afterEach?.();
    facts.push({ name: `rows ${label}`, value: row['rows'] ?? '', compare: 'equal' });
    if (measures.mode === 'content') {
      facts.push({ name: `content ${label}`, value: row['content'] ?? '', compare: 'equal' });
    }
  }
  return facts;
}

const noRows = { rows: '0', content: '0' };

async function measureTable(
  session: PostgresSession,
  table: TableName,
  { mode, sampled }: RowMeasures,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string | null>>> {
  const sample = sampleOf(sampled, table);
  const filter = sample === undefined ? '' : ` FILTER (WHERE ${belongsToSample(sample)})`;
  const content = mode === 'content' ? `, coalesce(sum(${rowHash(table)})${filter}, 0) AS content` : '';
  try {
    const [row] = await session.query(`SELECT count(*) AS rows${content} ${fromTable(table)}`, { signal });
    return row ?? {};
  } catch (error) {
    throw new Error(`measuring table ${table.schema}.${table.name}`, { cause: error });
  }
}

/**
 * The same within a transaction that stays open. Each read locks the indexes of its table too, until the end: those
 * locks are given back, or a source with thousands of tables would run out of room for locks, also for others.
 */
export async function givingLocksBack<T>(
  session: PostgresSession,
  signal: AbortSignal,
  work: (afterEach: () => Promise<unknown>) => Promise<T>,
): Promise<T> {
  await session.query('SAVEPOINT before_read', { signal });
  return work(() => session.query('ROLLBACK TO SAVEPOINT before_read', { signal }));
}
