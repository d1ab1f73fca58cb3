import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess } from '../../core/run-process.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { libpqLogin } from '../../targets/postgres/libpq.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import { chooseInstallation, type ProgramInstallation } from '../../targets/postgres/programs.ts';
import { openSession, type PostgresSession, quoteIdentifier } from '../../targets/postgres/session.ts';
import { type JobContext, JobFailed } from '../job.ts';
import type { Fact, Part } from '../manifest.ts';
import { contentName } from '../part-name.ts';
import { everybodyFact, everybodySql } from './everybody-settings.ts';
import type { BackupMethod, PartSink, RestoreRequest, TakenBackup } from './method.ts';
import type { ClosingOptions } from './open-content.ts';
import { requireOwnConnections } from './pooling.ts';
import { streamProgram } from './postgres-dump.ts';
import { factSettings } from './postgres-facts.ts';
import { describeSource } from './postgres-snapshot.ts';

export interface PostgresGlobalsOptions extends ClosingOptions {
  readonly installations: readonly ProgramInstallation[];
}

const rolesPartName = 'roles.sql.zst';
const tablespacesPartName = 'tablespaces.sql.zst';
const settingsPartName = 'settings.sql.zst';

/**
 * Roles and tablespaces of a server, which are in no dump of a database, as SQL by `pg_dumpall`, and settings of every role,
 * which are not in its output. A proof makes the roles on a throw-away server and compares their attributes, memberships,
 * settings and rights to parameters. Tablespaces are paths of the server's
 * machine: they are kept, and not tried.
 */
export function postgresGlobals(options: PostgresGlobalsOptions): BackupMethod {
  return {
    format: 'postgres-globals/1',
    take: (access, sink, context) => takeGlobals(options, access, sink, context),
    restore: (request, context) => restoreRoles(options, request, context),
    async measure(access, manifest, { signal }) {
      const hasPasswords = manifest.facts.items.some(({ name }) => name.startsWith('password '));
      await using session = await openSession(asHelper(access), { signal, settings: factSettings });
      return await roleFacts(session, hasPasswords, signal);
    },
  };
}

/** There is no snapshot for pg_dumpall: roles that changed meanwhile are reason to try again. */
async function takeGlobals(
  options: PostgresGlobalsOptions,
  access: PostgresAccess,
  sink: PartSink,
  context: JobContext,
): Promise<TakenBackup> {
  const { signal } = context;
  await requireOwnConnections(access, context);
  await using session = await openSession(access, {
    signal,
    applicationName: 'watchkeeper backup',
    settings: factSettings,
  });
  const installation = chooseInstallation(options.installations, {
    programs: ['pg_dumpall', 'psql'],
    serverMajor: majorOf(session.version),
  });
  const described = await describeSource(session, signal);
  const [row] = await session.query(
    `SELECT has_table_privilege('pg_authid', 'SELECT') AS passwords, clock_timestamp()::text AS now,
            (SELECT rolname FROM pg_roles WHERE oid = 10) AS bootstrap`,
    { signal },
  );
  const hasPasswords = row?.['passwords'] === 't';
  const snapshotAt = context.clock.now();
  const facts = await roleFacts(session, hasPasswords, signal);
  await using login = await libpqLogin(session.access);
  const common = ['--no-password', login.argument];
  const dumping = [...common, ...(hasPasswords ? [] : ['--no-role-passwords'])];
  const printing = ['--no-psqlrc', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1', ...common];
  const part = (name: string, program: 'pg_dumpall' | 'psql', args: readonly string[]): Promise<Part> => {
    const path = join(installation.directory, program);
    return streamProgram({ name, program: path, args, env: login.env }, options, sink, context);
  };
  const parts = [
    await part(rolesPartName, 'pg_dumpall', [...dumping, '--roles-only']),
    await part(tablespacesPartName, 'pg_dumpall', [...dumping, '--tablespaces-only']),
    await part(settingsPartName, 'psql', [...printing, `--command=${everybodySql}`]),
  ];
  requireSame(facts, await roleFacts(session, hasPasswords, signal));
  return {
    snapshotAt,
    // No database is restored: nothing of one is needed where a restore is tried.
    source: {
      ...described,
      roles: [],
      superusers: [],
      memberships: [],
      extensions: [],
      bootstrapRole: row?.['bootstrap'] ?? '',
    },
    tools: { pg_dumpall: installation.version },
    encryption: options.encryption,
    parts,
    facts: { mode: 'rows', items: facts },
  };
}

function requireSame(before: readonly Fact[], after: readonly Fact[]): void {
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  throw new JobFailed('source_changed', 'roles were changed while they were backed up', { transient: true });
}

/** With it the roles of the source are made and read; a name that no source has. */
const helperRole = 'watchkeeper_sandbox_helper';

function asHelper(access: PostgresAccess): PostgresAccess {
  return { connection: { ...access.connection, user: helperRole } };
}

/**
 * Makes the roles on a throw-away server, whose first superuser takes the name of the source's: since version 16 what that
 * one granted can be granted by no other.
 */
async function restoreRoles(
  { installations }: PostgresGlobalsOptions,
  { manifest, contentPath, into, ownership }: RestoreRequest,
  { signal }: JobContext,
): Promise<void> {
  if (ownership !== 'restore' || !(await isFresh(into, signal))) {
    const how = 'load roles.sql with psql by hand, see docs/backup-format.md';
    throw new JobFailed(
      'inconclusive',
      `roles belong to a whole server, and are made on a throw-away one only; ${how}`,
    );
  }
  const { bootstrapRole = 'postgres' } = manifest.source;
  const serverMajor = await prepareServer(into, bootstrapRole, signal);
  const dumpMajor = Number.parseInt(manifest.tools['pg_dumpall'] ?? '0', 10);
  const psql = chooseInstallation(installations, { programs: ['psql'], serverMajor: Math.max(serverMajor, dumpMajor) });
  const file = contentPath(rolesPartName);
  const made = `CREATE ROLE ${quoteIfNeeded(bootstrapRole)};`;
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== made);
  await writeFile(file, lines.join('\n'), { mode: 0o600 });
  await using login = await libpqLogin(asHelper(into));
  const args = ['--no-psqlrc', '--quiet', '--no-password', '--set=ON_ERROR_STOP=1', login.argument, `--file=${file}`];
  // Backups from before there was this part do not have it.
  if (manifest.parts.some(({ name }) => contentName(name) === contentName(settingsPartName))) {
    args.push(`--file=${contentPath(settingsPartName)}`);
  }
  await runProcess(join(psql.directory, 'psql'), args, { signal, env: login.env });
}

