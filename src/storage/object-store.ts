import type { Readable } from 'node:stream';

/** What a store says about one object. */
export interface StoredObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** When the store took it, by the store's clock. */
  readonly modifiedAt: Date;
  /** Only `head` tells it, and only while nobody may delete the object. */
  readonly lock?: ObjectLock;
}

export interface ObjectLock {
  /** Undefined for a legal hold, which lasts until somebody lifts it. */
  readonly until: Date | undefined;
}

/** How much fits into a store. Absent: nobody knows, or there is no end to it. */
export interface StoreRoom {
  /** Of the whole filesystem, without what is reserved for root. */
  readonly sizeBytes?: number;
  /** What users who are not root may still write. */
  readonly freeBytes?: number;
  /** Files that the filesystem can hold, and how many more; absent where it makes them as needed. */
  readonly files?: number;
  readonly freeFiles?: number;
  /** What the configuration allows the store to hold. */
  readonly capacityBytes?: number;
}

/** Bytes `first` to `last`, both included, as in an HTTP range. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Where backups are kept. Keys are `/`-separated, without a leading slash; segments consist of `A-Z a-z 0-9 . _ -`.
 *
 * Obligations of every implementation (test/support/object-store-contract.ts checks them):
 * - An object is visible whole or not at all; nobody ever sees a part of it under its key.
 * - Nothing is ever overwritten: `put` to an existing key rejects with kind `exists`, and the old object stays.
 * - `get` ends only after all bytes were delivered; anything less is an error of the stream, kind `damaged` or `unavailable`.
 * - `delete` of a missing object succeeds; when it returns, the object is gone. A locked one rejects with {@link ObjectLocked}.
 * - Every error is a {@link StoreError}, save the reason of an aborted signal, which is passed on as it is.
 * - Memory is bounded whatever the size of the object.
 */
export interface ObjectStore extends AsyncDisposable {
  /** For people, without secrets: `s3://acme-backups/prod`, `/var/lib/watchkeeper`. */
  readonly description: string;
  /** Streams are read to their end; a failing source stores nothing. A buffer may be sent again after a failure. */
  put(key: string, body: Readable | Uint8Array, signal: AbortSignal): Promise<StoredObject>;
  get(key: string, signal: AbortSignal, range?: ByteRange): Promise<Readable>;
  /** Undefined when there is no such object. */
  head(key: string, signal: AbortSignal): Promise<StoredObject | undefined>;
  /** Every object whose key begins with `prefix`, in ascending order of keys. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>;
  delete(key: string, signal: AbortSignal): Promise<void>;
  /** False when the key exists already. Of several callers at once exactly one gets true. For leases. */
  putIfAbsent(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean>;
  /** What its users should know about the store, for people; complete once something was written. */
  cautions?(): readonly string[];
  room?(): Promise<StoreRoom>;
}

/**
 * - `unavailable`: not reached, time-out, 5xx, throttled; worth another try.
 * - `full`: no space or quota left. `denied`: credentials or permissions. `misconfigured`: no such bucket or folder, wrong region.
 * - `missing` / `exists`: the object. `damaged`: fewer bytes than promised.
 * - `locked`: the object must not be deleted yet, see {@link ObjectLocked}.
 * - `spool`: not the store but the folder of this machine where parts lie until they are sent.
 */
export type StoreErrorKind =
  | 'unavailable'
  | 'full'
  | 'denied'
  | 'misconfigured'
  | 'missing'
  | 'exists'
  | 'damaged'
  | 'locked'
  | 'spool';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

/** An object that may not be deleted before a date, or while a legal hold lasts: what was wanted of the lock, no failure. */
export class ObjectLocked extends StoreError {
  readonly until: Date | undefined;

  constructor(name: string, { until }: ObjectLock) {
    const how = until === undefined ? 'held by a legal hold' : `locked until ${until.toISOString()}`;
    super('locked', `${name} is ${how}`);
    this.until = until;
  }
}

/** Objects of the stores' own housekeeping, such as leases: never locked, kept only while they are needed. */
export function isHousekeeping(key: string): boolean {
  return key.startsWith('.');
}

/** A store that passes everything on to another one: what decorators begin with. */
export function passingOn(store: ObjectStore): ObjectStore {
  return {
    description: store.description,
    put: (key, body, signal) => store.put(key, body, signal),
    get: (key, signal, range) => store.get(key, signal, range),
    head: (key, signal) => store.head(key, signal),
    list: (prefix, signal) => store.list(prefix, signal),
    delete: (key, signal) => store.delete(key, signal),
    putIfAbsent: (key, bytes, signal) => store.putIfAbsent(key, bytes, signal),
    cautions: () => store.cautions?.() ?? [],
    room: async () => (await store.room?.()) ?? {},
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** Reads a small object (manifest, report, lease) whole. Rejects with kind `damaged` beyond `maxBytes`. */
export async function readWhole(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  signal: AbortSignal,
  maxBytes = 64 * 2 ** 20,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of await store.get(key, signal)) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxBytes) throw new StoreError('damaged', `${key} is larger than ${maxBytes} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
