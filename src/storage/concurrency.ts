import { Readable } from 'node:stream';
import { abortable } from '../core/deadline.ts';
import { isHousekeeping, type ObjectStore, passingOn } from './object-store.ts';

/** Places of which each is taken by one at a time; who comes first gets the next free one. */
class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  /** Resolves with the function that gives the place back; calling it again does nothing. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    let taken = true;
    return () => {
      if (taken) this.#giveBack();
      taken = false;
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn.resolve);
    try {
      await abortable(turn.promise, signal);
    } catch (error) {
      const index = this.#waiting.indexOf(turn.resolve);
      // No longer in the queue: the place was given at the moment the caller gave up.
      if (index < 0) this.#giveBack();
      else this.#waiting.splice(index, 1);
      throw error;
    }
  }

  #giveBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

/**
 * A store with at most `transfers` dumps on their way at once, written and read together; further ones wait. What is
 * small – manifests, reports, leases – never waits, or a long upload would hold up the renewal of its own lease.
 */
export function withConcurrency(store: ObjectStore, transfers: number): ObjectStore {
  const places = new Places(transfers);
  return {
    ...passingOn(store),
    async put(key, body, signal) {
      if (!(body instanceof Readable)) return store.put(key, body, signal);
      const giveBack = await places.take(signal).catch((error) => {
        body.destroy();
        throw error;
      });
      try {
        return await store.put(key, body, signal);
      } finally {
        giveBack();
      }
    },
    async get(key, signal, range) {
      if (isHousekeeping(key) || key.endsWith('.json')) return store.get(key, signal, range);
      const giveBack = await places.take(signal);
      try {
        const body = await store.get(key, signal, range);
        return body.once('close', giveBack);
      } catch (error) {
        giveBack();
        throw error;
      }
    },
  };
}