/** Whether the server has nothing but what initdb made, and the database of the proof: roles of others are never touched. */
async function isFresh(into: PostgresAccess, signal: AbortSignal): Promise<boolean> {
  await using session = await openSession(into, { signal });
  const [row] = await session.query(
    `SELECT (SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname NOT LIKE 'pg\\_%') = 1
        AND (SELECT count(*) FROM pg_catalog.pg_database
              WHERE NOT datistemplate AND datname NOT IN ('postgres', current_database())) = 0 AS fresh`,
    { signal },
  );
  return row?.['fresh'] === 't';
}

/** As pg_dumpall writes identifiers. */
function quoteIfNeeded(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteIdentifier(name);
}

/** Returns the major version of the server. */
async function prepareServer(into: PostgresAccess, bootstrapRole: string, signal: AbortSignal): Promise<number> {
  const { user } = into.connection;
  await using first = await openSession(into, { signal });
  await first.query(`CREATE ROLE ${helperRole} SUPERUSER LOGIN`, { signal });
  // What every role of the source loads may not be installed here, and would let nobody in. Nothing is loaded now.
  for (const setting of ['session_preload_libraries', 'local_preload_libraries']) {
    await first.query(`ALTER ROLE ${helperRole} SET ${setting} FROM CURRENT`, { signal });
  }
  if (user !== bootstrapRole) {
    await using helper = await openSession(asHelper(into), { signal });
    await helper.query(`ALTER ROLE ${quoteIdentifier(user)} RENAME TO ${quoteIdentifier(bootstrapRole)}`, { signal });
  }
  return majorOf(first.version);
}

/** A predefined role is the server's own; of passwords only the kind is told, which nobody can guess them by. */
async function roleFacts(session: PostgresSession, hasPasswords: boolean, signal: AbortSignal): Promise<Fact[]> {
  const facts: Fact[] = [];
  for (const sql of roleQueries(session.version, hasPasswords)) {
    const rows = await session.query(sql, { signal });
    facts.push(...rows.map((row): Fact => ({ name: row['name'] ?? '', value: row['value'] ?? '', compare: 'equal' })));
  }
  return facts;
}

/** SQL of what is told of roles by a server of a version such as 150020. */
export function roleQueries(version: number, hasPasswords: boolean): readonly string[] {
  const own = (column: string) => `${column} NOT LIKE 'pg\\_%' AND ${column} <> '${helperRole}'`;
  const options = version >= 160_000 ? ', m.inherit_option, m.set_option' : '';
  return [
    `SELECT 'role ' || r.rolname AS name, ROW(r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
            r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil, shobj_description(r.oid, 'pg_authid'))::text AS value
       FROM pg_roles r WHERE ${own('r.rolname')} ORDER BY 1`,
    `SELECT format('member %s of %s', pg_get_userbyid(m.member), pg_get_userbyid(m.roleid)) AS name,
            string_agg(ROW(m.admin_option${options}, pg_get_userbyid(m.grantor))::text, ' ' ORDER BY pg_get_userbyid(m.grantor)) AS value
       FROM pg_auth_members m WHERE ${own('pg_get_userbyid(m.member)')} AND pg_get_userbyid(m.member) NOT LIKE 'pg\\_%' GROUP BY 1 ORDER BY 1`,
    `SELECT 'settings ' || r.rolname AS name, array_to_string(ARRAY(SELECT c FROM unnest(s.setconfig) AS c ORDER BY 1), ', ') AS value
       FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE s.setdatabase = 0 AND ${own('r.rolname')} ORDER BY 1`,
    ...(hasPasswords
      ? [
          `SELECT 'password ' || a.rolname AS name, CASE WHEN a.rolpassword IS NULL THEN 'none' WHEN a.rolpassword LIKE 'SCRAM-SHA-256$%'
                  THEN 'scram-sha-256' ELSE 'md5' END AS value FROM pg_authid a WHERE ${own('a.rolname')} ORDER BY 1`,
        ]
      : []),
    everybodyFact,
    ...(version >= 150_000 ? [parameterRights] : []),
  ];
}

/** `GRANT SET ON PARAMETER`, which pg_dumpall has with the roles. */
const parameterRights = `SELECT 'parameter ' || p.parname AS name, array_to_string(ARRAY(
         SELECT format('%s %s %s by %s', CASE e.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(e.grantee) END, e.privilege_type,
           e.is_grantable, pg_get_userbyid(e.grantor)) FROM aclexplode(p.paracl) AS e ORDER BY 1), ', ') AS value
    FROM pg_parameter_acl p ORDER BY 1`;
