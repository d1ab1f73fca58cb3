import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { awsHttpStatus } from '../core/aws-error.ts';
import { type ObjectLock, ObjectLocked, StoreError } from './object-store.ts';
import { isHousekeepingOf, type S3Access } from './s3-client.ts';

/** Nothing is written twice, so there is one version; more were made by somebody else. */
const mostVersions = 100;

interface Doomed {
  /** As the service knows it, with the prefix. */
  readonly fullKey: string;
  /** How errors call it. */
  readonly name: string;
}

/** The lock that holds an object now; undefined when it may be deleted. */
export function lockOf(
  found: Pick<HeadObjectCommandOutput, 'ObjectLockRetainUntilDate' | 'ObjectLockLegalHoldStatus'>,
  now: Date,
): ObjectLock | undefined {
  if (found.ObjectLockLegalHoldStatus === 'ON') return { until: undefined };
  const until = found.ObjectLockRetainUntilDate;
  return until !== undefined && until > now ? { until } : undefined;
}

/**
 * Deletes an object so that it is gone. In a bucket with versions a plain DeleteObject would only hide it behind a marker
 * and succeed even where a lock keeps the data: there each version is deleted by its id, and a locked one is told.
 */
export async function deleteObject(access: S3Access, doomed: Doomed, signal: AbortSignal): Promise<void> {
  const { sdk, client, settings } = access;
  const object = { Bucket: settings.bucket, Key: doomed.fullKey };
  const remove = (version: { VersionId?: string }) =>
    client.send(new sdk.DeleteObjectCommand({ ...object, ...version }), { abortSignal: signal });
  for (let versions = 0; versions < mostVersions; versions++) {
    const found = await headOf(access, doomed.fullKey, signal);
    if (found === undefined) return;
    const { VersionId } = found;
    if (VersionId === undefined || VersionId === 'null') {
      await remove({});
      return;
    }
    const lock = lockOf(found, access.clock.now());
    if (lock !== undefined) {
      if (!isHousekeepingOf(access, doomed.fullKey)) throw new ObjectLocked(doomed.name, lock);
      // Locked by the bucket's own rule: out of the way is enough.
      await remove({});
      return;
    }
    await remove({ VersionId }).catch((error) => throwLockOr(error, access, { ...doomed, VersionId }, signal));
  }
  throw new StoreError(
    'unavailable',
    `${doomed.name}: more than ${mostVersions} versions were deleted, and there are more`,
  );
}

async function headOf(
  access: S3Access,
  fullKey: string,
  signal: AbortSignal,
): Promise<HeadObjectCommandOutput | undefined> {
  const { sdk, client, settings } = access;
  const command = new sdk.HeadObjectCommand({ Bucket: settings.bucket, Key: fullKey });
  try {
    return await client.send(command, { abortSignal: signal });
  } catch (error) {
    if (awsHttpStatus(error) === 404) return undefined;
    throw error;
  }
}

/** Without a permission for it HeadObject does not show the lock; then a refusal may be one. */
async function throwLockOr(
  refusal: unknown,
  access: S3Access,
  doomed: Doomed & { readonly VersionId: string },
  signal: AbortSignal,
): Promise<never> {
  if (awsHttpStatus(refusal) !== 403) throw refusal;
  const { sdk, client, settings } = access;
  const { fullKey: Key, VersionId } = doomed;
  const command = new sdk.GetObjectRetentionCommand({ Bucket: settings.bucket, Key, VersionId });
  const answer = await client.send(command, { abortSignal: signal }).catch(() => undefined);
  const until = answer?.Retention?.RetainUntilDate;
  if (until !== undefined && until > access.clock.now()) throw new ObjectLocked(doomed.name, { until });
  throw refusal;
}
