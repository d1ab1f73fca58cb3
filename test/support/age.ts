import { generateX25519Identity } from 'age-encryption';
import { literalSecret, type SecretSource } from '../../src/core/secret.ts';
import { type Identity, parseIdentities } from '../../src/jobs/encryption/age-keys.ts';

/** A new key pair. */
export async function newIdentity(): Promise<Identity & { readonly source: SecretSource }> {
  const text = await generateX25519Identity();
  const [identity] = await parseIdentities(text);
  if (identity === undefined) throw new Error('no identity');
  return { ...identity, source: literalSecret(`${text}\n`, 'file:/run/secrets/backup-key') };
}
