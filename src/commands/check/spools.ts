import { access, constants } from 'node:fs/promises';
import type { LoadedBackup, LoadedConfig } from '../../config/loaded.ts';
import { formatBytes } from '../../core/bytes.ts';
import { errorMessage } from '../../core/errors.ts';
import { findProgram } from '../../core/find-program.ts';
import { freeBytesOf } from '../../core/free-bytes.ts';
import type { Findings } from './finding.ts';
import type { SourceDatabase } from './source.ts';

/** What dumps in directory format need besides the programs of PostgreSQL: tar, and a folder with room. */
export async function checkSpools(
  config: LoadedConfig,
  sources: readonly SourceDatabase[],
  searchPath: string,
  findings: Findings,
): Promise<void> {
  const backups = config.targets.flatMap((target) => target.backups);
  const spooling = backups.filter(({ settings }) => settings.format === 'directory');
  if (spooling.length === 0) return;
  const tar = await findProgram('tar', searchPath);
  if (tar === undefined) findings.error('tar is not installed: format directory needs it', 'install the package tar');
  const byDirectory = Map.groupBy(spooling, ({ settings }) => settings.spoolDirectory ?? '');
  for (const [directory, users] of byDirectory) {
    const dumped = sources.filter((source) => users.some((backup) => isDumpedBy(backup, source)));
    await checkSpool(directory, dumped, findings);
  }
}

function isDumpedBy(backup: LoadedBackup, { target, database }: SourceDatabase): boolean {
  return backup.target === target && backup.databases.includes(database);
}

async function checkSpool(directory: string, sources: readonly SourceDatabase[], findings: Findings): Promise<void> {
  const freeBytes = await freeBytesIn(directory, findings);
  if (freeBytes === undefined) return;
  const [largest] = [...sources].sort((a, b) => b.sizeBytes - a.sizeBytes);
  if (largest === undefined || freeBytes >= largest.sizeBytes) {
    findings.ok(`${formatBytes(freeBytes)} are free in ${directory}`);
    return;
  }
  const needed = `${largest.target}/${largest.database} may take up to ${formatBytes(largest.sizeBytes)}`;
  findings.warning(`a dump of ${needed} in ${directory}, ${formatBytes(freeBytes)} are free`, 'make room there');
}

/** What is free in a spool directory; undefined where it cannot be used, which is then a finding. */
export async function freeBytesIn(directory: string, findings: Findings): Promise<number | undefined> {
  try {
    await access(directory, constants.W_OK | constants.X_OK);
    return await freeBytesOf(directory);
  } catch (error) {
    const message = `the spool directory ${directory} cannot be used: ${errorMessage(error)}`;
    findings.error(message, 'make it, or name another one in "spoolDirectory"');
    return undefined;
  }
}
