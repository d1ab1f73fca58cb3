import { randomBytes } from 'node:crypto';
import { abortable } from '../core/deadline.ts';
import { type ObjectStore, passingOn, StoreError } from './object-store.ts';

export interface Ways {
  /** Writes with `If-None-Match`. */
  readonly native: ObjectStore;
  /** Writes without. */
  readonly plain: ObjectStore;
  /** `plain`, with claims on top. */
  readonly claiming: ObjectStore;
}

const caution =
  'the service does not honour If-None-Match: who writes an object first is settled by claims below .claims/, which takes some more requests for every lease';

/**
 * A store that finds out before its first write whether the service honours `If-None-Match`, by writing one key twice. Some
 * ignore it and overwrite, some refuse the header. When the service is away the next write tries again.
 */
export function chosenByProbe(ways: Ways): ObjectStore {
  let choosing: Promise<ObjectStore> | undefined;
  let chosen: ObjectStore | undefined;
  const choose = async (signal: AbortSignal): Promise<ObjectStore> => {
    signal.throwIfAborted();
    choosing ??= (async () => {
      // Its own time: the first caller may give up while others wait for the same answer.
      chosen = (await honoursCondition(ways, AbortSignal.timeout(120_000))) ? ways.native : ways.claiming;
      return chosen;
    })().catch((error) => {
      choosing = undefined;
      throw error;
    });
    return abortable(choosing, signal);
  };
  return {
    ...passingOn(ways.native),
    put: async (key, body, signal) => (await choose(signal)).put(key, body, signal),
    putIfAbsent: async (key, bytes, signal) => (await choose(signal)).putIfAbsent(key, bytes, signal),
    cautions: () => [...(ways.native.cautions?.() ?? []), ...(chosen === ways.claiming ? [caution] : [])],
  };
}

async function honoursCondition({ native, plain }: Ways, signal: AbortSignal): Promise<boolean> {
  const key = `.probe/${randomBytes(8).toString('hex')}`;
  try {
    await native.putIfAbsent(key, Buffer.from('first'), signal);
    return !(await native.putIfAbsent(key, Buffer.from('second'), signal));
  } catch (error) {
    if (!(error instanceof StoreError) || error.kind !== 'misconfigured') throw error;
    // The header itself may be what was refused: then the same write without it is taken.
    await plain.put(key, Buffer.from('plain'), signal).catch(() => {
      throw error;
    });
    return false;
  } finally {
    await plain.delete(key, AbortSignal.timeout(15_000)).catch(() => undefined);
  }
}
