import { errorMessage } from '../../core/errors.ts';
import { findProgram } from '../../core/find-program.ts';
import { chooseInstallation, type PostgresProgram, type ProgramInstallation } from '../../targets/postgres/programs.ts';
import type { Findings } from './finding.ts';
import type { SourceDatabase } from './source.ts';

/** pg_dump for each source, pg_dumpall where roles are backed up, and zstd. */
export async function checkPrograms(
  sources: readonly SourceDatabase[],
  given: {
    readonly installations: readonly ProgramInstallation[];
    readonly searchPath: string;
    /** Targets whose roles are backed up. */
    readonly withRoles: ReadonlySet<string>;
  },
  findings: Findings,
): Promise<void> {
  const majors = [...new Set(sources.map(({ major }) => major))].sort((a, b) => a - b);
  for (const major of majors) {
    const targets = [...new Set(sources.filter((one) => one.major === major).map(({ target }) => target))];
    const wantedBy = (names: readonly string[]) => ({
      serverMajor: major,
      server: `PostgreSQL ${major} (${names.join(', ')})`,
    });
    reportProgram(['pg_dump', 'pg_restore'], wantedBy(targets), given, findings);
    const withRoles = targets.filter((target) => given.withRoles.has(target));
    if (withRoles.length > 0) reportProgram(['pg_dumpall', 'psql'], wantedBy(withRoles), given, findings);
  }
  const zstd = await findProgram('zstd', given.searchPath);
  if (zstd !== undefined) findings.ok(`zstd is ${zstd}`);
  else findings.warning('zstd is not installed: backups are compressed on one core', 'install the package zstd');
}

/** Names both versions: that of the program and that of the server. Returns the installation that would be used. */
export function reportProgram(
  programs: readonly PostgresProgram[],
  wanted: { readonly serverMajor: number; readonly server: string },
  given: { readonly installations: readonly ProgramInstallation[] },
  findings: Findings,
): ProgramInstallation | undefined {
  try {
    const { serverMajor } = wanted;
    const installation = chooseInstallation(given.installations, { programs, serverMajor });
    findings.ok(`${programs.join(', ')} ${installation.version} in ${installation.directory} fit ${wanted.server}`);
    return installation;
  } catch (error) {
    // The message names what was found, what is needed and the package.
    const [message = '', remedy] = errorMessage(error).split(/; (?=install )/);
    findings.error(message, remedy);
    return undefined;
  }
}
