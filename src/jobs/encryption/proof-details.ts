import { z } from 'zod';
import type { Manifest, Proof } from '../manifest.ts';
import type { Identity } from './age-keys.ts';
import { sealText, unsealText } from './sealed-text.ts';

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

const reasonSchema = z.object({ backupId: z.string(), reason: z.string() });

/** Why it is not proven, in full where one of the identities opens that; otherwise as everybody may read it. */
export async function fullReason(proof: Proof, identities: readonly Identity[]): Promise<string | undefined> {
  if (proof.details === undefined || identities.length === 0) return proof.reason;
  const opened = reasonSchema.safeParse(await unsealText(proof.details, identities).catch(() => undefined));
  return opened.success && opened.data.backupId === proof.backupId ? opened.data.reason : proof.reason;
}

/** Places of damage and public keys are no secret; everything else may quote what is. */
function plainReason({ cause, obstacle, reason, facts, assertions }: Proof): string {
  if (cause === 'damaged' || obstacle === 'identity') return reason ?? '';
  const more = 'the details of this report say more';
  if (cause === 'different') return `the restore differs from the source (facts: ${facts.differing.length}); ${more}`;
  if (cause === 'asserted') return `assertions not met: ${assertions.filter(({ passed }) => !passed).length}; ${more}`;
  if (cause === 'restore') return `the restore failed; ${more}`;
  return `it could not be tried (${obstacle ?? 'place'}); ${more}`;
}
