import type { Client } from 'pg';
import type { PostgresAccess } from '../libpq/access.ts';
import { connectClient } from '../libpq/client.ts';
import { ClientSession, type Row, type Table, type TableLimits } from '../libpq/client-session.ts';
import {
  type Endpoint,
  formatConnectionUrl,
  formatEndpoint,
  type TargetSessionAttribute,
  withEndpoint,
} from '../libpq/connection.ts';
import { isWorthOtherHost, loginPlan, mismatch, ServerMismatch } from '../libpq/hosts.ts';

export type { Row, Table } from '../libpq/client-session.ts';

/** Settings of the server by name, e.g. `{ jit: 'off' }`. */
export type Settings = Readonly<Record<string, string>>;

export interface StatementOptions {
  readonly signal: AbortSignal;
  /** Fill `$1`, `$2`, …; with them, or an empty list, the extended protocol is used, which takes one statement only. */
  readonly values?: readonly string[];
}

/** How a statement is run that a user wrote. */
export interface ForeignStatementOptions {
  readonly signal: AbortSignal;
  /** Made for this statement alone. */
  readonly settings: Settings;
  readonly limits: TableLimits;
}

/** One open connection to one database. Not for concurrent use: one query at a time. */
export interface PostgresSession extends AsyncDisposable {
  /** `server_version_num`, e.g. 150020. */
  readonly version: number;
  /** `server_version`, e.g. `15.20 (Debian 15.20-0+deb12u1)`. */
  readonly versionText: string;
  /** As the server calls it: a connection pooler may have another name for it. */
  readonly database: string;
  /** As it was opened, with the one server that it is connected to: for others that must come to the same server. */
  readonly access: PostgresAccess;
  /** Whether a connection pooler (PgBouncer) stands between us and the server. */
  readonly isPooled: boolean;
  /** When the certificate expires that the server showed; undefined without TLS. */
  readonly serverCertificateExpiresAt: Date | undefined;
  /** False once the connection broke or was destroyed. */
  readonly usable: boolean;
  /**
   * Runs one statement. Aborting destroys the connection: the statement timeout of the session ends what the server
   * still does. The error's `code` is the SQLSTATE.
   */
  query(sql: string, options: StatementOptions): Promise<Row[]>;
  /** The same in constant memory, row by row; what `onRow` throws is thrown at the end. */
  forEachRow(sql: string, options: StatementOptions & { readonly onRow: (row: Row) => void }): Promise<void>;
  /**
   * Runs one statement that a user wrote, in a transaction of its own that may only read. Whatever it does to the session
   * (`set_config` of a search path, a timeout, a role) is undone before the next statement.
   */
  queryForeign(sql: string, options: ForeignStatementOptions): Promise<Table>;
  /** Drops the connection without a word to the server, which may be hung. */
  destroy(): void;
}

export interface SessionOptions {
  readonly signal: AbortSignal;
  readonly applicationName?: string;
  /** For all servers of the connection together, in equal shares; 5 s by default. */
  readonly connectTimeoutMs?: number;
  /** Made by SET right after login: start-up options are refused by PgBouncer. */
  readonly settings?: Settings;
  /**
   * Every statement only reads, and may run in a transaction of its own. Behind a connection pooler it does then, and the settings are
   * made for it alone: made by SET they would stay on a connection that the pooler gives to others next, and be absent
   * from the one that it gives us next.
   */
  readonly statementsStandAlone?: boolean;
}

const usualConnectTimeoutMs = 5_000;

/** Logs in and reads the version. Throws with the server's name and the reason; `errorCode` of it tells the kind. */
export async function openSession(access: PostgresAccess, options: SessionOptions): Promise<PostgresSession> {
  try {
    return await loginAnywhere(access, options);
  } catch (error) {
    throw new Error(`connecting to ${formatConnectionUrl(access.connection)}`, { cause: error });
  }
}

/** The first server that can be reached and is as `target_session_attrs` wants it. */
async function loginAnywhere(access: PostgresAccess, options: SessionOptions): Promise<PostgresSession> {
  const plan = loginPlan(access.connection);
  const failures: unknown[] = [];
  for (const { endpoint, wanted } of plan) {
    try {
      return await loginTo(access, { endpoint, wanted, share: 1 / plan.length }, options);
    } catch (error) {
      options.signal.throwIfAborted();
      if (plan.length === 1) throw error;
      failures.push(new Error(formatEndpoint(endpoint), { cause: error }));
      if (!isWorthOtherHost(error)) break;
    }
  }
  throw new AggregateError(failures);
}

