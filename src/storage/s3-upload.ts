import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { CompletedPart, S3Client } from '@aws-sdk/client-s3';
import { StoreError } from './object-store.ts';
import type { S3StoreSettings } from './settings.ts';

type Sdk = typeof import('@aws-sdk/client-s3');

export interface S3Access {
  readonly sdk: Sdk;
  readonly client: S3Client;
  readonly settings: S3StoreSettings;
}

const firstPartBytes = 8 * 2 ** 20;
const partsBeforeGrowth = 1_000;
const largestPartBytes = 512 * 2 ** 20;
const partsAtOnce = 2;

/**
 * Size of part `number` (from 1). It doubles every 1,000 parts: S3 takes 10,000 parts, which are then 8 TiB, while a
 * small object never needs more memory than its first parts.
 */
export function partBytes(number: number): number {
  return Math.min(largestPartBytes, firstPartBytes * 2 ** Math.floor((number - 1) / partsBeforeGrowth));
}

/** Cuts a stream into parts of growing size. At least one part is given, an empty one for an empty stream. */
export async function* cutIntoParts(body: AsyncIterable<Buffer>): AsyncIterable<{ number: number; bytes: Buffer }> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let number = 1;
  for await (const chunk of body) {
    for (let offset = 0; offset < chunk.length; ) {
      const piece = chunk.subarray(offset, offset + partBytes(number) - heldBytes);
      held.push(piece);
      heldBytes += piece.length;
      offset += piece.length;
      if (heldBytes < partBytes(number)) continue;
      yield { number: number++, bytes: Buffer.concat(held, heldBytes) };
      held = [];
      heldBytes = 0;
    }
  }
  if (heldBytes > 0 || number === 1) yield { number, bytes: Buffer.concat(held, heldBytes) };
}

/**
 * Sends a stream of unknown length. One part is one PutObject; more are a multipart upload that is aborted whenever
 * anything fails, so that nothing half sent is kept and paid for. Returns the number of bytes sent.
 */
export async function uploadStream(
  access: S3Access,
  key: string,
  body: Readable,
  signal: AbortSignal,
): Promise<number> {
  const parts = cutIntoParts(body)[Symbol.asyncIterator]();
  const first = await parts.next();
  const second = await parts.next();
  if (first.done) throw new Error('a stream has at least one part');
  if (second.done) {
    await putBytes(access, key, first.value.bytes, signal);
    return first.value.bytes.length;
  }
  const upload = await MultipartUpload.begin(access, key, signal);
  try {
    await upload.send(first.value);
    await upload.send(second.value);
    for (let next = await parts.next(); !next.done; next = await parts.next()) await upload.send(next.value);
    return await upload.complete();
  } catch (error) {
    await upload.abort();
    throw error;
  }
}

/** One PutObject that refuses to take the place of an existing object. */
export async function putBytes(access: S3Access, key: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  const { sdk, client, settings } = access;
  const command = new sdk.PutObjectCommand({
    Bucket: settings.bucket,
    Key: key,
    Body: bytes,
    ContentLength: bytes.length,
    ContentMD5: md5(bytes).toString('base64'),
    IfNoneMatch: '*',
    ...storageOptions(settings, key),
  });
  await client.send(command, { abortSignal: signal });
}

class MultipartUpload {
  readonly #access: S3Access;
  readonly #key: string;
  readonly #uploadId: string;
  readonly #signal: AbortSignal;
  readonly #failed = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  readonly #sent: CompletedPart[] = [];
  #sentBytes = 0;
  #failure: { readonly error: unknown } | undefined;

  private constructor(access: S3Access, key: string, uploadId: string, signal: AbortSignal) {
    this.#access = access;
    this.#key = key;
    this.#uploadId = uploadId;
    this.#signal = AbortSignal.any([signal, this.#failed.signal]);
  }

  static async begin(access: S3Access, key: string, signal: AbortSignal): Promise<MultipartUpload> {
    const { sdk, client, settings } = access;
    const command = new sdk.CreateMultipartUploadCommand({
      Bucket: settings.bucket,
      Key: key,
      ...storageOptions(settings, key),
    });
    const { UploadId } = await client.send(command, { abortSignal: signal });
    if (UploadId === undefined) throw new StoreError('unavailable', `the service began no upload of ${key}`);
    return new MultipartUpload(access, key, UploadId, signal);
  }

  /** Resolves when there is room for another part; a failure of an earlier one is thrown here. */
  async send(part: { readonly number: number; readonly bytes: Buffer }): Promise<void> {
    this.#throwFailure();
    const sending: Promise<void> = this.#sendPart(part)
      .catch((error) => {
        this.#failure ??= { error };
        this.#failed.abort(error);
      })
      .finally(() => this.#underWay.delete(sending));
    this.#underWay.add(sending);
    if (this.#underWay.size >= partsAtOnce) await Promise.race(this.#underWay);
    this.#throwFailure();
  }

  async complete(): Promise<number> {
    await Promise.all(this.#underWay);
    this.#throwFailure();
    const { sdk, client, settings } = this.#access;
    const command = new sdk.CompleteMultipartUploadCommand({
      Bucket: settings.bucket,
      Key: this.#key,
      UploadId: this.#uploadId,
      MultipartUpload: { Parts: this.#sent.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0)) },
      IfNoneMatch: '*',
    });
    await client.send(command, { abortSignal: this.#signal });
    return this.#sentBytes;
  }

  /** A part that arrives after the abort would be kept, so those under way are waited for first. Never rejects. */
  async abort(): Promise<void> {
    this.#failed.abort(new Error('the upload failed'));
    await Promise.all(this.#underWay);
    const { sdk, client, settings } = this.#access;
    const command = new sdk.AbortMultipartUploadCommand({
      Bucket: settings.bucket,
      Key: this.#key,
      UploadId: this.#uploadId,
    });
    // A time of its own: the caller's signal may be what ended the upload.
    await client.send(command, { abortSignal: AbortSignal.timeout(15_000) }).catch(() => undefined);
  }

  async #sendPart({ number, bytes }: { readonly number: number; readonly bytes: Buffer }): Promise<void> {
    const { sdk, client, settings } = this.#access;
    const hash = md5(bytes);
    const command = new sdk.UploadPartCommand({
      Bucket: settings.bucket,
      Key: this.#key,
      UploadId: this.#uploadId,
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.length,
      ContentMD5: hash.toString('base64'),
    });
    const { ETag } = await client.send(command, { abortSignal: this.#signal });
    if (ETag === undefined)
      throw new StoreError('unavailable', `the service confirmed no part ${number} of ${this.#key}`);
    this.#sent.push({ PartNumber: number, ETag });
    this.#sentBytes += bytes.length;
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** The service compares it with what arrived, end to end; clones of S3 understand it where they choke on newer checksums. */
function md5(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest();
}

/** Manifests and reports are small and read often: cold classes charge more for them than they save. */
function storageOptions(settings: S3StoreSettings, key: string): Record<string, string> {
  return {
    ...(settings.storageClass === undefined || key.endsWith('.json') ? {} : { StorageClass: settings.storageClass }),
    ...(settings.serverSideEncryption === undefined ? {} : { ServerSideEncryption: settings.serverSideEncryption }),
    ...(settings.kmsKeyId === undefined ? {} : { SSEKMSKeyId: settings.kmsKeyId }),
  };
}
