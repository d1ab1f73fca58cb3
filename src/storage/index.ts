import type { Clock } from '../core/clock.ts';
import type { SecretSource } from '../core/secret.ts';
import { openFilesystemStore } from './filesystem.ts';
import type { ObjectStore } from './object-store.ts';
import { withRetry } from './retry.ts';
import { openS3Store } from './s3.ts';
import type { StoreSettings } from './settings.ts';

/** Opens the store that the settings describe, with retries. One line for each kind. */
export async function openStore(
  settings: StoreSettings,
  given: { readonly secretAccessKey: SecretSource | undefined; readonly clock: Clock },
): Promise<ObjectStore> {
  const { clock } = given;
  switch (settings.type) {
    case 'filesystem':
      return withRetry(await openFilesystemStore(settings.path, clock), { clock, attempts: 3, baseDelayMs: 200 });
    case 's3':
      // The SDK tries again by itself, and knows how the service wants it.
      return openS3Store(settings, given);
  }
}
