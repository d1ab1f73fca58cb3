import { slowQueries } from '../../collectors/postgres/slow-queries.ts';
import type { LoadedPostgres } from '../../config/loaded.ts';
import { errorMessage } from '../../core/errors.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import { type PostgresSession, quoteIdentifier } from '../../targets/postgres/session.ts';
import type { Findings } from './finding.ts';
import { oldestMajor } from './source.ts';

/** What watching a server needs: version, role, extension, connections. */
export async function checkWatching(
  target: LoadedPostgres,
  session: PostgresSession,
  findings: Findings,
  signal: AbortSignal,
): Promise<void> {
  const { user } = target.access.connection;
  findings.ok(`connected as "${user}" to PostgreSQL ${session.versionText}`);
  if (majorOf(session.version) < oldestMajor) {
    findings.error(
      `PostgreSQL ${session.versionText} is not supported`,
      `upgrade it to PostgreSQL ${oldestMajor} or newer`,
    );
    return;
  }
  if (session.isPooled) {
    findings.warning(
      'a connection pooler stands between here and the server: each statement runs in a transaction of its own, and pg_up is about both',
      'name the server itself in the URL; a PgBouncer is watched by a target with "engine: pgbouncer"',
    );
  }
  await checkRole(target, session, findings, signal);
  const { name, enabledByDefault } = slowQueries;
  if (target.watch.collectors[name] ?? enabledByDefault) await checkStatements(session, findings, signal);
}

async function checkRole(
  target: LoadedPostgres,
  session: PostgresSession,
  findings: Findings,
  signal: AbortSignal,
): Promise<void> {
  const [row] = await session.query(
    `SELECT rolsuper AS super, rolconnlimit AS limit, current_setting('max_connections') AS max,
            pg_has_role('pg_monitor', 'USAGE') OR
              (pg_has_role('pg_read_all_stats', 'USAGE') AND pg_has_role('pg_read_all_settings', 'USAGE')) AS monitor
       FROM pg_roles WHERE rolname = current_user`,
    { signal },
  );
  const role = quoteIdentifier(target.access.connection.user);
  if (row?.['super'] === 't') {
    findings.warning(
      'the role is a superuser, which watching does not need',
      'use a role made by deploy/sql/roles.sql',
    );
  } else if (row?.['monitor'] === 't') {
    findings.ok('the role may read all statistics (pg_monitor)');
  } else {
    findings.error(
      'the role is no member of pg_monitor: it sees its own sessions only, and figures about others are missing',
      `GRANT pg_monitor TO ${role};`,
    );
  }
  const limit = Number(row?.['limit'] ?? -1);
  const { connections, databaseConnections } = target.watch;
  const needed = connections + databaseConnections + 1;
  if (limit >= 0 && limit < needed) {
    findings.warning(
      `the role may hold ${limit} connections; watching uses up to ${needed}: ${connections} that stay, ${databaseConnections} for other databases, one for new logins`,
      `ALTER ROLE ${role} CONNECTION LIMIT ${needed}; or lower "watch.connections" or "watch.databaseConnections"`,
    );
  }
}

async function checkStatements(session: PostgresSession, findings: Findings, signal: AbortSignal): Promise<void> {
  const [extension] = await session.query(
    `SELECT n.nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = 'pg_stat_statements'`,
    { signal },
  );
  if (extension === undefined) {
    findings.warning(
      `the extension pg_stat_statements is not installed in database "${session.database}": statements are not measured`,
      `${preloadRemedy}; then CREATE EXTENSION pg_stat_statements; in that database`,
    );
    return;
  }
  try {
    const view = `${quoteIdentifier(extension['schema'] ?? 'public')}.pg_stat_statements`;
    await session.query(`SELECT 1 FROM ${view}(false) LIMIT 1`, { signal });
    findings.ok('pg_stat_statements is installed and readable');
  } catch (error) {
    signal.throwIfAborted();
    findings.warning(`pg_stat_statements cannot be read: ${errorMessage(error)}`, preloadRemedy);
  }
}

const preloadRemedy =
  'add pg_stat_statements to shared_preload_libraries and restart the server (on RDS: in the parameter group)';
