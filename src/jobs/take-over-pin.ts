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

/** What the copy had when it was looked at; no pin is one, too. */
export interface TakenPin {
  readonly pin: Pin | undefined;
}

type PinContext = Pick<WorkContext, 'clock' | 'signal'>;

/**
 * Gives a copy the pin of the backup it is made of, with its reason and its end; takes one away that the backup no
 * longer has, unless a store could not be asked, which may have it. What restores and proofs pin while they read is their
 * own. A pin that cannot be read counts, as everywhere.
 * @param before what an earlier look left: what the copy has is then changed only if it is still that. Otherwise somebody
 *   who found the copy has pinned or unpinned it himself, and may not have come to the other stores yet.
 */
export async function takeOverPin(copy: PinnedCopy, context: PinContext, before?: TakenPin): Promise<TakenPin> {
  const { manifest, destination } = copy;
  const about = { target: manifest.target, backupId: manifest.id };
  const { pin, isCertain } = await pinOf(copy, about, context);
  const present = await readAskedPin(destination, about, context);
  const isWanted = isDeepStrictEqual(pin, present) || (before !== undefined && !isDeepStrictEqual(before.pin, present));
  const mayBeWanted = !isCertain && (pin === undefined || (present && isPinnedAt(present, context.clock.now())));
  if (isWanted || mayBeWanted) return { pin: present };
  if (pin !== undefined) await putMark(destination, pinName, pin, context.signal);
  else await destination.delete(`${marksPrefix(about.target, about.backupId)}${pinName}`, context.signal);
  return { pin };
}

interface FoundPin extends TakenPin {
  /** False when a store could not be asked before a pin was found. */
  readonly isCertain: boolean;
}

async function pinOf(
  { pinnedIn }: PinnedCopy,
  about: Pick<Pin, 'target' | 'backupId'>,
  context: PinContext,
): Promise<FoundPin> {
  const failures: unknown[] = [];
  for (const store of pinnedIn) {
    try {
      const pin = await readAskedPin(store, about, context);
      if (pin !== undefined && isPinnedAt(pin, context.clock.now())) return { pin, isCertain: failures.length === 0 };
    } catch (error) {
      context.signal.throwIfAborted();
      failures.push(error);
    }
  }
  if (failures.length > 0 && failures.length === pinnedIn.length) throw failures[0];
  return { pin: undefined, isCertain: failures.length === 0 };
}
