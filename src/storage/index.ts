import type { Clock } from '../core/clock.ts';
import type { SecretSource } from '../core/secret.ts';
import { withBandwidth } from './bandwidth.ts';
import { withCapacity } from './capacity.ts';
import { withConcurrency } from './concurrency.ts';
import { openFilesystemStore } from './filesystem.ts';
import type { ObjectStore } from './object-store.ts';
import { withRetry } from './retry.ts';
import { openS3Store } from './s3.ts';
import type { StoreSettings } from './settings.ts';

interface Given {
  readonly secretAccessKey: SecretSource | undefined;
  readonly clock: Clock;
}

/** Opens the store that the settings describe, with retries and limits. */
export async function openStore(settings: StoreSettings, given: Given): Promise<ObjectStore> {
  const { bandwidth, concurrency, capacity } = settings;
  const opened = await openKind(settings, given);
  const store = capacity === undefined ? opened : withCapacity(opened, capacity);
  const slowed = bandwidth === undefined ? store : withBandwidth(store, bandwidth, given.clock);
  return concurrency === undefined ? slowed : withConcurrency(slowed, concurrency);
}

/** One line for each kind. */
async function openKind(settings: StoreSettings, given: Given): Promise<ObjectStore> {
  const { clock } = given;
  switch (settings.type) {
    case 'filesystem':
      return withRetry(await openFilesystemStore(settings.path, clock, settings), {
        clock,
        attempts: 3,
        baseDelayMs: 200,
      });
    case 's3':
      // The SDK tries again by itself, and knows how the service wants it.
      return openS3Store(settings, given);
  }
}
