import { Client, type ClientConfig } from 'pg';
import { abortable } from '../../core/deadline.ts';
import { errorMessage } from '../../core/errors.ts';
import { formatConnectionUrl } from './connection-url.ts';
import { keepAliveIdleSeconds, type PostgresAccess, tlsOptions } from './settings.ts';

/** A row as PostgreSQL's text protocol gives it: every value is text or null, and the reader converts knowingly. */
export type Row = Readonly<Record<string, string | null>>;

/** One open connection to one database. Not for concurrent use: one query at a time. */
export interface PostgresSession extends AsyncDisposable {
  /** `server_version_num`, e.g. 150020. */
  readonly version: number;
  /** `server_version`, e.g. `15.20 (Debian 15.20-0+deb12u1)`. */
  readonly versionText: string;
  readonly database: string;
  /** False once the connection broke or was destroyed. */
  readonly usable: boolean;
  /**
   * Runs one statement. Aborting destroys the connection: the statement timeout of the session ends what the server
   * still does. The error's `code` is the SQLSTATE.
   */
  query(sql: string, options: { readonly signal: AbortSignal; readonly values?: readonly string[] }): Promise<Row[]>;
  /** Drops the connection without a word to the server, which may be hung. */
  destroy(): void;
}

export interface SessionOptions {
  readonly signal: AbortSignal;
  readonly applicationName?: string;
  readonly connectTimeoutMs?: number;
  /** Settings made by SET right after login (start-up options are refused by PgBouncer), e.g. `{ jit: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

const rawTypes = { getTypeParser: () => (text: string) => text } as unknown as NonNullable<ClientConfig['types']>;

/** Logs in and reads the version. Throws with the server's name and the reason; `errorCode` of it tells the kind. */
export async function openSession(access: PostgresAccess, options: SessionOptions): Promise<PostgresSession> {
  try {
    return await login(access, options);
  } catch (error) {
    throw new Error(`connecting to ${formatConnectionUrl(access.connection)}`, { cause: error });
  }
}

async function login(access: PostgresAccess, options: SessionOptions): Promise<PostgresSession> {
  const ssl = await tlsOptions(access.connection);
  try {
    return await loginWith(access, ssl, options);
  } catch (error) {
    const refusesTls = access.connection.sslMode === 'prefer' && errorMessage(error).includes('does not support SSL');
    if (ssl === false || !refusesTls) throw error;
    return await loginWith(access, false, options);
  }
}

async function loginWith(
  access: PostgresAccess,
  ssl: ClientConfig['ssl'],
  options: SessionOptions,
): Promise<PostgresSession> {
  const { host, port, user, database } = access.connection;
  const password = await access.password?.read();
  const client = new Client({
    host,
    port,
    user,
    database,
    // A function keeps node-postgres from consulting PGPASSWORD or a .pgpass of whoever starts the daemon.
    password: () => password?.reveal() ?? '',
    ssl: ssl ?? false,
    application_name: options.applicationName ?? 'watchkeeper',
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveIdleSeconds * 1_000,
    types: rawTypes,
  });
  const session = new ClientSession(client, database);
  try {
    await abortable(client.connect(), options.signal);
    await session.initialise(options);
    return session;
  } catch (error) {
    session.destroy();
    throw error;
  }
}

class ClientSession implements PostgresSession {
  readonly database: string;
  version = 0;
  versionText = '';
  usable = true;
  readonly #client: Client;

  constructor(client: Client, database: string) {
    this.#client = client;
    this.database = database;
    // Without a listener a connection that breaks while idle would end the process.
    client.on('error', () => {
      this.usable = false;
    });
    client.on('end', () => {
      this.usable = false;
    });
  }

  async initialise(options: SessionOptions): Promise<void> {
    const settings = Object.entries(options.settings ?? {});
    const sets = settings.map(([name, value]) => `SET ${name} = ${quoteLiteral(value)};`).join(' ');
    if (sets !== '') await this.query(sets, { signal: options.signal });
    const [row] = await this.query(
      "SELECT pg_catalog.current_setting('server_version_num') AS num, pg_catalog.current_setting('server_version') AS text",
      { signal: options.signal },
    );
    this.version = Number(row?.['num']);
    this.versionText = row?.['text'] ?? '';
  }

  async query(
    sql: string,
    options: { readonly signal: AbortSignal; readonly values?: readonly string[] },
  ): Promise<Row[]> {
    options.signal.throwIfAborted();
    const onAbort = () => this.destroy();
    options.signal.addEventListener('abort', onAbort, { once: true });
    try {
      const result = this.#client.query<Row>(sql, options.values === undefined ? undefined : [...options.values]);
      return (await abortable(result, options.signal)).rows;
    } finally {
      options.signal.removeEventListener('abort', onAbort);
    }
  }

  destroy(): void {
    this.usable = false;
    const { connection } = this.#client as unknown as { connection: { stream: { destroy(): void } } };
    connection.stream.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.usable) return this.destroy();
    this.usable = false;
    // Goodbye is a courtesy: a server that does not answer it must not hold us up.
    const patience = setTimeout(() => this.destroy(), 1_000);
    await this.#client.end().catch(() => undefined);
    clearTimeout(patience);
  }
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
