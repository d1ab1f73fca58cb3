import type { Clock } from '../../core/clock.ts';
import type { PostgresAccess } from '../libpq/access.ts';
import { classifyLoginFailure } from '../libpq/login-failure.ts';
import { SessionPool } from '../session-pool.ts';
import { openSession, type PostgresSession } from './session.ts';

/** What the server does to a statement of ours that takes too long, in milliseconds. */
export interface WatchLimits {
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
}

export interface WatchPoolOptions extends WatchLimits {
  readonly access: PostgresAccess;
  /** Sessions kept. */
  readonly connections: number;
  readonly loginIntervalMs: number;
  /** Told of each session before it is used. */
  readonly onOpen?: (session: PostgresSession) => void;
  readonly clock: Clock;
}

/** Less than a scrape has, so that a server that does not answer is told as such and the answer still is on time. */
const loginTimeoutMs = 3_000;

/** The sessions with which one server is watched: they change nothing, wait for nothing and cannot be led astray. */
export function openWatchPool(options: WatchPoolOptions): SessionPool<PostgresSession> {
  const settings = watchSessionSettings(options);
  return new SessionPool<PostgresSession>({
    open: async (signal) => {
      const how = { signal, settings, statementsStandAlone: true, connectTimeoutMs: loginTimeoutMs };
      const session = await openSession(options.access, how);
      options.onOpen?.(session);
      return session;
    },
    classify: classifyLoginFailure,
    size: options.connections,
    loginIntervalMs: options.loginIntervalMs,
    loginTimeoutMs,
    clock: options.clock,
  });
}

/** A session of the same kind for a look into another database; the caller closes it. */
export function openVisit(access: PostgresAccess, limits: WatchLimits, signal: AbortSignal): Promise<PostgresSession> {
  const settings = watchSessionSettings(limits);
  return openSession(access, { signal, settings, statementsStandAlone: true, connectTimeoutMs: loginTimeoutMs });
}

/** Made by SET after login: PgBouncer refuses them as start-up options. */
function watchSessionSettings({ statementTimeoutMs, lockTimeoutMs }: WatchLimits): Record<string, string> {
  return {
    statement_timeout: String(Math.ceil(statementTimeoutMs)),
    lock_timeout: String(Math.ceil(lockTimeoutMs)),
    idle_in_transaction_session_timeout: String(Math.ceil(statementTimeoutMs)),
    default_transaction_read_only: 'on',
    // No schema of a user can shadow a function or an operator of ours.
    search_path: 'pg_catalog',
    // Both cost more than such statements take.
    jit: 'off',
    max_parallel_workers_per_gather: '0',
  };
}
