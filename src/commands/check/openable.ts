import type { LoadedBackup } from '../../config/loaded.ts';
import type { CatalogEntry } from '../../jobs/catalog.ts';
import type { ReadIdentities } from '../../jobs/encryption/identities.ts';
import type { Findings } from './finding.ts';

/**
 * Backups that were encrypted to others than the schedule has by now: keys are changed, and the old one must stay until
 * retention has deleted what was made for it. `entries`: of one lineage, newest first.
 */
export function checkOpenable(
  name: string,
  entries: readonly CatalogEntry[],
  backup: Pick<LoadedBackup, 'recipients'>,
  { identities }: ReadIdentities,
  findings: Findings,
): void {
  const known = new Set(identities.map(({ recipient }) => recipient));
  // What holds for the schedule as a whole is told once, by the check of its encryption.
  const present = [...(backup.recipients ?? [])].sort().join();
  const closed = entries.filter(({ manifest: { encryption } }) => {
    if (encryption === undefined || encryption.recipients.some((recipient) => known.has(recipient))) return false;
    return [...encryption.recipients].sort().join() !== present;
  });
  if (closed.length === 0) return;
  const recipients = [...new Set(closed.flatMap(({ manifest }) => manifest.encryption?.recipients ?? []))].join(', ');
  const remedy =
    'add the identity that opens them to encryption.identities, and keep it until retention has deleted them';
  const which = closed.length === 1 ? '1 backup' : `${closed.length} backups`;
  const message = `${name}: no identity opens ${which}, encrypted to ${recipients}`;
  if (closed[0] === entries[0]) findings.error(`${message}; the newest is among them`, remedy);
  else findings.warning(message, remedy);
}
