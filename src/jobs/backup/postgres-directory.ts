import { basename, dirname, join } from 'node:path';
import { formatBytes } from '../../core/bytes.ts';
import { findCause } from '../../core/errors.ts';
import { freeBytesOf } from '../../core/free-bytes.ts';
import { ProcessFailed, runProcess } from '../../core/run-process.ts';
import { withParentDeathSignal } from '../../core/util-linux.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../core/work-directory.ts';
import { type PostgresSession, quoteLiteral } from '../../targets/postgres/session.ts';
import { type JobContext, JobFailed } from '../job.ts';
import type { TableName } from './postgres-facts.ts';

/** pg_dump's directory format: several tables at once, into a folder that is stored as one part afterwards. */
export interface DirectoryFormat {
  /** An existing folder with room for the whole dump, which lies there uncompressed until it is stored. */
  readonly spoolDirectory: string;
  /** Tables that are dumped at once, each by a session of its own. */
  readonly parallelJobs: number;
}

/** The folder as pg_dump wrote it, in a tar. */
export const directoryPartName = 'database.tar.zst';

/** Begins the name of the folder a dump lies in until it is stored. */
export const dumpSpoolPrefix = 'watchkeeper-dump-';

/** Makes a folder of our own in the spool; rejects with reason `spool` when that is not possible. */
export async function openDumpSpool({ spoolDirectory }: DirectoryFormat): Promise<WorkDirectory> {
  return makeWorkDirectory({ prefix: dumpSpoolPrefix, parent: spoolDirectory }).catch((cause) => {
    throw new JobFailed('spool', `the spool directory ${spoolDirectory} cannot be used`, { cause });
  });
}

/**
 * Compares the size of the tables whose rows are dumped with what is free; rejects with reason `spool` when that is less. A dump
 * has no indexes and no dead rows, but what the server compresses it holds at full length: an estimate, not a promise.
 */
export async function requireSpoolSpace(
  from: {
    readonly session: PostgresSession;
    readonly tables: readonly TableName[];
    readonly withLargeObjects: boolean;
  },
  { spoolDirectory }: DirectoryFormat,
  signal: AbortSignal,
): Promise<void> {
  const neededBytes = await estimateDump(from, signal);
  const freeBytes = await freeBytesOf(spoolDirectory);
  if (neededBytes <= freeBytes) return;
  const figures = `about ${formatBytes(neededBytes)} are needed, ${formatBytes(freeBytes)} free`;
  throw new JobFailed('spool', `not enough space for the dump in ${spoolDirectory}: ${figures}`);
}

async function estimateDump(
  { session, tables, withLargeObjects }: Parameters<typeof requireSpoolSpace>[0],
  signal: AbortSignal,
): Promise<number> {
  const names = tables.map(({ schema, name }) => `(${quoteLiteral(schema)}, ${quoteLiteral(name)})`);
  const largeObjects = withLargeObjects ? "pg_table_size('pg_catalog.pg_largeobject')" : '0';
  const ofTables =
    names.length === 0
      ? '0'
      : `(SELECT coalesce(sum(pg_table_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE (n.nspname::text, c.relname::text) IN (${names.join(', ')}))`;
  const [row] = await session.query(`SELECT ${ofTables} + ${largeObjects} AS bytes`, { signal });
  return Number(row?.['bytes'] ?? 0);
}

/** Runs pg_dump into the spool. Rejects with reason `spool` when that is full. */
export async function dumpIntoSpool(
  run: {
    readonly program: string;
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly spool: WorkDirectory;
    readonly format: DirectoryFormat;
  },
  { signal, onProgress }: JobContext,
): Promise<void> {
  const { format, spool, env } = run;
  onProgress({ activity: 'dumping into the spool' });
  const directory = [
    '--format=directory',
    `--jobs=${format.parallelJobs}`,
    `--file=${folderIn(spool)}`,
    // Nothing in the spool outlives this process.
    '--no-sync',
    // It writes to a disk and would not notice that we were killed. Where the kernel does not tell it, its next word does.
    '--verbose',
  ];
  const command = { program: run.program, args: [...run.args, ...directory] };
  const { program, args } = await withParentDeathSignal('TERM', command);
  try {
    await runProcess(program, args, { signal, env, stderrNoise: chatter });
  } catch (error) {
    throw isSpoolFull(error) ? spoolFull(format, error) : error;
  }
}

/** What pg_dump tells besides failures. */
const chatter = /^pg_dump: (?!error|fatal|warning|detail|hint)/;

const folderName = 'database';

function folderIn({ path }: WorkDirectory): string {
  return join(path, folderName);
}

/** The disk of the server may be full as well; its errors come with a line that says whose they are. */
function isSpoolFull(error: unknown): boolean {
  const stderr = findCause(error, ProcessFailed)?.stderr ?? '';
  return /^pg_dump: (error: |fatal: )?could not [^\n]*: (No space left on device|Disk quota exceeded)/m.test(stderr);
}

function spoolFull({ spoolDirectory }: DirectoryFormat, cause: unknown): JobFailed {
  return new JobFailed('spool', `no space left in the spool directory ${spoolDirectory}`, { cause });
}

/** Writes the dump in the spool to standard output. Understood by the tar of GNU, BSD and BusyBox. */
export function packing(spool: WorkDirectory): { readonly program: string; readonly args: readonly string[] } {
  return { program: 'tar', args: ['-cf', '-', '-C', spool.path, folderName] };
}

/** Reads a tar from standard input and puts its one folder at `path`. Owners are those of who unpacks. */
export function unpacking(path: string): { readonly program: string; readonly args: readonly string[] } {
  if (basename(path) !== folderName) throw new JobFailed('damaged', `${basename(path)} is no dump in directory format`);
  return { program: 'tar', args: ['-xof', '-', '-C', dirname(path)] };
}
