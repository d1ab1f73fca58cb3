import { Readable } from 'node:stream';
import { systemClock } from '../core/clock.ts';
import type { SecretSource } from '../core/secret.ts';
import { requireKey } from './key.ts';
import { type ByteRange, type ObjectStore, readWhole, type StoredObject, StoreError } from './object-store.ts';
import { resumingBody } from './s3-download.ts';
import { s3Error } from './s3-error.ts';
import { putBytes, type S3Access, uploadStream } from './s3-upload.ts';
import type { S3StoreSettings } from './settings.ts';

const requestTimeoutMs = 60_000;
const connectTimeoutMs = 5_000;

/** A bucket as a store. Nothing is asked of the service yet: a store that is away does not hinder the start. */
export async function openS3Store(
  settings: S3StoreSettings,
  secretAccessKey: SecretSource | undefined,
): Promise<ObjectStore> {
  // Imported late: the SDK costs 20 MB, which a daemon without such a store need not pay.
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client({
    region: settings.region,
    forcePathStyle: settings.forcePathStyle,
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    ...credentials(settings, secretAccessKey),
    maxAttempts: 4,
    retryMode: 'adaptive',
    // Other checksums than the client was asked for make many compatible services refuse the request.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      socketTimeout: requestTimeoutMs,
    },
  });
  return new S3Store({ sdk, client, settings });
}

/** The secret is read whenever the SDK asks anew, at least hourly and after it was refused: a rotated one is found. */
function credentials(
  settings: S3StoreSettings,
  secret: SecretSource | undefined,
): { credentials?: () => Promise<{ accessKeyId: string; secretAccessKey: string; expiration: Date }> } {
  const { accessKeyId } = settings;
  if (accessKeyId === undefined || secret === undefined) return {};
  return {
    credentials: async () => ({
      accessKeyId,
      secretAccessKey: (await secret.read()).reveal(),
      expiration: new Date(systemClock.now().getTime() + 10 * 60_000),
    }),
  };
}

class S3Store implements ObjectStore {
  readonly description: string;
  readonly #access: S3Access;
  readonly #prefix: string;

  constructor(access: S3Access) {
    const { bucket, prefix } = access.settings;
    this.#access = access;
    this.#prefix = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
    this.description = `s3://${bucket}/${prefix}`.replace(/\/$/, '');
  }

  async put(key: string, body: Readable | Uint8Array, signal: AbortSignal): Promise<StoredObject> {
    requireKey(key);
    const sizeBytes =
      body instanceof Readable ? await this.#putStream(key, body, signal) : await this.#putBytes(key, body, signal);
    const stored = await this.head(key, signal);
    if (stored?.sizeBytes === sizeBytes) return stored;
    const found = stored === undefined ? 'nothing is' : `${stored.sizeBytes} are`;
    throw new StoreError('damaged', `${this.#name(key)}: ${sizeBytes} bytes were sent, ${found} there`);
  }

  async #putStream(key: string, body: Readable, signal: AbortSignal): Promise<number> {
    let broken: Error | undefined;
    body.once('error', (error) => {
      broken = error;
    });
    const work = () => uploadStream(this.#access, this.#prefix + key, body, signal);
    try {
      return await this.#attempt('PutObject', key, signal, work);
    } catch (error) {
      body.destroy();
      // What broke in the body that was sent is no error of the store and keeps its own words.
      throw broken ?? error;
    }
  }

  /** When the answer to an earlier try was lost, `exists` may mean that we stored it ourselves. */
  async #putBytes(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<number> {
    const work = () => putBytes(this.#access, this.#prefix + key, bytes, signal);
    try {
      await this.#attempt('PutObject', key, signal, work);
    } catch (error) {
      const exists = error instanceof StoreError && error.kind === 'exists';
      if (!exists || triesOf(error) < 2 || !(await readWhole(this, key, signal)).equals(bytes)) throw error;
    }
    return bytes.length;
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
    const request = async (first: number | undefined) => {
      const last = range?.last === undefined ? '' : String(range.last);
      const start = first ?? range?.first;
      const { sdk, client, settings } = this.#access;
      const command = new sdk.GetObjectCommand({
        Bucket: settings.bucket,
        Key: this.#prefix + key,
        ...(start === undefined ? {} : { Range: `bytes=${start}-${last}` }),
      });
      const answer = await client.send(command, { abortSignal: signal });
      return { body: answer.Body as Readable, length: answer.ContentLength ?? 0, etag: answer.ETag };
    };
    const wrap = (error: unknown) => (signal.aborted ? signal.reason : s3Error(error, `GetObject ${this.#name(key)}`));
    try {
      return await resumingBody(request, range?.first ?? 0, { name: this.#name(key), wrap, signal });
    } catch (error) {
      throw wrap(error);
    }
  }

  async head(key: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    requireKey(key);
    const { sdk, client, settings } = this.#access;
    const command = new sdk.HeadObjectCommand({ Bucket: settings.bucket, Key: this.#prefix + key });
    try {
      const found = await this.#attempt('HeadObject', key, signal, () => client.send(command, { abortSignal: signal }));
      return { key, sizeBytes: found.ContentLength ?? 0, modifiedAt: found.LastModified ?? new Date(0) };
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'missing') return undefined;
      throw error;
    }
  }

  async *list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject> {
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
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    requireKey(key);
    const { sdk, client, settings } = this.#access;
    const command = new sdk.DeleteObjectCommand({ Bucket: settings.bucket, Key: this.#prefix + key });
    await this.#attempt('DeleteObject', key, signal, () => client.send(command, { abortSignal: signal }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#access.client.destroy();
  }

  async #attempt<T>(call: string, key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw signal.aborted ? signal.reason : s3Error(error, `${call} ${this.#name(key)}`);
    }
  }

  #name(key: string): string {
    return `s3://${this.#access.settings.bucket}/${this.#prefix}${key}`;
  }
}

/** Times the SDK sent the request that failed. */
function triesOf(error: Error): number {
  const metadata = (error.cause as { readonly $metadata?: { readonly attempts?: number } } | undefined)?.$metadata;
  return metadata?.attempts ?? 1;
}
