import { Readable } from 'node:stream';
import { type ByteRange, type ObjectStore, type StoredObject, StoreError } from '../../src/storage/object-store.ts';

/** A store in memory: the contract's simplest implementation. `objects` may be looked at and damaged by tests. */
export class MemoryStore implements ObjectStore {
  readonly description = 'memory';
  readonly objects = new Map<string, { bytes: Buffer; modifiedAt: Date }>();
  readonly #now: () => Date;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  async put(key: string, body: Readable | Uint8Array, signal: AbortSignal): Promise<StoredObject> {
    signal.throwIfAborted();
    const chunks: Buffer[] = [];
    if (body instanceof Readable) for await (const chunk of body) chunks.push(chunk as Buffer);
    else chunks.push(Buffer.from(body));
    signal.throwIfAborted();
    if (this.objects.has(key)) throw new StoreError('exists', `${key} exists`);
    this.objects.set(key, { bytes: Buffer.concat(chunks), modifiedAt: this.#now() });
    return this.#describe(key);
  }

  async get(key: string, signal: AbortSignal, range?: ByteRange): Promise<Readable> {
    signal.throwIfAborted();
    const object = this.objects.get(key);
    if (object === undefined) throw new StoreError('missing', `${key} is missing`);
    const bytes = range === undefined ? object.bytes : object.bytes.subarray(range.first, range.last + 1);
    return Readable.from(inChunks(bytes, signal));
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    signal.throwIfAborted();
    return this.objects.has(key) ? this.#describe(key) : undefined;
  }

  async *list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject> {
    for (const key of [...this.objects.keys()].sort()) {
      signal.throwIfAborted();
      if (key.startsWith(prefix) && this.objects.has(key)) yield this.#describe(key);
    }
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.objects.delete(key);
  }

  async putIfAbsent(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (this.objects.has(key)) return false;
    this.objects.set(key, { bytes: Buffer.from(bytes), modifiedAt: this.#now() });
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #describe(key: string): StoredObject {
    const object = this.objects.get(key);
    if (object === undefined) throw new StoreError('missing', `${key} is missing`);
    return { key, sizeBytes: object.bytes.length, modifiedAt: object.modifiedAt };
  }
}

function* inChunks(bytes: Buffer, signal: AbortSignal): Iterable<Buffer> {
  for (let offset = 0; offset < bytes.length; offset += 2 ** 20) {
    signal.throwIfAborted();
    yield bytes.subarray(offset, offset + 2 ** 20);
  }
}
