import { access } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadedSandbox } from '../../config/loaded.ts';
import { formatBytes } from '../../core/bytes.ts';
import { errorMessage } from '../../core/errors.ts';
import { freeBytesOf } from '../../core/free-bytes.ts';
import { runProcess } from '../../core/run-process.ts';
import { type UnixUser, unprivilegedUser } from '../../core/unprivileged-user.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { majorOf } from '../../targets/postgres/major-version.ts';
import type { ProgramInstallation } from '../../targets/postgres/programs.ts';
import { type PostgresSession, quoteIdentifier } from '../../targets/postgres/session.ts';
import type { Findings } from './finding.ts';
import { reportProgram } from './programs.ts';
import { type SourceDatabase, withSession } from './source.ts';

type SandboxContext = WorkContext & {
  readonly timeoutMs: number;
  readonly installations: readonly ProgramInstallation[];
};

/** Whether the backups of `sources` could be restored in the sandbox: version, extensions, privileges, space. */
export async function checkSandbox(
  sandbox: LoadedSandbox,
  sources: readonly SourceDatabase[],
  findings: Findings,
  context: SandboxContext,
): Promise<void> {
  if (sandbox.type === 'local') {
    await checkLocal(sandbox, sources, findings, context);
    await checkSpace(sandbox.directory ?? tmpdir(), sources, findings);
    return;
  }
  await withSession(sandbox.access, findings, context, (session, signal) =>
    checkServer(session, sources, findings, signal),
  );
  await checkSpace(tmpdir(), sources, findings);
}

async function checkLocal(
  sandbox: LoadedSandbox & { readonly type: 'local' },
  sources: readonly SourceDatabase[],
  findings: Findings,
  context: SandboxContext,
): Promise<void> {
  let user: UnixUser | undefined;
  try {
    user = await unprivilegedUser(sandbox.user);
  } catch (error) {
    findings.error(errorMessage(error), 'make a user and name it in the sandbox’s "user"');
    return;
  }
  for (const [major, group] of groupByMajor(sources)) {
    const wanted = { serverMajor: major, server: `backups of PostgreSQL ${major}` };
    const installation = reportProgram(['initdb', 'postgres'], wanted, context, findings);
    if (installation === undefined) continue;
    const folder = await extensionFolder(installation, user, context.signal);
    if (folder === undefined) continue;
    const exists = (name: string) =>
      access(join(folder, `${name}.control`)).then(
        () => true,
        () => false,
      );
    await reportExtensions(group, installation.major, exists, findings);
  }
}

/** Where `CREATE EXTENSION` looks: `initdb --show` prints it without making anything. */
async function extensionFolder(
  installation: ProgramInstallation,
  user: UnixUser | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const lines: string[] = [];
  const options = { signal, user, cwd: '/', onStderrLine: (line: string) => lines.push(line) };
  // Some versions end with an error after printing; the lines are what counts.
  await runProcess(join(installation.directory, 'initdb'), ['--show', '-D', '/nonexistent'], options).catch(() => '');
  const share = lines.map((line) => /^share_path=(.*)$/.exec(line.trim())?.[1]).find((path) => path !== undefined);
  return share === undefined ? undefined : join(share, 'extension');
}

async function checkServer(
  session: PostgresSession,
  sources: readonly SourceDatabase[],
  findings: Findings,
  signal: AbortSignal,
): Promise<void> {
  const [role] = await session.query(
    'SELECT rolname AS name, rolcreatedb OR rolsuper AS creates FROM pg_roles WHERE rolname = current_user',
    { signal },
  );
  const name = quoteIdentifier(role?.['name'] ?? '');
  if (role?.['creates'] === 't')
    findings.ok(`role ${name} may make scratch databases on PostgreSQL ${session.versionText}`);
  else findings.error(`role ${name} may not make a scratch database`, `ALTER ROLE ${name} CREATEDB;`);
  const newest = Math.max(...sources.map(({ major }) => major));
  if (majorOf(session.version) < newest) {
    findings.error(
      `the server is PostgreSQL ${session.versionText}, too old for backups of PostgreSQL ${newest}`,
      `use a server of PostgreSQL ${newest} or newer, or leave "sandbox" out`,
    );
  }
  const rows = await session.query('SELECT name FROM pg_available_extensions', { signal });
  const available = new Set(rows.map((row) => row['name']));
  await reportExtensions(sources, majorOf(session.version), async (extension) => available.has(extension), findings);
}

async function reportExtensions(
  sources: readonly SourceDatabase[],
  major: number,
  exists: (name: string) => Promise<boolean>,
  findings: Findings,
): Promise<void> {
  for (const name of new Set(sources.flatMap(({ extensions }) => extensions))) {
    if (await exists(name)) continue;
    const users = sources.filter(({ extensions }) => extensions.includes(name));
    const databases = users.map(({ target, database }) => `${target}/${database}`).join(', ');
    findings.error(
      `the extension ${name} of ${databases} is not available there: a restore could not be proven`,
      `install ${name} for PostgreSQL ${major} where the sandbox runs`,
    );
  }
}

/** A restored database and its fetched dump are no larger than the source; one proof at a time is the least. */
async function checkSpace(directory: string, sources: readonly SourceDatabase[], findings: Findings): Promise<void> {
  const [largest] = [...sources].sort((a, b) => b.sizeBytes - a.sizeBytes);
  if (largest === undefined) return;
  let freeBytes: number;
  try {
    freeBytes = await freeBytesOf(directory);
  } catch (error) {
    findings.error(`the folder ${directory} cannot be used: ${errorMessage(error)}`, 'make it, or name another one');
    return;
  }
  const neededBytes = 2 * largest.sizeBytes;
  if (freeBytes >= neededBytes) return;
  findings.warning(
    `proving ${largest.target}/${largest.database} may take up to ${formatBytes(neededBytes)} in ${directory}, ${formatBytes(freeBytes)} are free`,
    'make room, or give the sandbox another "directory"',
  );
}

function groupByMajor(sources: readonly SourceDatabase[]): Map<number, readonly SourceDatabase[]> {
  return Map.groupBy(sources, ({ major }) => major);
}
