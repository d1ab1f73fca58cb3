import type { Client } from 'pg';
import type { PostgresAccess } from '../libpq/access.ts';
import { connectClient } from '../libpq/client.ts';
import { ClientSession, type Row } from '../libpq/client-session.ts';
import {
  type Endpoint,
  formatConnectionUrl,
  formatEndpoint,
  type TargetSessionAttribute,
  withEndpoint,
} from '../libpq/connection.ts';
import { isWorthOtherHost, loginPlan, mismatch, ServerMismatch } from '../libpq/hosts.ts';

export type { Row } from '../libpq/client-session.ts';

/** One open connection to one database. Not for concurrent use: one query at a time. */
export interface PostgresSession extends AsyncDisposable {
  /** `server_version_num`, e.g. 150020. */
  readonly version: number;
  /** `server_version`, e.g. `15.20 (Debian 15.20-0+deb12u1)`. */
  readonly versionText: string;
  readonly database: string;
  /** As it was opened, with the one server that it is connected to: for others that must come to the same server. */
  readonly access: PostgresAccess;
  /** When the certificate expires that the server showed; undefined without TLS. */
  readonly serverCertificateExpiresAt: Date | undefined;
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
  /** For all servers of the connection together, in equal shares; 5 s by default. */
  readonly connectTimeoutMs?: number;
  /** Settings made by SET right after login (start-up options are refused by PgBouncer), e.g. `{ jit: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>;
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
  readonly database: string;
  version = 0;
  versionText = '';
  readonly access: PostgresAccess;

  constructor(client: Client, access: PostgresAccess) {
    super(client);
    this.access = access;
    this.database = access.connection.database;
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
