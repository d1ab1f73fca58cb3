import type { Clock } from '../../core/clock.ts';
import { metric } from '../../core/metric.ts';
import { type PostgresAccess, withDatabase } from '../../targets/libpq/access.ts';
import { isSelected } from '../../targets/postgres/databases.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import { openVisit, openWatchPool } from '../../targets/postgres/watch-pool.ts';
import type { DatabaseWatch } from '../databases.ts';
import type { Watch } from '../watch.ts';
import { customCollector } from './custom/collector.ts';
import type { CustomFamily } from './custom/family.ts';
import { discoverDatabases } from './databases.ts';
import { postgresCollectors } from './index.ts';
import { pgScrapeMetrics } from './scrape-metrics.ts';
import type { PostgresWatchSettings } from './settings.ts';
import type { PostgresSource } from './source.ts';

/** A PostgreSQL server that is to be watched. */
export interface WatchedPostgres {
  readonly name: string;
  readonly engine: 'postgres';
  readonly access: PostgresAccess;
  readonly watch: PostgresWatchSettings;
  /** Families that the user wrote. */
  readonly customFamilies?: readonly CustomFamily[];
}

export const pgUp = metric({
  name: 'pg_up',
  type: 'gauge',
  help: 'Whether the server lets us log in and answers. A new login is tried every watch.loginInterval, so that old sessions do not hide that others cannot log in.',
  labels: [],
  source: 'a login',
  unit: 'boolean',
});

/** The server ends a statement first; only when it does not, for instance because nobody is there any more, do we. */
const serverEndsFirstMs = 500;

/** Opens nothing yet: the first scrape logs in. */
export function watchPostgres(target: WatchedPostgres, clock: Clock): Watch<PostgresSession, PostgresSource> {
  const { name, engine, access, watch } = target;
  const own = { database: access.connection.database };
  return {
    name,
    engine,
    up: pgUp,
    peer: pgScrapeMetrics,
    collectors: [...postgresCollectors, ...(target.customFamilies ?? []).map(customCollector)].filter(
      (one) => watch.collectors[one.name] ?? one.enabledByDefault,
    ),
    sessions: openWatchPool({
      access,
      connections: watch.connections,
      statementTimeoutMs: watch.statementTimeout,
      lockTimeoutMs: watch.lockTimeout,
      loginIntervalMs: watch.loginInterval,
      clock,
      onOpen: ({ database }) => Object.assign(own, { database }),
    }),
    concurrency: watch.connections,
    sourceOf: (session) => ({ session, settings: watch }),
    databases: databaseWatch(target, own),
    familyTimeoutMs: watch.statementTimeout + serverEndsFirstMs,
  };
}

/** `own` is told at each login what the server calls the database of the URL. */
function databaseWatch(
  { access, watch }: WatchedPostgres,
  own: { readonly database: string },
): DatabaseWatch<PostgresSession, PostgresSource> {
  const limits = { statementTimeoutMs: watch.statementTimeout, lockTimeoutMs: watch.lockTimeout };
  return {
    get own() {
      return own.database;
    },
    isOwnWatched: isSelected(watch.databases, own.database),
    discover: (source, context) => discoverDatabases(source, context, watch.databases),
    open: (database, signal) => openVisit(withDatabase(access, database), limits, signal),
    concurrency: watch.databaseConnections,
    perScrape: watch.databasesPerScrape,
    patienceMs: watch.statementTimeout,
  };
}
