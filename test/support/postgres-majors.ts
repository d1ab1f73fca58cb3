import { chmod, realpath, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { runProcess } from '../../src/core/run-process.ts';
import { type UnixUser, unprivilegedUser } from '../../src/core/unprivileged-user.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../src/core/work-directory.ts';
import { findInstallations, type ProgramInstallation } from '../../src/targets/postgres/programs.ts';

/** Every major version of PostgreSQL that is watched. */
export const postgresMajors = [12, 13, 14, 15, 16, 17, 18] as const;
export type PostgresMajor = (typeof postgresMajors)[number];

const servers = join(import.meta.dirname, '../../.cache/postgres/node_modules');
const clients = join(import.meta.dirname, '../../.cache/postgres-programs');
const platform = `${process.platform}-${process.arch}`;
const never = new AbortController().signal;

const copies: WorkDirectory[] = [];
/** For programs that are no tests; after tests it happens by itself. */
export async function removeProgramCopies(): Promise<void> {
  for (const copy of copies.splice(0)) await copy[Symbol.asyncDispose]();
}
if (process.env['VITEST'] !== undefined) afterAll(removeProgramCopies);

const found = new Map<PostgresMajor, Promise<ProgramInstallation>>();

/**
 * The server programs of a major: the package that `test/servers` pins, or else what the machine has. The package holds
 * initdb and postgres alone. Throws with what to do when there are none.
 */
export function installationOfMajor(major: PostgresMajor): Promise<ProgramInstallation> {
  const known = found.get(major) ?? findMajor(major);
  found.set(major, known);
  return known;
}

/** The majors whose own pg_dump and pg_restore the tests have: those of `test/servers/programs.txt`, and the usual machine's. */
export const clientMajors = [13, 15, 16, 17, 18] as const;

/**
 * Server and client programs of one major in one folder, as distributions have it, where packages bring them apart. Throws
 * with what to do when there are none.
 */
export async function wholeInstallation(major: (typeof clientMajors)[number]): Promise<ProgramInstallation> {
  const server = await installationOfMajor(major);
  const found = await findInstallations([join(clients, `${major}`)], process.env['PATH'] ?? '', never);
  const client = found.find(
    (one) => one.major === major && one.programs.has('pg_dump') && one.programs.has('pg_restore'),
  );
  if (client === undefined) {
    const remedy = `run "sh scripts/setup test", or install postgresql-client-${major}`;
    throw new Error(`there is no pg_dump of PostgreSQL ${major} for the tests: ${remedy}`);
  }
  const folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-programs-' });
  copies.push(folder);
  await chmod(folder.path, 0o755);
  const ofServer = ['initdb', 'postgres'].map((name) => join(server.directory, name));
  const ofClient = ['pg_dump', 'pg_restore', 'pg_dumpall', 'psql'].map((name) => join(client.directory, name));
  for (const program of [...ofServer, ...ofClient]) await symlink(program, join(folder.path, basename(program)));
  const whole = (await findInstallations([folder.path], '', never)).find(({ directory }) => directory === folder.path);
  if (whole === undefined) throw new Error(`the programs of PostgreSQL ${major} do not run`);
  return whole;
}

async function findMajor(major: PostgresMajor): Promise<ProgramInstallation> {
  const pinned = join(servers, `postgres-${major}-${platform}`, 'native/bin');
  const installations = await findInstallations([pinned], process.env['PATH'] ?? '', never);
  const ofMajor = installations.filter((one) => one.major === major && one.programs.has('initdb'));
  const [first] = ofMajor.sort((a, b) => Number(b.directory === pinned) - Number(a.directory === pinned));
  if (first === undefined) {
    throw new Error(
      `there is no server of PostgreSQL ${major} for the tests: run "sh scripts/setup test", or install postgresql-${major}`,
    );
  }
  return reachable(first, await unprivilegedUser());
}

/** Servers run as another user when we are root, who cannot look into folders like /root: then a copy of them is used. */
async function reachable(installation: ProgramInstallation, user: UnixUser | undefined): Promise<ProgramInstallation> {
  if (user === undefined || (await everybodyMayEnter(await realpath(installation.directory)))) return installation;
  const copy = await makeWorkDirectory({ prefix: 'watchkeeper-test-programs-', owner: user });
  copies.push(copy);
  await runProcess('cp', ['-R', dirname(installation.directory), join(copy.path, 'native')], { signal: never });
  return { ...installation, directory: join(copy.path, 'native/bin') };
}

async function everybodyMayEnter(directory: string): Promise<boolean> {
  const { mode } = await stat(directory);
  if ((mode & 0o001) === 0) return false;
  return directory === '/' || everybodyMayEnter(dirname(directory));
}
