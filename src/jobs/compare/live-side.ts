import { secondsSince } from '../../core/clock.ts';
import { errorCode, errorMessage } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import { quoteLiteral as literal, openSession, type PostgresSession } from '../../targets/postgres/session.ts';
import { notExtensionOwned, userSchema } from '../backup/definitions/kind.ts';
import { factLabel } from '../backup/fact-label.ts';
import {
  factSettings,
  listTables,
  qualifiedName,
  type RowMeasures,
  type TableName,
  tableFacts,
} from '../backup/postgres-facts.ts';
import { watchClient } from '../backup/postgres-snapshot.ts';
import { resolveSelection, Scope } from '../backup/selection.ts';
import { JobFailed } from '../job.ts';
import type { Fact, Selection } from '../manifest.ts';
import type { SelectSettings } from '../settings.ts';
import type { Attempt } from './attempt.ts';

export interface ComparedTable extends TableName {
  readonly label: string;
  readonly columnNames: readonly string[];
  /** `id integer, name text`: in the order of the table. */
  readonly columnList: string;
  /** Columns of the primary key, sorted by name; empty without one. */
  readonly key: readonly string[];
  /** As the planner knows it: nothing is locked to learn it. */
  readonly estimatedBytes: number;
}

export interface SideOptions {
  /** How messages call it: `shop/payments_db`. */
  readonly name: string;
  readonly access: PostgresAccess;
  /** How long one statement may take, and wait for a lock. */
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
}

/** What of a database is compared: chosen by patterns, or exactly what a backup holds. */
export type Choice = { readonly patterns: SelectSettings } | { readonly selection: Selection | undefined };

/**
 * A database that is compared, in one read-only transaction from its first snapshot to the end. No lock is kept longer than
 * the read of one table takes. Disposing ends it.
 */
export class LiveSide implements AsyncDisposable {
  readonly name: string;
  readonly session: PostgresSession;
  readonly #signal: AbortSignal;
  readonly #beginning: string;
  #isBegun = true;
  snapshotAt = '';
  encoding = '';
  scope = new Scope();
  /** By label. */
  tables: ReadonlyMap<string, ComparedTable> = new Map();
  /** The same only for the same database of the same running server, by whatever way it is reached; a standby has its own. */
  identity = '';

  private constructor(name: string, session: PostgresSession, begun: string, signal: AbortSignal) {
    this.name = name;
    this.session = session;
    this.#beginning = begun;
    this.#signal = signal;
  }

