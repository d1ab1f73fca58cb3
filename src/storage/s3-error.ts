import { errorCode, errorMessage } from '../core/errors.ts';
import { StoreError, type StoreErrorKind } from './object-store.ts';

const kindsByName: Readonly<Record<string, StoreErrorKind>> = {
  NoSuchKey: 'missing',
  NotFound: 'missing',
  PreconditionFailed: 'exists',
  ConditionalRequestConflict: 'exists',
  NoSuchBucket: 'misconfigured',
  PermanentRedirect: 'misconfigured',
  AuthorizationHeaderMalformed: 'misconfigured',
  InvalidBucketName: 'misconfigured',
  AccessDenied: 'denied',
  Forbidden: 'denied',
  InvalidAccessKeyId: 'denied',
  SignatureDoesNotMatch: 'denied',
  ExpiredToken: 'denied',
  ExpiredTokenException: 'denied',
  CredentialsProviderError: 'denied',
  RequestTimeTooSkewed: 'denied',
  QuotaExceeded: 'full',
  EntityTooLarge: 'full',
  XMinioStorageFull: 'full',
  BadDigest: 'damaged',
  IncompleteBody: 'unavailable',
  SlowDown: 'unavailable',
  RequestTimeout: 'unavailable',
  TimeoutError: 'unavailable',
  InternalError: 'unavailable',
  ServiceUnavailable: 'unavailable',
  Throttling: 'unavailable',
};

const hints: Readonly<Record<string, string>> = {
  NoSuchBucket: 'the bucket does not exist',
  PermanentRedirect: 'the bucket is in another region: set "region"',
  AuthorizationHeaderMalformed: 'the bucket is in another region: set "region"',
  AccessDenied: 'the credentials lack the permission',
  Forbidden: 'the credentials lack the permission',
  InvalidAccessKeyId: 'the access key is unknown',
  SignatureDoesNotMatch: 'the secret key is wrong',
  ExpiredToken: 'the credentials have expired',
  ExpiredTokenException: 'the credentials have expired',
  CredentialsProviderError: 'no credentials were found',
  RequestTimeTooSkewed: 'the clock of this machine is wrong',
  SlowDown: 'the service asks for fewer requests',
};

const networkCodes =
  /^(ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|ERR_STREAM_PREMATURE_CLOSE|ABORT_ERR)/;

/** Tells what an error of the SDK means. `what` says which call on which object failed, e.g. `PutObject s3://bucket/key`. */
export function s3Error(error: unknown, what: string): StoreError {
  if (error instanceof StoreError) return error;
  const name = error instanceof Error ? error.name : '';
  const hint = hints[name];
  const message = `${what}: ${hint === undefined ? '' : `${hint} – `}${shortMessage(error)}`;
  return new StoreError(kindOf(error, name), message, { cause: error });
}

function kindOf(error: unknown, name: string): StoreErrorKind {
  const known = kindsByName[name];
  if (known !== undefined) return known;
  const status = httpStatus(error);
  if (status === 404) return 'missing';
  if (status === 401 || status === 403) return 'denied';
  if (status === 409 || status === 412) return 'exists';
  if (status === 507) return 'full';
  if (status === undefined || status >= 500 || status === 429 || status === 408) return 'unavailable';
  return networkCodes.test(errorCode(error) ?? '') ? 'unavailable' : 'misconfigured';
}

function httpStatus(error: unknown): number | undefined {
  const metadata = error instanceof Error && '$metadata' in error ? error.$metadata : undefined;
  const status = (metadata as { httpStatusCode?: number } | undefined)?.httpStatusCode;
  return status;
}

function shortMessage(error: unknown): string {
  const name = error instanceof Error && error.name !== 'Error' ? `${error.name}: ` : '';
  const status = httpStatus(error);
  return `${name}${errorMessage(error)}${status === undefined ? '' : ` (HTTP ${status})`}`;
}
