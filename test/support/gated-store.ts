import { PassThrough, Readable } from 'node:stream';
import type { ObjectStore } from '../../src/storage/object-store.ts';

/** A store that stops reading a stream after its first bytes, until it is told to go on: "in mid-dump" for as long as a test likes. */
export interface GatedStore {
  readonly store: ObjectStore;
  /** Resolves when the first bytes of a stream have arrived. */
  readonly reached: Promise<void>;
  /** Lets it read on. */
  open(): void;
}

export function gatedStore(inner: ObjectStore): GatedStore {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const store: ObjectStore = {
    description: inner.description,
    async put(key, body, signal) {
      if (!(body instanceof Readable)) return inner.put(key, body, signal);
      const gated = new PassThrough();
      const passing = passOn(body, gated, reached.resolve, opened.promise);
      const stored = await inner.put(key, gated, signal);
      await passing;
      return stored;
    },
    get: (key, signal, range) => inner.get(key, signal, range),
    head: (key, signal) => inner.head(key, signal),
    list: (prefix, signal) => inner.list(prefix, signal),
    delete: (key, signal) => inner.delete(key, signal),
    putIfAbsent: (key, bytes, signal) => inner.putIfAbsent(key, bytes, signal),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
  return { store, reached: reached.promise, open: opened.resolve };
}

async function passOn(body: Readable, gated: PassThrough, reached: () => void, opened: Promise<void>): Promise<void> {
  let first = true;
  try {
    for await (const chunk of body) {
      gated.write(chunk);
      if (!first) continue;
      first = false;
      reached();
      const broken = new Promise((_, reject) => body.once('error', reject));
      await Promise.race([opened, broken]);
    }
    gated.end();
  } catch (error) {
    gated.destroy(error as Error);
  }
}
