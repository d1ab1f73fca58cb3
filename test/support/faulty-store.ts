import { Readable, Transform } from 'node:stream';
import { type ObjectStore, StoreError } from '../../src/storage/object-store.ts';

/**
 * `short_read`, `bit_flip`: what is read is not what is stored. `short_write`: of a body only a part is kept, and the answer says
 * how much. The others are errors.
 */
export const faults = ['unavailable', 'reset', 'full', 'denied', 'short_read', 'bit_flip', 'short_write'] as const;
export type Fault = (typeof faults)[number];

/** A store whose calls are counted, and one of which goes wrong. */
export interface FaultyStore {
  readonly store: ObjectStore;
  /** Calls so far: `put payments/…/database.dump.zst`. */
  readonly calls: readonly string[];
}

/**
 * Call number `at` (from 0) fails as `fault` says; faults of reading change what `get` gives, those of writing what `put` keeps;
 * other calls then fail as `unavailable`.
 */
export function faultyStore(inner: ObjectStore, at: number, fault: Fault): FaultyStore {
  const calls: string[] = [];
  const isFaulty = (call: string): boolean => {
    calls.push(call);
    return calls.length - 1 === at;
  };
  const store: ObjectStore = {
    description: inner.description,
    async put(key, body, signal) {
      if (!isFaulty(`put ${key}`)) return inner.put(key, body, signal);
      if (fault === 'short_write') return inner.put(key, await shortened(body), signal);
      if (body instanceof Readable) await consumeSome(body);
      throw failure(fault);
    },
    async get(key, signal, range) {
      const faulty = isFaulty(`get ${key}`);
      if (!faulty) return inner.get(key, signal, range);
      if (fault !== 'short_read' && fault !== 'bit_flip') throw failure(fault);
      return (await inner.get(key, signal, range)).pipe(damaging(fault));
    },
    async head(key, signal) {
      if (isFaulty(`head ${key}`)) throw failure(fault);
      return inner.head(key, signal);
    },
    async *list(prefix, signal) {
      if (isFaulty(`list ${prefix}`)) throw failure(fault);
      yield* inner.list(prefix, signal);
    },
    async delete(key, signal) {
      if (isFaulty(`delete ${key}`)) throw failure(fault);
      return inner.delete(key, signal);
    },
    async putIfAbsent(key, bytes, signal) {
      if (isFaulty(`putIfAbsent ${key}`)) throw failure(fault);
      return inner.putIfAbsent(key, bytes, signal);
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
  return { store, calls };
}

function failure(fault: Fault): Error {
  switch (fault) {
    case 'full':
      return new StoreError('full', 'no space left');
    case 'denied':
      return new StoreError('denied', 'access denied');
    case 'reset':
      return new StoreError('unavailable', 'connection reset');
    default:
      return new StoreError('unavailable', 'HTTP 503');
  }
}

/** The first bytes arrive before the call fails, as over a network. */
async function consumeSome(body: Readable): Promise<void> {
  for await (const _chunk of body) break;
  body.destroy();
}

/** All but the last byte. */
async function shortened(body: Readable | Uint8Array): Promise<Uint8Array> {
  const bytes = body instanceof Readable ? Buffer.concat(await body.toArray()) : body;
  return bytes.subarray(0, bytes.length - 1);
}

/** Flips a bit of the first chunk, or lets the stream end before its last byte without an error. */
function damaging(fault: 'short_read' | 'bit_flip'): Transform {
  let held: Buffer = Buffer.alloc(0);
  let flipped = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const previous = held;
      held = Buffer.from(chunk);
      if (fault === 'bit_flip' && !flipped) {
        held[Math.floor(held.length / 2)]! ^= 4;
        flipped = true;
      }
      done(null, previous);
    },
    flush(done) {
      done(null, fault === 'short_read' ? held.subarray(0, held.length - 1) : held);
    },
  });
}
