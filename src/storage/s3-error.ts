import { awsHttpStatus, isAwsThrottle } from '../core/aws-error.ts';
import { errorCode, errorMessage } from '../core/errors.ts';
import { SecretUnavailable } from '../core/secret.ts';
import { StoreError, type StoreErrorKind } from './object-store.ts';

interface Meaning {
  readonly kind: StoreErrorKind;
  /** For the person on call, before the service's own words. */
  readonly hint?: string;
}

const noPermission: Meaning = { kind: 'denied', hint: 'the credentials lack the permission' };
const otherRegion: Meaning = { kind: 'misconfigured', hint: 'the bucket is in another region: set "region"' };
const expired: Meaning = { kind: 'denied', hint: 'the credentials have expired' };
const unknownKey: Meaning = { kind: 'denied', hint: 'the access key is unknown' };
const slowDown: Meaning = { kind: 'unavailable', hint: 'the service asks for fewer requests' };

const byName: Readonly<Record<string, Meaning>> = {
  NoSuchKey: { kind: 'missing' },
  NotFound: { kind: 'missing' },
  PreconditionFailed: { kind: 'exists', hint: 'there is such an object already' },
  // Somebody else writes the same key just now: who won shows when asked again.
  ConditionalRequestConflict: { kind: 'unavailable' },
  OperationAborted: { kind: 'unavailable' },
  NoSuchUpload: { kind: 'unavailable', hint: 'somebody ended the upload meanwhile' },
  NoSuchBucket: { kind: 'misconfigured', hint: 'the bucket does not exist' },
  InvalidBucketName: { kind: 'misconfigured' },
  PermanentRedirect: otherRegion,
  AuthorizationHeaderMalformed: otherRegion,
  IllegalLocationConstraintException: otherRegion,
  NotImplemented: { kind: 'misconfigured', hint: 'the service does not know what is asked of it' },
  InvalidObjectState: { kind: 'misconfigured', hint: 'the object is archived and must be restored by hand first' },
  AccessDenied: noPermission,
  Forbidden: noPermission,
  InvalidAccessKeyId: unknownKey,
  // Of the Versity S3 Gateway, with status 404.
  XAdminUserNotFound: unknownKey,
  SignatureDoesNotMatch: { kind: 'denied', hint: 'the secret key is wrong' },
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  CredentialsProviderError: { kind: 'denied', hint: 'no credentials were found' },
  RequestTimeTooSkewed: { kind: 'denied', hint: 'the clock of this machine is wrong' },
  QuotaExceeded: { kind: 'full', hint: 'the quota is used up' },
  EntityTooLarge: { kind: 'full' },
  XMinioStorageFull: { kind: 'full', hint: 'no space left' },
  BadDigest: { kind: 'damaged', hint: 'other bytes arrived than were sent' },
  RequestTimeout: { kind: 'unavailable' },
  TimeoutError: { kind: 'unavailable', hint: 'the service does not answer' },
};

const untrusted: Meaning = {
  kind: 'misconfigured',
  hint: 'the certificate of the service is of no authority that is trusted here: name that in "caFile"',
};
const otherName: Meaning = {
  kind: 'misconfigured',
  hint: 'the certificate of the service is for another name than that of "endpoint"',
};

/** Codes of node:tls and OpenSSL. */
const byCode: Readonly<Record<string, Meaning>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: otherName,
  // Whose clock it is nobody knows; it is renewed by somebody else.
  CERT_HAS_EXPIRED: { kind: 'unavailable', hint: 'the certificate of the service has expired' },
  CERT_NOT_YET_VALID: { kind: 'unavailable', hint: 'the certificate of the service is not valid yet' },
};

/** They need no object, so there is none that could be missing. */
const callsWithoutObject = ['PutObject', 'ListObjectsV2'];

/** Calls whose permission in IAM has another name. */
const permissions: Readonly<Record<string, string>> = {
  HeadObject: 'GetObject',
  ListObjectsV2: 'ListBucket',
};

/** Tells what an error of the SDK means, e.g. of the call `PutObject` on the object `s3://bucket/key`. */
export function s3Error(error: unknown, call: string, object: string): StoreError {
  if (error instanceof StoreError) return error;
  const meaning = meaningIn(call, meaningOf(error));
  const hint = meaning === noPermission ? `${noPermission.hint} s3:${permissions[call] ?? call}` : meaning.hint;
  const message = `${call} ${object}: ${hint === undefined ? '' : `${hint} – `}${ownWords(error)}`;
  return new StoreError(meaning.kind, message, { cause: error });
}

/** Whether the object was there already. */
export function isExistsError(error: unknown): boolean {
  return error instanceof StoreError ? error.kind === 'exists' : meaningOf(error).kind === 'exists';
}

/** Whether other bytes arrived than were sent. */
export function isDamagedError(error: unknown): boolean {
  return error instanceof StoreError ? error.kind === 'damaged' : meaningOf(error).kind === 'damaged';
}

function meaningIn(call: string, meaning: Meaning): Meaning {
  if (meaning.kind !== 'missing' || !callsWithoutObject.includes(call)) return meaning;
  return { kind: 'misconfigured', hint: 'the service does not know what it is asked for' };
}

function meaningOf(error: unknown): Meaning {
  if (error instanceof SecretUnavailable) return { kind: error.transient ? 'unavailable' : 'denied' };
  if (isAwsThrottle(error)) return slowDown;
  const known = byName[error instanceof Error ? error.name : ''];
  return known ?? byCode[errorCode(error) ?? ''] ?? meaningOfStatus(awsHttpStatus(error));
}

/** Answers to HEAD have no body that could hold a name. */
function meaningOfStatus(status: number | undefined): Meaning {
  if (status === undefined || status >= 500 || status === 408 || status === 429) {
    return { kind: status === 507 ? 'full' : 'unavailable' };
  }
  if (status === 301 || status === 307) return otherRegion;
  if (status === 404) return { kind: 'missing' };
  if (status === 401 || status === 403) return noPermission;
  // Old versions of MinIO answer 304.
  if (status === 412 || status === 304) return { kind: 'exists' };
  return { kind: status === 409 ? 'unavailable' : 'misconfigured' };
}

/** Answers without a body leave the SDK with nothing but `UnknownError`. */
function ownWords(error: unknown): string {
  const status = awsHttpStatus(error);
  const answered = status === undefined ? '' : `HTTP ${status}`;
  const words = errorMessage(error);
  if (words === 'UnknownError' && answered !== '') return answered;
  const named = error instanceof Error && error.name !== 'Error' && !(error instanceof SecretUnavailable);
  const name = named ? `${error.name}: ` : '';
  return `${name}${words}${answered === '' ? '' : ` (${answered})`}`;
}
