import type { Clock } from '../../core/clock.ts';
import { metric } from '../../core/metric.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import type { PgbouncerConsole } from '../../targets/pgbouncer/console.ts';
import { openConsolePool } from '../../targets/pgbouncer/watch-pool.ts';
import type { Watch } from '../watch.ts';
import { pgbouncerCollectors } from './index.ts';
import type { PgbouncerWatchSettings } from './settings.ts';
import type { PgbouncerSource } from './source.ts';

/** A PgBouncer that is to be watched. */
export interface WatchedPgbouncer {
  readonly name: string;
  readonly engine: 'pgbouncer';
  readonly access: PostgresAccess;
  readonly watch: PgbouncerWatchSettings;
}

export const pgbouncerUp = metric({
  name: 'pgbouncer_up',
  type: 'gauge',
  help: 'Whether the console of PgBouncer lets us log in and answers. A new login is tried every watch.loginInterval, so that an old session does not hide that others cannot log in.',
  labels: [],
  source: 'a login',
  unit: 'boolean',
});

/** Opens nothing yet: the first scrape logs in. */
export function watchPgbouncer(target: WatchedPgbouncer, clock: Clock): Watch<PgbouncerConsole, PgbouncerSource> {
  const { name, engine, access, watch } = target;
  return {
    name,
    engine,
    up: pgbouncerUp,
    collectors: pgbouncerCollectors.filter((one) => watch.collectors[one.name] ?? one.enabledByDefault),
    sessions: openConsolePool({ access, loginIntervalMs: watch.loginInterval, clock }),
    concurrency: 1,
    sourceOf: (console) => ({ console, settings: watch }),
    familyTimeoutMs: watch.timeout,
  };
}
