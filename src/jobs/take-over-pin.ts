import { isDeepStrictEqual } from 'node:util';
import type { WorkContext } from '../core/work-context.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { Manifest } from './manifest.ts';
import { readAskedPin } from './read-marks.ts';
import { isPinnedAt, marksPrefix, type Pin, pinName, putMark } from './retention-marks.ts';

export interface PinnedCopy {
  readonly manifest: Pick<Manifest, 'id' | 'target'>;
  /** Stores that have the backup already, at least one: the first pin counts. One that is away does not hinder the others. */
  readonly pinnedIn: readonly Pick<ObjectStore, 'get'>[];
  readonly destination: Pick<ObjectStore, 'get' | 'put' | 'delete'>;
}

type PinContext = Pick<WorkContext, 'clock' | 'signal'>;

/**
 * Gives a copy the pin of the backup it is made of, with its reason and its end; takes one away that the backup no
 * longer has. What restores and proofs pin while they read is their own. A pin that cannot be read counts, as everywhere.
 */
export async function takeOverPin(copy: PinnedCopy, context: PinContext): Promise<void> {
  const { manifest, destination } = copy;
  const about = { target: manifest.target, backupId: manifest.id };
  const pin = await pinOf(copy, about, context);
  if (isDeepStrictEqual(pin, await readAskedPin(destination, about, context))) return;
  if (pin !== undefined) await putMark(destination, pinName, pin, context.signal);
  else await destination.delete(`${marksPrefix(about.target, about.backupId)}${pinName}`, context.signal);
}

async function pinOf(
  { pinnedIn }: PinnedCopy,
  about: Pick<Pin, 'target' | 'backupId'>,
  context: PinContext,
): Promise<Pin | undefined> {
  const failures: unknown[] = [];
  for (const store of pinnedIn) {
    try {
      const pin = await readAskedPin(store, about, context);
      if (pin !== undefined && isPinnedAt(pin, context.clock.now())) return pin;
    } catch (error) {
      context.signal.throwIfAborted();
      failures.push(error);
    }
  }
  if (failures.length > 0 && failures.length === pinnedIn.length) throw failures[0];
  return undefined;
}
