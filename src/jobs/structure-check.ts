import { join } from 'node:path';
import { errorMessage, findCause } from '../core/errors.ts';
import { ProcessFailed, startProcess } from '../core/run-process.ts';
import type { PostgresAccess } from '../targets/libpq/access.ts';
import { libpqLogin } from '../targets/postgres/libpq.ts';
import { chooseInstallation, type ProgramInstallation } from '../targets/postgres/programs.ts';
import { openSession } from '../targets/postgres/session.ts';
import type { JobContext } from './job.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

/** What pg_amcheck said of the tables and indexes of a restored database. */
export type StructureCheckResult =
  | { readonly result: 'clean' }
  | { readonly result: 'damaged'; readonly detail: string }
  /** It is not to be had here, or the server does not let us: that says nothing about the backup. */
  | { readonly result: 'not_run'; readonly detail: string };

export type StructureCheck = (sandbox: Sandbox, context: JobContext) => Promise<StructureCheckResult>;

const firstMajor = 14;
/** pg_amcheck: it ran to its end and found damage. */
const damagedExitCode = 2;
const mostLines = 6;
const mostBytes = 64 * 1_024;

/** Checks every table and every B-tree index with pg_amcheck, each index against its table. Rejects only when the signal fires. */
export function structureCheck(installations: readonly ProgramInstallation[]): StructureCheck {
  return async (sandbox, context) => {
    if (sandbox.major < firstMajor) {
      return { result: 'not_run', detail: `it needs PostgreSQL ${firstMajor}, the sandbox is ${sandbox.major}` };
    }
    try {
      const { directory } = chooseInstallation(installations, {
        programs: ['pg_amcheck'],
        serverMajor: sandbox.major,
      });
      await createExtension(sandbox.access, context.signal);
      return await runAmcheck(join(directory, 'pg_amcheck'), sandbox.access, context.signal);
    } catch (error) {
      context.signal.throwIfAborted();
      return { result: 'not_run', detail: errorMessage(error) };
    }
  };
}

/** In a schema of its own: the database may have something of the name. */
async function createExtension(access: PostgresAccess, signal: AbortSignal): Promise<void> {
  await using session = await openSession(access, { signal });
  const [existing] = await session.query("SELECT FROM pg_catalog.pg_extension WHERE extname = 'amcheck'", { signal });
  if (existing !== undefined) return;
  await session.query('CREATE SCHEMA watchkeeper_amcheck', { signal });
  await session.query('CREATE EXTENSION amcheck SCHEMA watchkeeper_amcheck', { signal });
}

async function runAmcheck(program: string, access: PostgresAccess, signal: AbortSignal): Promise<StructureCheckResult> {
  await using login = await libpqLogin(access);
  // What pg_restore takes as --dbname is for pg_amcheck, whose --dbname is a pattern, the name of the database.
  const database = login.argument.replace(/^--dbname=/, '');
  const args = ['--no-password', '--jobs=2', '--heapallindexed', '--parent-check', database];
  const running = startProcess(program, args, { signal, env: login.env });
  let said = '';
  running.stdout.on('data', (chunk: Buffer) => {
    if (said.length < mostBytes) said += chunk.toString('utf8');
  });
  try {
    await running.exited;
    return { result: 'clean' };
  } catch (error) {
    if (findCause(error, ProcessFailed)?.exitCode !== damagedExitCode) throw error;
    return { result: 'damaged', detail: firstLines(said) };
  }
}

function firstLines(text: string): string {
  const lines = text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  const more = lines.length - mostLines;
  return `${lines.slice(0, mostLines).join(' | ')}${more > 0 ? ` | and ${more} more lines` : ''}`;
}
