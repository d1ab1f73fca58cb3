import type { Scope } from '../../jobs/backup/selection.ts';
import type { Row } from '../../targets/libpq/client-session.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import { type PostgresSession, quoteIdentifier } from '../../targets/postgres/session.ts';
import type { Findings } from './finding.ts';
import { checkSelections } from './selections.ts';
import type { BackupOfDatabase, SourceDatabase } from './source.ts';

const namedTables = 5;

/** What backing up one database needs of its role; and what programs and sandbox must fit. */
export async function checkReading(
  backup: BackupOfDatabase,
  session: PostgresSession,
  findings: Findings,
  signal: AbortSignal,
): Promise<SourceDatabase> {
  const role = quoteIdentifier(backup.access.connection.user);
  const scopes = await checkSelections(backup.chosen, session, findings, signal);
  const unreadable = await listUnreadable(session, scopes, signal);
  if (unreadable.length > 0) {
    findings.error(unreadableMessage(role, unreadable), readRemedy(role, majorOf(session.version)));
  } else if (scopes.length > 0) findings.ok(`role ${role} may read everything that is dumped`);
  await checkRowSecurity(role, session, { findings, scopes }, signal);
  if (scopes.some(({ hasLargeObjects }) => hasLargeObjects)) await checkLargeObjects(role, session, findings, signal);
  await checkStandby(session, findings, signal);
  const [size] = await session.query('SELECT pg_database_size(current_database()) AS bytes', { signal });
  const extensions = await session.query(
    "SELECT extname AS name FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1",
    {
      signal,
    },
  );
  return {
    target: backup.target,
    database: backup.database,
    major: majorOf(session.version),
    extensions: extensions.map((row) => row['name'] ?? ''),
    sizeBytes: Number(size?.['bytes'] ?? 0),
    sandbox: backup.proof?.sandbox,
  };
}

/** Tables and sequences that pg_dump would lock or read and this role may not; the first ones are named, the others counted. */
async function listUnreadable(
  session: PostgresSession,
  scopes: readonly Scope[],
  signal: AbortSignal,
): Promise<string[]> {
  const rows = await session.query(
    `SELECT n.nspname AS schema, c.relname AS name
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't'
        AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_depend d
                         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
        AND NOT (has_schema_privilege(n.oid, 'USAGE') AND
                 CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
                                ELSE has_table_privilege(c.oid, 'SELECT') END)
      ORDER BY 1, 2`,
    { signal },
  );
  return firstNames(inAny(scopes, rows));
}

/** Names of those relations that somebody backs up. */
function inAny(scopes: readonly Scope[], rows: readonly Row[]): string[] {
  const relations = rows.map((row) => ({ schema: row['schema'] ?? '', name: row['name'] ?? '' }));
  return relations
    .filter(({ schema, name }) => scopes.some((scope) => scope.has(schema, name)))
    .map(({ schema, name }) => `${schema}.${name}`);
}

function firstNames(names: readonly string[]): string[] {
  if (names.length <= namedTables) return [...names];
  return [...names.slice(0, namedTables), `${names.length - namedTables} more`];
}

function unreadableMessage(role: string, unreadable: readonly string[]): string {
  return `role ${role} may not read ${unreadable.join(', ')}: the backup would fail`;
}

function readRemedy(role: string, major: number): string {
  if (major >= 14) return `GRANT pg_read_all_data TO ${role};`;
  return `for each schema: GRANT USAGE ON SCHEMA … TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA … TO ${role}; GRANT SELECT ON ALL SEQUENCES IN SCHEMA … TO ${role}; and ALTER DEFAULT PRIVILEGES for what comes later`;
}

/** With row security in force pg_dump refuses, rightly: it would keep a part only. */
async function checkRowSecurity(
  role: string,
  session: PostgresSession,
  { findings, scopes }: { readonly findings: Findings; readonly scopes: readonly Scope[] },
  signal: AbortSignal,
): Promise<void> {
  const rows = await session.query(
    `SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relrowsecurity AND row_security_active(c.oid) ORDER BY 1, 2`,
    { signal },
  );
  const names = firstNames(inAny(scopes, rows));
  if (names.length === 0) return;
  findings.error(
    `row security hides rows of ${names.join(', ')} from role ${role}: the backup would fail`,
    `ALTER ROLE ${role} BYPASSRLS;`,
  );
}

async function checkLargeObjects(
  role: string,
  session: PostgresSession,
  findings: Findings,
  signal: AbortSignal,
): Promise<void> {
  const [row] = await session.query(
    `SELECT count(*) AS amount FROM pg_largeobject_metadata
      WHERE NOT pg_has_role(lomowner, 'USAGE')
        AND NOT EXISTS (SELECT FROM aclexplode(lomacl) a WHERE a.privilege_type = 'SELECT'
                           AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))`,
    { signal },
  );
  const amount = Number(row?.['amount'] ?? 0);
  if (amount === 0) return;
  findings.error(
    `role ${role} may not read ${amount} large objects: the backup would fail`,
    `GRANT SELECT ON LARGE OBJECT … TO ${role}; for each, or back up as their owner; pg_read_all_data does not cover them`,
  );
}

async function checkStandby(session: PostgresSession, findings: Findings, signal: AbortSignal): Promise<void> {
  const [row] = await session.query(
    "SELECT pg_is_in_recovery() AS standby, current_setting('hot_standby_feedback') AS feedback",
    { signal },
  );
  if (row?.['standby'] !== 't' || row['feedback'] === 'on') return;
  findings.warning(
    'the server is a standby without hot_standby_feedback: a long backup may be cancelled by replay',
    'set hot_standby_feedback = on there, or back up from the primary',
  );
}
