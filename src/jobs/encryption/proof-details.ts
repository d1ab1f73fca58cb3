import type { Manifest, Proof } from '../manifest.ts';
import { sealText } from './sealed-text.ts';

/**
 * A report as it is stored. That of an encrypted backup quotes rows, names and messages of the server: they are sealed to the
 * recipients of the backup, and what is left says how it went.
 */
export async function closeProof(proof: Proof, encryption: Manifest['encryption']): Promise<Proof> {
  if (encryption === undefined) return proof;
  const { backupId, reason, notes, assertions, facts } = proof;
  const details = { backupId, reason, notes, differing: facts.differing, assertions };
  return {
    ...proof,
    ...(reason === undefined ? {} : { reason: plainReason(proof) }),
    notes: [],
    facts: { compared: facts.compared, differing: [] },
    assertions: [],
    details: await sealText(details, encryption.recipients),
  };
}

/** Places of damage and public keys are no secret; everything else may quote what is. */
function plainReason({ cause, obstacle, reason, facts, assertions }: Proof): string {
  if (cause === 'damaged' || obstacle === 'identity') return reason ?? '';
  const more = 'the details of this report say more';
  if (cause === 'different') return `${facts.differing.length} facts differ from the source; ${more}`;
  if (cause === 'asserted')
    return `${assertions.filter(({ passed }) => !passed).length} assertions are not met; ${more}`;
  if (cause === 'restore') return `the restore failed; ${more}`;
  return `it could not be tried (${obstacle ?? 'place'}); ${more}`;
}
