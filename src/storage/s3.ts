import type { Readable } from 'node:stream';
import type { ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import type { Clock } from '../core/clock.ts';
import { BodyFailed, bodyChunks } from './body.ts';
import { withClaims } from './claims.ts';
import { chosenByProbe } from './conditional-writes.ts';
import { requireKey, requirePrefix } from './key.ts';
import { type ByteRange, type ObjectStore, type StoredObject, StoreError } from './object-store.ts';
import { connectS3, type S3Access, type S3Dependencies } from './s3-client.ts';
import { deleteObject, lockOf } from './s3-delete.ts';
import { resumingBody } from './s3-download.ts';
import { s3Error } from './s3-error.ts';
import { putBytes, putBytesOnce } from './s3-put.ts';
import { abortUploads, uploadStream } from './s3-upload.ts';
import type { S3StoreSettings } from './settings.ts';

const dayMs = 24 * 3_600_000;

/** No upload takes so long; its process was killed. Some services give no real dates, but 1970 or the like. */
function isStaleUpload(initiated: Date | undefined, now: Date): boolean {
  const ageMs = now.getTime() - (initiated?.getTime() ?? 0);
  return ageMs > 7 * dayMs && ageMs < 366 * dayMs;
}

/**
 * The token of the page after this one; undefined after the last. A listing that ends early would make backups look as if
 * they were gone, or as if they were never finished: then nothing is better than a part.
 */
function nextPageOf(
  { IsTruncated, NextContinuationToken }: Pick<ListObjectsV2CommandOutput, 'IsTruncated' | 'NextContinuationToken'>,
  previous: string | undefined,
  name: string,
): string | undefined {
  if (IsTruncated !== true) return undefined;
  if (NextContinuationToken !== undefined && NextContinuationToken !== previous) return NextContinuationToken;
  const how = NextContinuationToken === undefined ? 'does not say where it goes on' : 'gives the same page again';
  throw new StoreError('unavailable', `ListObjectsV2 ${name}: the service says that there is more, and ${how}`);
}

/** A bucket as a store. Nothing is asked of the service yet: a store that is away does not hinder the start. */
export async function openS3Store(settings: S3StoreSettings, given: S3Dependencies): Promise<ObjectStore> {
  const access = await connectS3(settings, given);
  const native = new S3Store(access);
  const wanted = settings.conditionalWrites ?? 'auto';
  if (wanted === 'native' || (wanted === 'auto' && settings.endpoint === undefined)) return native;
  const plain = new S3Store({ ...access, conditional: false });
  const claiming = withClaims(plain, given.clock);
  return wanted === 'claims' ? claiming : chosenByProbe({ native, plain, claiming });
}

class S3Store implements ObjectStore {
  readonly description: string;
  readonly #access: S3Access;
  readonly #clock: Clock;
  readonly #prefix: string;
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  constructor(access: S3Access) {
    const { bucket, prefix } = access.settings;
    this.#access = access;
    this.#clock = access.clock;
    this.#prefix = access.prefix;
    this.description = `s3://${bucket}/${prefix}`.replace(/\/$/, '');
  }

  async put(key: string, body: Readable | Uint8Array, signal: AbortSignal): Promise<StoredObject> {
    requireKey(key);
    const sizeBytes = await this.#attempt('PutObject', key, signal, () => this.#send(key, body, signal));
    const stored = await this.head(key, signal);
    if (stored?.sizeBytes === sizeBytes) return stored;
    const found = stored === undefined ? 'nothing is' : `${stored.sizeBytes} are`;
    throw new StoreError('damaged', `${this.#name(key)}: ${sizeBytes} bytes were sent, ${found} there`);
  }

  async putIfAbsent(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> {
    requireKey(key);
    try {
      await this.#attempt('PutObject', key, signal, () => putBytes(this.#access, this.#prefix + key, bytes, signal));
      return true;
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'exists') return false;
      throw error;
    }
  }

  async get(key: string, signal: AbortSignal, range?: ByteRange): Promise<Readable> {
    requireKey(key);
    const wrap = (error: unknown) => this.#storeError(error, 'GetObject', key, signal);
    const request = (first: number | undefined) =>
      this.#request(key, signal, { ...range, ...(first === undefined ? {} : { first }) });
    return this.#attempt('GetObject', key, signal, () =>
      resumingBody({ name: this.#name(key), request, firstByte: range?.first ?? 0, wrap, signal }),
    );
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    requireKey(key);
    const { sdk, client, settings } = this.#access;
    const command = new sdk.HeadObjectCommand({ Bucket: settings.bucket, Key: this.#prefix + key });
    try {
      const found = await this.#attempt('HeadObject', key, signal, () => client.send(command, { abortSignal: signal }));
      const lock = lockOf(found, this.#clock.now());
      return {
        key,
        sizeBytes: found.ContentLength ?? 0,
        modifiedAt: found.LastModified ?? new Date(0),
        ...(lock && { lock }),
      };
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'missing') return undefined;
      throw error;
    }
  }

  async *list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject> {
    requirePrefix(prefix);
    const { sdk, client, settings } = this.#access;
    let token: string | undefined;
    do {
      const command = new sdk.ListObjectsV2Command({
        Bucket: settings.bucket,
        Prefix: this.#prefix + prefix,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      const page = await this.#attempt('ListObjectsV2', prefix, signal, () =>
        client.send(command, { abortSignal: signal }),
      );
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        if (Key === undefined) continue;
        yield { key: Key.slice(this.#prefix.length), sizeBytes: Size ?? 0, modifiedAt: LastModified ?? new Date(0) };
      }
      token = nextPageOf(page, token, this.#name(prefix));
    } while (token !== undefined);
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    requireKey(key);
    await this.#attempt('DeleteObject', key, signal, () =>
      deleteObject(this.#access, { fullKey: this.#prefix + key, name: this.#name(key) }, signal),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#access.client.destroy();
  }

  /** Returns the number of bytes sent. */
  async #send(key: string, body: Readable | Uint8Array, signal: AbortSignal): Promise<number> {
    if (body instanceof Uint8Array) {
      await putBytesOnce(this.#access, this.#prefix + key, body, signal);
      return body.length;
    }
    try {
      await this.#sweepUploads(signal);
      return await uploadStream(this.#access, this.#prefix + key, bodyChunks(body, signal), signal);
    } finally {
      body.destroy();
    }
  }

  /** What killed processes left is in no listing of objects, but paid for. Once a day is enough. */
  async #sweepUploads(signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#sweptAtMs < dayMs) return;
    this.#sweptAtMs = nowMs;
    const now = this.#clock.now();
    await abortUploads(this.#access, this.#prefix, ({ Initiated }) => isStaleUpload(Initiated, now), signal);
  }

  async #request(key: string, signal: AbortSignal, range: Partial<ByteRange>) {
    const { sdk, client, settings } = this.#access;
    const { first, last } = range;
    const command = new sdk.GetObjectCommand({
      Bucket: settings.bucket,
      Key: this.#prefix + key,
      ...(first === undefined ? {} : { Range: `bytes=${first}-${last ?? ''}` }),
    });
    const answer = await client.send(command, { abortSignal: signal });
    return { body: answer.Body as Readable, length: answer.ContentLength, etag: answer.ETag };
  }

  async #attempt<T>(call: string, key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      throw this.#storeError(error, call, key, signal);
    }
  }

  #storeError(error: unknown, call: string, key: string, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    return error instanceof BodyFailed ? error.cause : s3Error(error, call, this.#name(key));
  }

  #name(key: string): string {
    return `s3://${this.#access.settings.bucket}/${this.#prefix}${key}`;
  }
}
