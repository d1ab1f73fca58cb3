import { errorCode, errorMessage } from '../../core/errors.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { withDatabase } from '../../targets/libpq/access.ts';
import { openSession, type PostgresSession, quoteIdentifier, quoteLiteral } from '../../targets/postgres/session.ts';
import type { BackupSource } from '../manifest.ts';

/** What belongs to a database itself and not to what is in it. */
export type DatabaseProperties = NonNullable<BackupSource['properties']>;

/** Of the database that the session is logged in to. */
export async function readDatabaseProperties(
  session: PostgresSession,
  signal: AbortSignal,
): Promise<DatabaseProperties> {
  const [row] = await session.query(
    `SELECT pg_get_userbyid(datdba) AS owner, shobj_description(oid, 'pg_database') AS comment, datconnlimit AS most,
            datacl IS NULL AS usual FROM pg_catalog.pg_database WHERE datname = current_database()`,
    { signal },
  );
  const rights = await session.query(
    `SELECT CASE WHEN e.grantee <> 0 THEN pg_get_userbyid(e.grantee) END AS grantee, e.privilege_type AS privilege, e.is_grantable AS grantable
       FROM pg_catalog.pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) AS e WHERE d.datname = current_database() ORDER BY 1, 2, 3`,
    { signal },
  );
  const settings = await session.query(
    `SELECT r.rolname AS role, split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
       FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
       LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole CROSS JOIN LATERAL unnest(s.setconfig) AS c
      WHERE d.datname = current_database() AND (s.setrole = 0 OR r.oid IS NOT NULL) ORDER BY 1, 2`,
    { signal },
  );
  return {
    owner: row?.['owner'] ?? '',
    comment: row?.['comment'] ?? null,
    connectionLimit: Number(row?.['most'] ?? -1),
    rights:
      row?.['usual'] === 't'
        ? null
        : rights.map(({ grantee, privilege, grantable }) => ({
            grantee: grantee ?? null,
            privilege: privilege ?? '',
            grantable: grantable === 't',
          })),
    settings: settings.map(({ role, name, value }) => ({ role: role ?? null, name: name ?? '', value: value ?? '' })),
  };
}

interface Step {
  /** For people, when it fails. */
  readonly what: string;
  readonly sql: string;
}

/** What could not be given to a restored database. */
export interface LeftOut {
  /** `the owner of the database`, `the setting work_mem of the database`; null: all settings. */
  readonly what: string | null;
  /** Why, for people, without values. */
  readonly note: string;
}

/**
 * Gives a restored database what the source's had; a new session is the first that its settings hold for. What cannot be
 * given is named: the data is there all the same.
 */
export async function restoreDatabaseProperties(
  properties: DatabaseProperties,
  into: {
    /** Of the same server. */
    readonly session: PostgresSession;
    readonly access: PostgresAccess;
    readonly database: string;
    readonly ownership: 'restore' | 'ignore';
  },
  signal: AbortSignal,
): Promise<readonly LeftOut[]> {
  const { session, database, ownership } = into;
  const take = (steps: readonly Step[]) => takeSteps(session, steps, signal);
  const { settings } = properties;
  return [
    ...(ownership === 'restore' ? await take(ownerSteps(properties, database)) : []),
    ...(await take(settings.map((setting) => settingStep(setting, database)))),
    // Before the limit of connections, which may let nobody in by itself.
    ...(settings.length > 0 ? await withoutHarm(properties, into, signal) : []),
    ...(await take(otherSteps(properties, database))),
  ];
}

/** What the catalog says otherwise than the source's, in the words of {@link LeftOut}. Values are not quoted: they may be secrets. */
export function differingProperties(
  source: DatabaseProperties,
  restored: DatabaseProperties,
  ownership: 'restore' | 'ignore',
): string[] {
  const [expected, actual] = [source, restored].map((properties) => describeProperties(properties, ownership));
  const names = new Set([...(expected?.keys() ?? []), ...(actual?.keys() ?? [])]);
  return [...names].filter((name) => expected?.get(name) !== actual?.get(name));
}

/** By the words for each. */
function describeProperties(properties: DatabaseProperties, ownership: 'restore' | 'ignore'): Map<string, string> {
  const { owner, rights, settings, comment, connectionLimit } = properties;
  return new Map([
    ...(ownership === 'restore' ? [[ownerWords, owner] as const, [rightsWords, describeRights(rights)] as const] : []),
    // As they are set: a list is the same list however its items are quoted.
    ...settings.map((setting) => [settingWords(setting), settingValue(setting)] as const),
    [commentWords, String(comment)],
    [limitWords, String(connectionLimit)],
  ]);
}

/** Who granted a right is not restored, so two who granted the same are one. */
function describeRights(rights: DatabaseProperties['rights']): string {
  if (rights === null) return 'usual';
  const granted = new Map<string, boolean>();
  for (const { grantee, privilege, grantable } of rights) {
    const key = JSON.stringify([grantee, privilege]);
    granted.set(key, grantable || granted.get(key) === true);
  }
  return JSON.stringify([...granted].sort());
}

