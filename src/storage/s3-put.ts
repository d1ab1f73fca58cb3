import { createHash } from 'node:crypto';
import { awsAttempts } from '../core/aws-error.ts';
import { StoreError } from './object-store.ts';
import { isHousekeepingOf, type S3Access } from './s3-client.ts';
import { isExistsError } from './s3-error.ts';

/** What makes a write refuse to take the place of an existing object; nothing where the service does not know it. */
export function ifAbsent({ conditional }: S3Access): { IfNoneMatch?: '*' } {
  return conditional ? { IfNoneMatch: '*' } : {};
}

/**
 * One PutObject that refuses to take the place of an existing object: then it rejects with kind `exists`. For services
 * that do not know `If-None-Match` see claims.ts.
 */
export async function putBytes(access: S3Access, key: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  const { sdk, client, settings } = access;
  const hash = md5(bytes);
  const command = new sdk.PutObjectCommand({
    Bucket: settings.bucket,
    Key: key,
    Body: bytes,
    ContentLength: bytes.length,
    ContentMD5: hash.toString('base64'),
    ...ifAbsent(access),
    ...storageOptions(access, key, bytes.length),
  });
  const answer = await client.send(command, { abortSignal: signal });
  try {
    requireEtag(answer, hash, key);
  } catch (error) {
    // The service took it nevertheless, under its name.
    await client.send(new sdk.DeleteObjectCommand({ Bucket: settings.bucket, Key: key })).catch(() => undefined);
    throw error;
  }
}

/** Like {@link putBytes}, but knows its own object again when the answer to an earlier try was lost. */
export async function putBytesOnce(
  access: S3Access,
  key: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  try {
    await putBytes(access, key, bytes, signal);
  } catch (error) {
    if (!isExistsError(error) || awsAttempts(error) < 2 || !(await holds(access, key, bytes, signal))) throw error;
  }
}

async function holds(access: S3Access, key: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> {
  const { sdk, client, settings } = access;
  const command = new sdk.GetObjectCommand({ Bucket: settings.bucket, Key: key });
  const answer = await client.send(command, { abortSignal: signal });
  if (answer.ContentLength !== bytes.length || answer.Body === undefined) return false;
  return Buffer.from(bytes).equals(await answer.Body.transformToByteArray());
}

type StorageOptions = Pick<
  import('@aws-sdk/client-s3').PutObjectCommandInput,
  'StorageClass' | 'ServerSideEncryption' | 'SSEKMSKeyId' | 'ObjectLockMode' | 'ObjectLockRetainUntilDate'
>;

/** Small objects are read often, and cold classes charge for 128 KiB at least: they stay in the standard class. */
export function storageOptions(access: S3Access, key: string, sizeBytes: number): StorageOptions {
  const { settings } = access;
  const standard = settings.storageClass === undefined || key.endsWith('.json') || sizeBytes < 128 * 2 ** 10;
  return {
    // Compatible services have names of their own, which the SDK's type does not know.
    ...(standard ? {} : { StorageClass: settings.storageClass as import('@aws-sdk/client-s3').StorageClass }),
    ...(settings.serverSideEncryption === undefined ? {} : { ServerSideEncryption: settings.serverSideEncryption }),
    ...(settings.kmsKeyId === undefined ? {} : { SSEKMSKeyId: settings.kmsKeyId }),
    ...lockOptions(access, key),
  };
}

function lockOptions(access: S3Access, key: string): StorageOptions {
  const { objectLock } = access.settings;
  if (objectLock === undefined || isHousekeepingOf(access, key)) return {};
  return {
    ObjectLockMode: objectLock.mode,
    ObjectLockRetainUntilDate: new Date(access.clock.now().getTime() + objectLock.duration),
  };
}

/** Sent along as Content-MD5, which clones of S3 understand where they choke on newer checksums. */
export function md5(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest();
}

/** The ETag is the MD5 of what arrived, except under KMS: for services that do not look at Content-MD5. */
export function requireEtag(
  answer: { readonly ETag?: string | undefined; readonly ServerSideEncryption?: string | undefined },
  hash: Buffer,
  what: string,
): void {
  const etag = answer.ETag?.replaceAll('"', '') ?? '';
  const isMd5 = /^[0-9a-f]{32}$/.test(etag) && [undefined, 'AES256'].includes(answer.ServerSideEncryption);
  if (isMd5 && etag !== hash.toString('hex')) {
    throw new StoreError('damaged', `${what}: other bytes arrived than were sent`);
  }
}
