import { backupSettingsOf } from '../schema.ts';
import type { Check } from './check.ts';
import { checkSecret } from './servers.ts';

/** Encrypted backups that nobody here can open can be made, but not proven. */
export function checkEncryption(check: Check): void {
  const { encryption, targets } = check.config;
  const identities = encryption.identities ?? [];
  for (const [index, identity] of identities.entries()) {
    const path = ['encryption', 'identities', index];
    if (identity.startsWith('age1')) {
      check.problem(path, 'is a recipient, which is public: give the identity that belongs to it (AGE-SECRET-KEY-1…)');
    } else checkSecret(check, path, identity);
  }
  if (identities.length > 0) return;
  for (const [target, settings] of Object.entries(targets)) {
    for (const [schedule, backup] of Object.entries(backupSettingsOf(settings))) {
      const isEncrypted = backup.encryption ?? encryption.recipients;
      if (!isEncrypted || backup.verify === false) continue;
      const message =
        'these backups are encrypted, and cannot be proven without "encryption.identities"; where they are proven elsewhere, say "verify: false"';
      check.warning(['targets', target, 'backups', schedule], message);
    }
  }
}
