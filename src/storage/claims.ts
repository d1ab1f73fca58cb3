import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { type ObjectStore, passingOn, readWhole, StoreError } from './object-store.ts';

/** A claim older than this, by the store's own clock, is of a process that is gone. */
const staleAfterMs = 120_000;
/** From then on a claim of ours is no longer relied upon: others may be about to remove it. */
const ownLimitMs = staleAfterMs / 2;
const mostTries = 40;
const pauseMs = 100;

/**
 * Makes a store that overwrites behave: `putIfAbsent` is settled by claims. Each writer puts a claim of its own beside the
 * key, lists all claims, and writes only when its claim is the only one and the key is still free; of two at once at least
 * one sees the other. The one with the smaller name waits, the others withdraw. Needs listings that show at once what was
 * written. It was decided in docs/decisions/0010-claims-instead-of-conditional-writes.md what that means for leases.
 */
export function withClaims(store: ObjectStore, clock: Clock): ObjectStore {
  return {
    ...passingOn(store),
    async put(key, body, signal) {
      // Keys of backups are random: nobody else writes the same one at the same moment.
      if ((await store.head(key, signal)) === undefined) return store.put(key, body, signal);
      if (body instanceof Readable) body.destroy();
      throw new StoreError('exists', `${key} in ${store.description}: there is such an object already`);
    },
    putIfAbsent: (key, bytes, signal) => new Claiming(store, clock, key, signal).write(bytes),
  };
}

type Attempt = 'written' | 'taken' | 'withdrawn';

class Claiming {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #key: string;
  readonly #signal: AbortSignal;
  readonly #prefix: string;

  constructor(store: ObjectStore, clock: Clock, key: string, signal: AbortSignal) {
    this.#store = store;
    this.#clock = clock;
    this.#key = key;
    this.#signal = signal;
    this.#prefix = `.claims/${key.replaceAll('/', '_')}/`;
  }

  async write(bytes: Uint8Array): Promise<boolean> {
    for (let attempt = 0; attempt < mostTries; attempt++) {
      if (await this.#isTaken()) return false;
      const outcome = await this.#tryOnce(bytes);
      if (outcome !== 'withdrawn') return outcome === 'written';
      await this.#pause();
    }
    // Nobody wrote it, which is no worse for a caller than somebody who did: it comes again.
    return false;
  }

  async #tryOnce(bytes: Uint8Array): Promise<Attempt> {
    const startMs = this.#clock.monotonicMs();
    const own = `${this.#prefix}${randomBytes(8).toString('hex')}`;
    try {
      const { modifiedAt } = await this.#store.put(own, Buffer.from('claim'), this.#signal);
      while (this.#clock.monotonicMs() - startMs < ownLimitMs) {
        const others = await this.#otherClaims(own, modifiedAt);
        if (await this.#isTaken()) return 'taken';
        if (others.some((other) => other < own)) return 'withdrawn';
        if (others.length === 0) return (await this.#writeAndVerify(bytes)) ? 'written' : 'taken';
        await this.#pause();
      }
      return 'withdrawn';
    } finally {
      // The caller's signal may be what ended it; a claim that stays is stale after a while.
      await this.#store.delete(own, AbortSignal.timeout(15_000)).catch(() => undefined);
    }
  }

  /** Claims that still count. What is stale is removed: its process was killed before it could. */
  async #otherClaims(own: string, ownAt: Date): Promise<string[]> {
    const others: string[] = [];
    for await (const { key, modifiedAt } of this.#store.list(this.#prefix, this.#signal)) {
      if (key === own) continue;
      if (ownAt.getTime() - modifiedAt.getTime() > staleAfterMs) await this.#store.delete(key, this.#signal);
      else others.push(key);
    }
    return others;
  }

  async #writeAndVerify(bytes: Uint8Array): Promise<boolean> {
    await this.#store.put(this.#key, bytes, this.#signal);
    return (await readWhole(this.#store, this.#key, this.#signal)).equals(bytes);
  }

  async #isTaken(): Promise<boolean> {
    return (await this.#store.head(this.#key, this.#signal)) !== undefined;
  }

  #pause(): Promise<void> {
    return this.#clock.sleep(pauseMs * (0.5 + Math.random()), this.#signal);
  }
}
