import type { Readable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import {
  type ByteRange,
  type ObjectStore,
  passingOn,
  readWhole,
  type StoredObject,
  StoreError,
} from './object-store.ts';

export interface RetryOptions {
  readonly clock: Clock;
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** Wait before the second try; it doubles each time, and a random share of up to a half is left out. */
  readonly baseDelayMs: number;
}

/**
 * A store that tries again what failed with kind `unavailable`. A stream cannot be sent twice: `put` of one is tried
 * once, and the store itself must repeat its parts. Neither is a `get` that breaks off after it began.
 */
export function withRetry(store: ObjectStore, options: RetryOptions): ObjectStore {
  const again = <T>(signal: AbortSignal, work: (attempt: number) => Promise<T>) => tryAgain(options, signal, work);
  return {
    ...passingOn(store),
    put: (key: string, body: Readable | Uint8Array, signal: AbortSignal): Promise<StoredObject> =>
      body instanceof Uint8Array
        ? again(signal, (attempt) => putOnce(store, { key, body, attempt }, signal))
        : store.put(key, body, signal),
    get: (key: string, signal: AbortSignal, range?: ByteRange) => again(signal, () => store.get(key, signal, range)),
    head: (key: string, signal: AbortSignal) => again(signal, () => store.head(key, signal)),
    list: (prefix: string, signal: AbortSignal) => listAgain(store, prefix, signal, again),
    delete: (key: string, signal: AbortSignal) => again(signal, () => store.delete(key, signal)),
    putIfAbsent: (key: string, bytes: Uint8Array, signal: AbortSignal) =>
      again(signal, () => store.putIfAbsent(key, bytes, signal)),
  };
}

/** A try whose answer was lost may have stored the object: the same bytes under the key are then a success. */
async function putOnce(
  store: ObjectStore,
  { key, body, attempt }: { readonly key: string; readonly body: Uint8Array; readonly attempt: number },
  signal: AbortSignal,
): Promise<StoredObject> {
  try {
    return await store.put(key, body, signal);
  } catch (error) {
    if (attempt === 1 || !(error instanceof StoreError && error.kind === 'exists')) throw error;
    const stored = await store.head(key, signal);
    if (stored === undefined || !(await readWhole(store, key, signal)).equals(body)) throw error;
    return stored;
  }
}

/** A listing that breaks off is begun anew. */
async function* listAgain(
  store: ObjectStore,
  prefix: string,
  signal: AbortSignal,
  again: <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>,
): AsyncIterable<StoredObject> {
  yield* await again(signal, async () => {
    const found: StoredObject[] = [];
    for await (const object of store.list(prefix, signal)) found.push(object);
    return found;
  });
}

async function tryAgain<T>(
  options: RetryOptions,
  signal: AbortSignal,
  work: (attempt: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      const mayPass = error instanceof StoreError && error.kind === 'unavailable';
      if (!mayPass || attempt >= options.attempts || signal.aborted) throw error;
    }
    const delayMs = options.baseDelayMs * 2 ** (attempt - 1);
    await options.clock.sleep(delayMs * (0.5 + Math.random() / 2), signal);
  }
}
