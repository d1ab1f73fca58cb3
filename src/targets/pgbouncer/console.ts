import type { Client } from 'pg';
import { errorCode } from '../../core/errors.ts';
import type { PostgresAccess } from '../libpq/access.ts';
import { connectClient } from '../libpq/client.ts';
import { ClientSession, type Row } from '../libpq/client-session.ts';
import { endpointsOf, formatConnectionUrl } from '../libpq/connection.ts';

/**
 * What the console is ever asked, with the version that brought it. `FDS` is not among it: it blocks PgBouncer, and hands
 * out its connections.
 */
export const consoleViews = {
  VERSION: { since: [1, 12] },
  STATE: { since: [1, 19] },
  POOLS: { since: [1, 8] },
  PEER_POOLS: { since: [1, 19] },
  DATABASES: { since: [1, 8] },
  STATS_TOTALS: { since: [1, 8] },
  LISTS: { since: [1, 8] },
  CONFIG: { since: [1, 8] },
  CLIENTS: { since: [1, 8] },
  SERVERS: { since: [1, 8] },
  USERS: { since: [1, 8] },
  MEM: { since: [1, 8] },
} as const satisfies Readonly<Record<string, { readonly since: PgbouncerVersion }>>;
export type ConsoleView = keyof typeof consoleViews;

export type PgbouncerVersion = readonly [major: number, minor: number];

/** The database's name in which the console answers. */
export const consoleDatabase = 'pgbouncer';

/** What answers is no PgBouncer, or not its console. */
export class NotConsole extends Error {
  override readonly name = 'NotConsole';
}

/** PgBouncer is too old for the question, or something that speaks like it does not know it. */
export class ViewMissing extends Error {
  override readonly name = 'ViewMissing';
}

/** A session with the console of one PgBouncer. Not for concurrent use. */
export interface PgbouncerConsole extends AsyncDisposable {
  /** As PgBouncer writes it: `PgBouncer 1.24.1`. */
  readonly versionText: string;
  /** Undefined for something else that speaks like PgBouncer. */
  readonly version: PgbouncerVersion | undefined;
  /** False once the connection broke or was destroyed. */
  readonly usable: boolean;
  /** Runs SHOW. Rejects with {@link ViewMissing} where there is no such view. Aborting destroys the connection. */
  show(view: ConsoleView, options: { readonly signal: AbortSignal }): Promise<Row[]>;
  /** Drops the connection without a word. */
  destroy(): void;
}

/**
 * Logs in to the console and asks for its version. Nothing is set: the console takes SET for a change of its own settings,
 * and knows the simple query protocol only. Throws with the server's name and the reason.
 */
export async function openConsole(
  access: PostgresAccess,
  options: { readonly signal: AbortSignal; readonly connectTimeoutMs: number; readonly applicationName?: string },
): Promise<PgbouncerConsole> {
  const { connection } = access;
  const [endpoint] = endpointsOf(connection);
  try {
    const client = await connectClient(access, endpoint, {
      signal: options.signal,
      applicationName: options.applicationName ?? 'watchkeeper',
      connectTimeoutMs: Math.min(
        options.connectTimeoutMs,
        (connection.connectTimeoutSeconds || Number.POSITIVE_INFINITY) * 1_000,
      ),
    });
    const console = new ConsoleSession(client);
    try {
      await console.readVersion(options.signal);
      return console;
    } catch (error) {
      console.destroy();
      throw error;
    }
  } catch (error) {
    throw new Error(`connecting to ${formatConnectionUrl(connection)}`, { cause: error });
  }
}

class ConsoleSession extends ClientSession implements PgbouncerConsole {
  versionText = '';
  version: PgbouncerVersion | undefined;

  constructor(client: Client) {
    super(client);
  }

  async readVersion(signal: AbortSignal): Promise<void> {
    let rows: Row[];
    try {
      rows = await this.show('VERSION', { signal });
    } catch (error) {
      // PostgreSQL: unrecognized configuration parameter "version".
      if (errorCode(error) !== '42704') throw error;
      throw new NotConsole('what answers there is PostgreSQL, not the console of PgBouncer', { cause: error });
    }
    this.versionText = rows[0]?.['version'] ?? '';
    this.version = parseVersion(this.versionText);
  }

  async show(view: ConsoleView, { signal }: { readonly signal: AbortSignal }): Promise<Row[]> {
    const { version } = this;
    // Not asked for nothing: PgBouncer writes a line to its log for every command that it does not know.
    if (version !== undefined && isOlder(version, consoleViews[view].since)) {
      throw new ViewMissing(`${this.versionText} has no SHOW ${view}`);
    }
    try {
      return await this.query(`SHOW ${view}`, { signal });
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('invalid command'))) throw error;
      throw new ViewMissing(`${this.versionText} has no SHOW ${view}`, { cause: error });
    }
  }
}

/** `PgBouncer 1.24.1` → [1, 24]. */
function parseVersion(text: string): PgbouncerVersion | undefined {
  const [, major, minor] = /^PgBouncer (\d+)\.(\d+)/i.exec(text) ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)];
}

function isOlder([major, minor]: PgbouncerVersion, [wantedMajor, wantedMinor]: PgbouncerVersion): boolean {
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}