async function loginTo(
  access: PostgresAccess,
  to: { readonly endpoint: Endpoint; readonly wanted: TargetSessionAttribute; readonly share: number },
  options: SessionOptions,
): Promise<PostgresSession> {
  const { connection } = access;
  const patienceMs = (options.connectTimeoutMs ?? usualConnectTimeoutMs) * to.share;
  const client = await connectClient(access, to.endpoint, {
    signal: options.signal,
    applicationName: options.applicationName ?? 'watchkeeper',
    connectTimeoutMs: Math.min(patienceMs, (connection.connectTimeoutSeconds || Number.POSITIVE_INFINITY) * 1_000),
  });
  const session = new ServerSession(client, { ...access, connection: withEndpoint(connection, to.endpoint) });
  try {
    if (to.wanted !== 'any') await requireWanted(session, to.wanted, options.signal);
    await session.initialise(options);
    return session;
  } catch (error) {
    session.destroy();
    throw error;
  }
}

async function requireWanted(
  session: PostgresSession,
  wanted: TargetSessionAttribute,
  signal: AbortSignal,
): Promise<void> {
  const [row] = await session.query(
    "SELECT pg_catalog.pg_is_in_recovery() AS standby, pg_catalog.current_setting('transaction_read_only') AS readonly",
    { signal },
  );
  const reason = mismatch(wanted, { inRecovery: row?.['standby'] === 't', readOnly: row?.['readonly'] === 'on' });
  if (reason !== undefined) throw new ServerMismatch(reason);
}

class ServerSession extends ClientSession implements PostgresSession {
  database: string;
  version = 0;
  versionText = '';
  isPooled = false;
  readonly access: PostgresAccess;
  /** Made for each statement, in a transaction of its own. */
  #ofEachStatement: Settings | undefined;

  constructor(client: Client, access: PostgresAccess) {
    super(client);
    this.access = access;
    this.database = access.connection.database;
  }

  async initialise({ signal, settings = {}, statementsStandAlone = false }: SessionOptions): Promise<void> {
    const [row] = await this.query(
      "SELECT pg_catalog.current_setting('server_version_num') AS num, pg_catalog.current_setting('server_version') AS text, pg_catalog.current_database() AS database, pg_catalog.pg_backend_pid() AS pid",
      { signal },
    );
    this.version = Number(row?.['num']);
    this.versionText = row?.['text'] ?? '';
    this.database = row?.['database'] ?? this.database;
    this.isPooled = Number(row?.['pid']) !== this.announcedPid;
    if (Object.keys(settings).length === 0) return;
    if (this.isPooled && statementsStandAlone) await this.#setInTransactions(settings, signal);
    else await super.query(setStatements(settings), { signal });
  }

  async #setInTransactions(settings: Settings, signal: AbortSignal): Promise<void> {
    this.#ofEachStatement = settings;
    try {
      await this.query('SELECT 1', { signal });
    } catch (error) {
      throw new Error('the connection pooler allows no transactions, so that nothing would be bounded', {
        cause: error,
      });
    }
  }

  override async query(sql: string, options: StatementOptions): Promise<Row[]> {
    return this.#withItsSettings(options.signal, () => super.query(sql, options));
  }

  override async forEachRow(
    sql: string,
    options: StatementOptions & { readonly onRow: (row: Row) => void },
  ): Promise<void> {
    return this.#withItsSettings(options.signal, () => super.forEachRow(sql, options));
  }

  async #withItsSettings<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    if (this.#ofEachStatement === undefined) return run();
    try {
      await super.query(beginReading(this.#ofEachStatement), { signal });
      const result = await run();
      await super.query('COMMIT', { signal });
      return result;
    } catch (error) {
      if (this.usable) await super.query('ROLLBACK', { signal }).catch(() => this.destroy());
      throw error;
    }
  }

  async queryForeign(sql: string, { signal, settings, limits }: ForeignStatementOptions): Promise<Table> {
    let end = 'ROLLBACK';
    try {
      await super.query(`${beginReading({ ...this.#ofEachStatement, ...settings })}; SAVEPOINT ours`, { signal });
      // Undoes also what succeeded. The commit keeps it from being counted as a rollback of the database.
      end = 'ROLLBACK TO SAVEPOINT ours; COMMIT';
      return await this.readTable(sql, { signal, limits });
    } finally {
      if (this.usable) await super.query(end, { signal }).catch(() => this.destroy());
    }
  }
}

function setStatements(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `SET ${name} = ${quoteLiteral(value)};`)
    .join(' ');
}

/** By a function, since SET takes no list (of schemas) in one text. */
function beginReading({ default_transaction_read_only: _on, ...settings }: Settings): string {
  const calls = Object.entries(settings).map(
    ([name, value]) => `pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, true)`,
  );
  return `BEGIN READ ONLY; SELECT ${calls.join(', ')}`;
}

/** Quotes an identifier for SQL. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a string literal for SQL; safe under either setting of standard_conforming_strings. */
export function quoteLiteral(value: string): string {
  const escaped = value.replaceAll("'", "''");
  return escaped.includes('\\') ? ` E'${escaped.replaceAll('\\', '\\\\')}'` : `'${escaped}'`;
}
