import type { MultipartUpload as ListedUpload } from '@aws-sdk/client-s3';
import { awsAttempts, awsHttpStatus } from '../core/aws-error.ts';
import { type BodyPart, contentBytes, cutIntoParts } from './cut-into-parts.ts';
import { StoreError } from './object-store.ts';
import { PartSpool } from './part-spool.ts';
import type { S3Access } from './s3-client.ts';
import { ifAbsent, md5, putBytesOnce, storageOptions } from './s3-put.ts';
import { type SentPart, sendPart } from './s3-send-part.ts';

/** Each is held in memory or in the spool until it is there, while the next one grows. */
const partsAtOnce = 2;

/**
 * Sends a body of unknown length. One part is one PutObject; more are a multipart upload that is aborted whenever
 * anything fails, so that nothing half sent is kept and paid for. Returns the number of bytes sent.
 */
export async function uploadStream(
  access: S3Access,
  key: string,
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<number> {
  await using spool = new PartSpool(access.settings.spoolDirectory);
  let first: BodyPart | undefined;
  let upload: MultipartUpload | undefined;
  try {
    for await (const part of cutIntoParts(chunks, access.partSizes, spool)) {
      if (first === undefined) {
        first = part;
        continue;
      }
      upload ??= await MultipartUpload.begin(access, key, first, signal);
      await upload.send(part);
    }
    if (upload !== undefined) return await upload.complete();
  } catch (error) {
    await upload?.abort();
    throw error;
  }
  if (!(first?.content instanceof Uint8Array)) throw new Error('the first part of a body is one in memory');
  await putBytesOnce(access, key, first.content, signal);
  return first.content.length;
}

class MultipartUpload {
  readonly #access: S3Access;
  readonly #key: string;
  readonly #uploadId: string;
  readonly #signal: AbortSignal;
  readonly #failed = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  readonly #sent: SentPart[] = [];
  #failure: { readonly error: unknown } | undefined;

  private constructor(access: S3Access, key: string, uploadId: string, signal: AbortSignal) {
    this.#access = access;
    this.#key = key;
    this.#uploadId = uploadId;
    this.#signal = AbortSignal.any([signal, this.#failed.signal]);
  }

  static async begin(access: S3Access, key: string, first: BodyPart, signal: AbortSignal): Promise<MultipartUpload> {
    const { sdk, client, settings } = access;
    const command = new sdk.CreateMultipartUploadCommand({
      Bucket: settings.bucket,
      Key: key,
      ...storageOptions(access, key, contentBytes(first)),
    });
    const { UploadId, $metadata } = await client.send(command, { abortSignal: signal });
    if (UploadId === undefined) throw new StoreError('unavailable', `the service began no upload of ${key}`);
    const upload = new MultipartUpload(access, key, UploadId, signal);
    // Had the answer to an earlier try been lost, another upload of this key would be kept and paid for.
    if (($metadata.attempts ?? 1) > 1) {
      await abortUploads(access, key, (other) => other.Key === key && other.UploadId !== UploadId, signal);
    }
    await upload.send(first);
    return upload;
  }

  /** Resolves when there is room for another part; a failure of an earlier one is thrown here. */
  async send(part: BodyPart): Promise<void> {
    this.#throwFailure();
    const upload = { key: this.#key, uploadId: this.#uploadId };
    const sending: Promise<void> = sendPart(this.#access, upload, part, this.#signal)
      .then((sent) => void this.#sent.push(sent))
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
    this.#sent.sort((a, b) => a.PartNumber - b.PartNumber);
    const { sdk, client, settings } = this.#access;
    const command = new sdk.CompleteMultipartUploadCommand({
      Bucket: settings.bucket,
      Key: this.#key,
      UploadId: this.#uploadId,
      MultipartUpload: { Parts: this.#sent.map(({ PartNumber, ETag }) => ({ PartNumber, ETag })) },
      ...ifAbsent(this.#access),
    });
    try {
      await client.send(command, { abortSignal: this.#signal });
    } catch (error) {
      const mayBeLost = awsAttempts(error) > 1 || awsHttpStatus(error) === undefined;
      if (!mayBeLost || !(await this.#isStored())) throw error;
    }
    return this.#sentBytes();
  }

  /** A part that arrives after the abort would be kept, so those under way are waited for first. Never rejects. */
  async abort(): Promise<void> {
    this.#failed.abort(new Error('the upload failed'));
    await Promise.all(this.#underWay);
    // A time of its own: the caller's signal may be what ended the upload.
    await abortUpload(this.#access, this.#key, this.#uploadId, AbortSignal.timeout(15_000)).catch(() => undefined);
  }

  #sentBytes(): number {
    return this.#sent.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** Whether the object is there although nobody said so: its ETag is the hash of the parts' hashes. */
  async #isStored(): Promise<boolean> {
    const { sdk, client, settings } = this.#access;
    const command = new sdk.HeadObjectCommand({ Bucket: settings.bucket, Key: this.#key });
    const found = await client.send(command, { abortSignal: this.#signal }).catch(() => undefined);
    const expected = `${md5(Buffer.concat(this.#sent.map((part) => part.md5))).toString('hex')}-${this.#sent.length}`;
    return found?.ETag?.replaceAll('"', '') === expected && found.ContentLength === this.#sentBytes();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/**
 * Aborts the unfinished uploads below `prefix` that `where` picks. As far as it may: a missing permission to list uploads
 * costs a little storage, no backup.
 */
export async function abortUploads(
  access: S3Access,
  prefix: string,
  where: (upload: ListedUpload) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const { sdk, client, settings } = access;
  const command = new sdk.ListMultipartUploadsCommand({ Bucket: settings.bucket, Prefix: prefix });
  try {
    // The first thousand: what remains is seen the next time.
    const { Uploads } = await client.send(command, { abortSignal: signal });
    for (const upload of (Uploads ?? []).filter(where)) {
      if (upload.Key !== undefined && upload.UploadId !== undefined) {
        await abortUpload(access, upload.Key, upload.UploadId, signal);
      }
    }
  } catch (error) {
    if (signal.aborted) throw error;
  }
}

async function abortUpload(access: S3Access, key: string, uploadId: string, signal: AbortSignal): Promise<void> {
  const { sdk, client, settings } = access;
  const command = new sdk.AbortMultipartUploadCommand({ Bucket: settings.bucket, Key: key, UploadId: uploadId });
  await client.send(command, { abortSignal: signal });
}
