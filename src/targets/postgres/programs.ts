import { access, constants, readdir, realpath } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { ProgramMissing, runProcess } from '../../core/run-process.ts';

export const postgresPrograms = [
  'pg_dump',
  'pg_restore',
  'pg_dumpall',
  'psql',
  'initdb',
  'postgres',
  'pg_basebackup',
  'pg_amcheck',
] as const;
export type PostgresProgram = (typeof postgresPrograms)[number];

/** A folder with PostgreSQL's programs of one version. */
export interface ProgramInstallation {
  readonly directory: string;
  readonly major: number;
  /** As the programs print it, e.g. `15.20`. */
  readonly version: string;
  readonly programs: ReadonlySet<PostgresProgram>;
}

/**
 * Every installation on this machine, newest first: `directories` (from the configuration), the places where
 * distributions put them, and the PATH.
 */
export async function findInstallations(
  directories: readonly string[],
  searchPath: string,
  signal: AbortSignal,
): Promise<ProgramInstallation[]> {
  const candidates = [...directories, ...(await distributionDirectories()), ...searchPath.split(delimiter)];
  const found = new Map<string, ProgramInstallation>();
  for (const directory of new Set(candidates.filter((one) => one !== ''))) {
    const installation = await inspectDirectory(directory, signal);
    if (installation !== undefined) found.set(directory, installation);
  }
  return [...found.values()].sort((a, b) => b.major - a.major);
}

/** `programs` of the lowest major that is at least `serverMajor`: pg_dump refuses a newer server, and loads into newer ones only. */
export function chooseInstallation(
  installations: readonly ProgramInstallation[],
  wanted: { readonly programs: readonly PostgresProgram[]; readonly serverMajor: number },
): ProgramInstallation {
  const complete = installations.filter((one) => wanted.programs.every((program) => one.programs.has(program)));
  const fitting = complete.filter((one) => one.major >= wanted.serverMajor).sort((a, b) => a.major - b.major);
  const [best] = fitting;
  if (best !== undefined) return best;
  throw new ProgramMissing(missingMessage(complete, wanted));
}

function missingMessage(
  complete: readonly ProgramInstallation[],
  wanted: { readonly programs: readonly PostgresProgram[]; readonly serverMajor: number },
): string {
  const names = wanted.programs.join(', ');
  const [newest] = complete;
  const found =
    newest === undefined ? `no ${names} was found` : `the newest found is ${newest.version} in ${newest.directory}`;
  const needsServer = wanted.programs.includes('postgres') || wanted.programs.includes('initdb');
  const packageName = `postgresql-${needsServer ? '' : 'client-'}${wanted.serverMajor}`;
  return `${names} of PostgreSQL ${wanted.serverMajor} or newer is needed for this server, ${found}; install ${packageName} or name its folder in "programs.postgres"`;
}

async function distributionDirectories(): Promise<string[]> {
  const debian = await subdirectories('/usr/lib/postgresql', (name) => `/usr/lib/postgresql/${name}/bin`);
  const redHat = await subdirectories('/usr', (name) => (name.startsWith('pgsql-') ? `/usr/${name}/bin` : undefined));
  const brew = await subdirectories('/opt/homebrew/opt', (name) =>
    name.startsWith('postgresql') ? `/opt/homebrew/opt/${name}/bin` : undefined,
  );
  return [...debian, ...redHat, ...brew, '/usr/libexec/postgresql'];
}

async function subdirectories(parent: string, toPath: (name: string) => string | undefined): Promise<string[]> {
  const names = await readdir(parent).catch(() => []);
  return names.map(toPath).filter((path) => path !== undefined);
}

async function inspectDirectory(directory: string, signal: AbortSignal): Promise<ProgramInstallation | undefined> {
  const programs = new Set<PostgresProgram>();
  for (const program of postgresPrograms) {
    if (await isExecutable(join(directory, program))) programs.add(program);
  }
  // Debian's /usr/bin holds wrappers that pick a version by themselves; the real programs are found by their own folder.
  const [probe] = programs;
  if (probe === undefined || (await realpath(join(directory, probe))).endsWith('pg_wrapper')) return undefined;
  const version = await programVersion(join(directory, probe), signal);
  return version === undefined ? undefined : { directory, programs, version, major: Number.parseInt(version, 10) };
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** `pg_dump (PostgreSQL) 15.20 (Debian …)` → `15.20`; undefined when the program does not run. */
async function programVersion(path: string, signal: AbortSignal): Promise<string | undefined> {
  const output = await runProcess(path, ['--version'], { signal }).catch(() => '');
  return /\(PostgreSQL\) (\d+(?:\.\d+|devel|beta\d+|rc\d+)?)/.exec(output)?.[1];
}