/** Resolves with those that cannot be taken. Rejects only when the signal fires. */
async function takeSteps(
  session: PostgresSession,
  steps: readonly Step[],
  signal: AbortSignal,
): Promise<readonly LeftOut[]> {
  const leftOut: LeftOut[] = [];
  for (const { what, sql } of steps) {
    await session.query(sql, { signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      leftOut.push({ what, note: `${what} was not restored: ${withoutValue(error)}` });
    });
  }
  return leftOut;
}

/** The message of invalid_parameter_value quotes the value, which may be a secret of the application. */
function withoutValue(error: unknown): string {
  return errorCode(error) === '22023' ? 'the server does not take its value' : errorMessage(error);
}

const ownerWords = 'the owner of the database';
const rightsWords = 'who may use the database';
const commentWords = 'the comment on the database';
const limitWords = 'the limit of connections of the database';

function settingWords({ role, name }: Pick<Setting, 'role' | 'name'>): string {
  return `the setting ${name} of the database${role === null ? '' : ` for role ${role}`}`;
}

function ownerSteps({ owner, rights }: DatabaseProperties, database: string): Step[] {
  const name = quoteIdentifier(database);
  const given = (rights ?? []).map(({ grantee, privilege, grantable }) => {
    const role = grantee === null ? 'PUBLIC' : quoteIdentifier(grantee);
    return `GRANT ${privilege} ON DATABASE ${name} TO ${role}${grantable ? ' WITH GRANT OPTION' : ''}`;
  });
  const taken = `REVOKE ALL ON DATABASE ${name} FROM PUBLIC, ${quoteIdentifier(owner)}`;
  return [
    { what: ownerWords, sql: `ALTER DATABASE ${name} OWNER TO ${quoteIdentifier(owner)}` },
    ...(rights === null ? [] : [{ what: rightsWords, sql: [taken, ...given].join('; ') }]),
  ];
}

type Setting = DatabaseProperties['settings'][number];

function settingStep(setting: Setting, database: string): Step {
  const sql = `${alteration(setting, database)} SET ${quoteIdentifier(setting.name)} TO ${settingValue(setting)}`;
  return { what: settingWords(setting), sql };
}

function alteration({ role }: Pick<Setting, 'role'>, database: string): string {
  return `ALTER ${role === null ? '' : `ROLE ${quoteIdentifier(role)} IN `}DATABASE ${quoteIdentifier(database)}`;
}

function otherSteps({ comment, connectionLimit }: DatabaseProperties, database: string): Step[] {
  const name = quoteIdentifier(database);
  const steps: Step[] = [];
  if (comment !== null) {
    const sql = `COMMENT ON DATABASE ${name} IS ${quoteLiteral(comment)}`;
    steps.push({ what: commentWords, sql });
  }
  if (connectionLimit !== -1) {
    const sql = `ALTER DATABASE ${name} CONNECTION LIMIT ${connectionLimit}`;
    steps.push({ what: limitWords, sql });
  }
  return steps;
}

/** Settings that the catalog keeps as a list of quoted names (`GUC_LIST_QUOTE`): as one literal they would be one name. */
export const listSettings: ReadonlySet<string> = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);

function settingValue({ name, value }: { readonly name: string; readonly value: string }): string {
  if (!listSettings.has(name.toLowerCase())) return quoteLiteral(value);
  const items = [...value.matchAll(/"((?:[^"]|"")*)"|[^,\s]+/g)].map(
    ([item, quoted]) => quoted?.replaceAll('""', '"') ?? item,
  );
  return items.length === 0 ? "''" : items.map(quoteLiteral).join(', ');
}

/** What says nothing about the settings: connections, resources, and what an administrator or a shutdown does. */
const passing = /^(08|53|57)/;

/** Settings that let nobody in (a library that is not installed here) are worse than none. Rejects only when the signal fires. */
async function withoutHarm(
  { settings }: DatabaseProperties,
  { session, access, database }: Parameters<typeof restoreDatabaseProperties>[1],
  signal: AbortSignal,
): Promise<readonly LeftOut[]> {
  try {
    await (await openSession(withDatabase(access, database), { signal }))[Symbol.asyncDispose]();
    return [];
  } catch (error) {
    signal.throwIfAborted();
    const code = sqlState(error);
    if (code === undefined || passing.test(code)) {
      const note = `whether sessions can be opened with the settings of the database was not found out: ${errorMessage(error)}`;
      return [{ what: null, note }];
    }
    const roles = new Set(settings.map(({ role }) => role));
    const steps = [...roles].map((role) => ({
      what: `the state without settings${role === null ? '' : ` for role ${role}`}`,
      sql: `${alteration({ role }, database)} RESET ALL`,
    }));
    const note = `the settings of the database were left out, since no session could be opened with them: ${errorMessage(error)}`;
    return [{ what: null, note }, ...(await takeSteps(session, steps, signal))];
  }
}

function sqlState(error: unknown): string | undefined {
  const code = errorCode(error);
  return code !== undefined && /^\d[0-9A-Z]{4}$/.test(code) ? code : undefined;
}
