import type { Clock } from '../../core/clock.ts';
import type { PostgresAccess } from '../libpq/access.ts';
import { classifyLoginFailure } from '../libpq/login-failure.ts';
import { SessionPool } from '../session-pool.ts';
import { openConsole, type PgbouncerConsole } from './console.ts';

/** Less than a scrape has, so that a console that does not answer is told as such and the answer still is on time. */
const loginTimeoutMs = 3_000;

/** One session: PgBouncer is one thread, and answers one question after the other. */
export function openConsolePool(options: {
  readonly access: PostgresAccess;
  readonly loginIntervalMs: number;
  readonly clock: Clock;
}): SessionPool<PgbouncerConsole> {
  const { access, loginIntervalMs, clock } = options;
  return new SessionPool<PgbouncerConsole>({
    open: (signal) => openConsole(access, { signal, connectTimeoutMs: loginTimeoutMs }),
    classify: classifyLoginFailure,
    size: 1,
    loginIntervalMs,
    loginTimeoutMs,
    clock,
  });
}