  /** Logs in and begins; the snapshot is taken by {@link takeSnapshots}. */
  static async open(options: SideOptions, { signal }: Pick<WorkContext, 'signal'>): Promise<LiveSide> {
    const session = await openSession(options.access, {
      signal,
      applicationName: 'watchkeeper compare',
      connectTimeoutMs: 10_000,
    });
    try {
      // A pooler sees by itself that we are gone, and would give the setting on to others.
      if (!session.isPooled) await watchClient(session, signal);
      const begun = beginning(session.version, options);
      await session.query(begun, { signal });
      return new LiveSide(options.name, session, begun, signal);
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  }

  get major(): number {
    return majorOf(this.session.version);
  }

  async takeSnapshot(): Promise<void> {
    const [row] = await this.query(
      `SELECT extract(epoch FROM clock_timestamp())::text AS epoch, getdatabaseencoding() AS encoding,
              concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), pg_is_in_recovery(), d.oid) AS identity
         FROM pg_database d WHERE d.datname = current_database()`,
    );
    this.snapshotAt = new Date(Math.floor(Number(row?.['epoch']) * 1_000)).toISOString();
    this.encoding = row?.['encoding'] ?? '';
    this.identity = row?.['identity'] ?? '';
    await this.query('SAVEPOINT before_read');
  }

  /** False when nothing of the database fits. */
  async choose(choice: Choice): Promise<boolean> {
    const found = 'patterns' in choice ? await this.#resolve(choice.patterns) : choice.selection;
    this.scope = new Scope(found === 'nothing' ? { content: 'all', tables: [] } : found);
    const tables = (await listTables(this.session, this.#signal)).filter((table) => this.scope.hasRowsOf(table));
    const details = await this.#tableDetails();
    this.tables = new Map(
      tables.map((table) => {
        const label = factLabel(table.schema, table.name);
        return [label, { ...table, label, ...(details.get(qualifiedName(table)) ?? noDetails) }];
      }),
    );
    return found !== 'nothing';
  }

  query(sql: string) {
    return this.session.query(sql, { signal: this.#signal });
  }

  /**
   * Reads something, gives back the locks that it took, and tells when it cannot be read: a missing right, a lock, a
   * timeout, damage. Throws only when the session itself is lost.
   */
  async attempt<T>(read: (session: PostgresSession, signal: AbortSignal) => Promise<T>): Promise<Attempt<T>> {
    try {
      const value = await read(this.session, this.#signal);
      await this.#giveLocksBack();
      return { value };
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!this.session.usable) throw error;
      await this.#giveLocksBack();
      return { why: `${this.name}: ${reasonOf(error)}` };
    }
  }

  /**
   * The same in a transaction of its own, which sees what was written until now. Nothing is open before and after it, so
   * that vacuum is not held back; the snapshot from which all else is read is gone with the first of these.
   */
  async attemptNow<T>(read: (session: PostgresSession, signal: AbortSignal) => Promise<T>): Promise<Attempt<T>> {
    await this.#end();
    await this.query(this.#beginning);
    this.#isBegun = true;
    await this.query('SAVEPOINT before_read');
    const found = await this.attempt(read);
    await this.#end();
    return found;
  }

  /** Facts about the rows of one table. */
  async measure(table: ComparedTable, measures: RowMeasures): Promise<Attempt<Fact[]>> {
    const read = await this.attempt(async (session, signal) => ({
      facts: await tableFacts(session, [table], measures, { signal }),
      doubt: table.data === 'none' ? noRowsOnStandby : await this.doubtAbout(table, 'itself'),
    }));
    if ('why' in read) return read;
    const { facts, doubt } = read.value;
    return doubt === undefined ? { value: facts } : { why: `${this.name}: ${doubt}` };
  }

  /**
   * Why what was read of a table (with its partitions and heirs, where these were read) means nothing although it could be
   * read; to be asked before the locks are given back.
   */
  async doubtAbout(
    table: Pick<TableName, 'schema' | 'name'>,
    extent: 'itself' | 'with heirs',
  ): Promise<string | undefined> {
    // The catalog is read as the snapshot has it, the function tells what is there now.
    const [row] = await this.query(
      `WITH RECURSIVE read AS (
         SELECT x.oid FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace
          WHERE n.nspname = ${literal(table.schema)} AND x.relname = ${literal(table.name)}
          UNION
         SELECT i.inhrelid FROM pg_inherits i JOIN read ON read.oid = i.inhparent WHERE ${extent === 'with heirs'})
       SELECT bool_and(x.relfilenode = coalesce(pg_relation_filenode(x.oid), 0)) AS same
         FROM pg_class x JOIN read USING (oid) WHERE x.relkind IN ('r', 'p')`,
    );
    if (row?.['same'] === 't') return undefined;
    return 'it was rewritten meanwhile (TRUNCATE, ALTER TABLE, VACUUM FULL); compare again';
  }

  /** Names of the facts about sequences whose state may not be read. */
  async hiddenSequences(): Promise<readonly string[]> {
    const rows = await this.query(
      `SELECT n.nspname AS schema, x.relname AS name
         FROM pg_sequence s JOIN pg_class x ON x.oid = s.seqrelid JOIN pg_namespace n ON n.oid = x.relnamespace
        WHERE NOT has_sequence_privilege(s.seqrelid, 'SELECT')`,
    );
    return rows.map((row) => `sequence ${factLabel(row['schema'] ?? '', row['name'] ?? '')}`);
  }

  /** What of the database no row or definition tells. */
  async leftOut(): Promise<Attempt<readonly string[]>> {
    return await this.attempt(async () => {
      const rows = await this.query(
        `SELECT x.relkind AS kind, n.nspname AS schema, x.relname AS name,
                NOT ${notExtensionOwned('pg_class')} AS extension
           FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace
          WHERE ${userSchema('x.relnamespace')} AND x.relpersistence <> 't'
            AND (x.relkind IN ('f', 'm') OR x.relkind = 'r' AND NOT ${notExtensionOwned('pg_class')})`,
      );
      const chosen = rows.filter((row) => this.scope.has(row['schema'] ?? '', row['name'] ?? ''));
      const amount = (fits: (row: (typeof rows)[number]) => boolean) => chosen.filter(fits).length;
      return [
        ...counted(
          amount(({ extension }) => extension === 't'),
          'tables of extensions',
        ),
        ...counted(
          amount(({ extension, kind }) => extension === 'f' && kind === 'f'),
          'foreign tables',
        ),
        ...counted(
          amount(({ extension, kind }) => extension === 'f' && kind === 'm'),
          'materialized views',
        ),
      ];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]();
  }

  async #resolve(patterns: SelectSettings): Promise<Selection | undefined | 'nothing'> {
    try {
      return await resolveSelection(this.session, patterns, this.#signal);
    } catch (error) {
      if (error instanceof JobFailed && error.reason === 'refused') return 'nothing';
      throw error;
    }
  }

  async #end(): Promise<void> {
    if (!this.#isBegun) return;
    await this.query('ROLLBACK');
    this.#isBegun = false;
  }

  async #giveLocksBack(): Promise<void> {
    await this.query('ROLLBACK TO SAVEPOINT before_read');
  }

  async #tableDetails(): Promise<ReadonlyMap<string, typeof noDetails>> {
    const rows = await this.query(
      `SELECT format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(x.relname, '"', '""')) AS name,
              greatest(x.relpages, 1)::bigint * current_setting('block_size')::bigint AS size,
              (SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
                 FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
              (SELECT json_agg(a.attname ORDER BY a.attname) FROM pg_index i
                 JOIN pg_attribute a ON a.attrelid = x.oid AND a.attnum = ANY (i.indkey)
                WHERE i.indrelid = x.oid AND i.indisprimary) AS key
         FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace
        WHERE x.relkind = 'r' AND x.relpersistence <> 't' AND ${userSchema('x.relnamespace')}`,
    );
    return new Map(rows.map((row) => [row['name'] ?? '', detailsOf(row)]));
  }
}

/** At the same moment, as nearly as can be; gives the seconds within which both were taken. */
export async function takeSnapshots(
  sides: readonly LiveSide[],
  { clock }: Pick<WorkContext, 'clock'>,
): Promise<number> {
  const startMs = clock.monotonicMs();
  await Promise.all(sides.map((side) => side.takeSnapshot()));
  return secondsSince(clock, startMs);
}

/** Facts about the columns of a table: in which order they stand, and of which types they are. */
export function columnFact({ label, columnList }: ComparedTable): Fact {
  return { name: `column order ${label}`, value: columnList, compare: 'equal' };
}

const noRowsOnStandby = 'it is unlogged, and a standby has no rows of such tables';

const noDetails: Pick<ComparedTable, 'columnNames' | 'columnList' | 'key' | 'estimatedBytes'> = {
  columnNames: [],
  columnList: '',
  key: [],
  estimatedBytes: 0,
};

function detailsOf(row: Readonly<Record<string, string | null>>): typeof noDetails {
  const columns = JSON.parse(row['columns'] ?? '[]') as [string, string][];
  return {
    columnNames: columns.map(([name]) => name).sort(),
    columnList: columns.map((column) => column.join(' ')).join(', '),
    key: JSON.parse(row['key'] ?? '[]') as string[],
    estimatedBytes: Number(row['size']),
  };
}

/** Settings hold for the transaction alone, so that a pooler gives none of them to others. */
function beginning(version: number, { statementTimeoutMs, lockTimeoutMs }: SideOptions): string {
  const settings = {
    ...factSettings,
    statement_timeout: `${statementTimeoutMs}ms`,
    lock_timeout: `${lockTimeoutMs}ms`,
    ...(version >= 170_000 ? { transaction_timeout: '0' } : {}),
  };
  const lines = Object.entries(settings).map(([name, value]) => `SET LOCAL ${name} = ${literal(value)}`);
  return ['BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', ...lines].join('; ');
}

/** What may be done about it is said where it is known. */
function reasonOf(error: unknown): string {
  const remedies: Readonly<Record<string, string>> = {
    '42501': '; GRANT SELECT on it, or pg_read_all_data; row security needs BYPASSRLS',
    '55P03': '; somebody holds a lock on it: compare again when that is done',
    '57014': '; --timeout allows it more time',
    '40001': '; a standby ended the read for its replay: compare again, or compare the primary',
  };
  return `${errorMessage(error)}${remedies[errorCode(error) ?? ''] ?? ''}`;
}

function counted(amount: number, what: string): string[] {
  return amount === 0 ? [] : [`${amount} ${what}`];
}
