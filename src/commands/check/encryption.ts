import type { LoadedBackup, LoadedConfig } from '../../config/loaded.ts';
import { errorMessage } from '../../core/errors.ts';
import { findProgram } from '../../core/find-program.ts';
import { type ReadIdentities, readIdentities } from '../../jobs/encryption/identities.ts';
import type { Findings } from './finding.ts';

/** Whether what is encrypted can be opened again, by the identities that are configured: nothing is fetched for it. */
export async function checkEncryption(
  config: Pick<LoadedConfig, 'targets' | 'identities'>,
  searchPath: string,
  findings: Findings,
): Promise<void> {
  const encrypted = config.targets.flatMap(({ backups }) =>
    backups.filter(({ recipients }) => recipients !== undefined),
  );
  if (encrypted.length === 0 && config.identities.length === 0) return;
  await checkProgram(encrypted, searchPath, findings);
  const read = await readIdentities(config.identities);
  for (const problem of read.problems) findings.error(errorMessage(problem));
  for (const backup of encrypted) checkBackup(backup, read, findings);
}

async function checkProgram(encrypted: readonly LoadedBackup[], searchPath: string, findings: Findings): Promise<void> {
  const age = await findProgram('age', searchPath);
  if (age !== undefined) findings.ok(`age is ${age}`);
  else if (encrypted.length > 0) {
    findings.warning(
      'age is not installed: this process encrypts, at about a tenth of the speed',
      'install the package age',
    );
  }
}

function checkBackup(
  { target, schedule, recipients = [], proof }: LoadedBackup,
  { identities }: ReadIdentities,
  findings: Findings,
): void {
  const name = `${target}/${schedule}`;
  const opens = identities.find(({ recipient }) => recipients.includes(recipient));
  if (opens !== undefined) {
    findings.ok(`backups of ${name} can be opened with the identity of ${opens.recipient}`);
    return;
  }
  const message = `no identity opens the backups of ${name}, which are encrypted to ${recipients.join(', ')}: they can be neither proven nor restored from here`;
  const remedy = 'name the identity that belongs to one of the recipients in encryption.identities';
  // Who proves nothing here may keep the identity elsewhere on purpose.
  if (proof === undefined && identities.length === 0) findings.warning(message, remedy);
  else findings.error(message, remedy);
}
