import { awsHttpStatus, isAwsThrottle } from '../../core/aws-error.ts';
import { DeadlineExceeded } from '../../core/deadline.ts';
import { coerceError, errorCode, errorMessage, findCause } from '../../core/errors.ts';
import type { LoginFailureReason } from '../session-pool.ts';

/**
 * `denied`: a permission is missing. `credentials`: there are none, or they are wrong or have expired. `region`: unknown or
 * the wrong one. `throttled`: too many requests. `unsupported`: the service does not know the call. `unreachable`: no answer.
 */
export type AwsFailureKind =
  | 'denied'
  | 'credentials'
  | 'region'
  | 'throttled'
  | 'unsupported'
  | 'missing'
  | 'unreachable'
  | 'timeout'
  | 'other';

/** A call to AWS that failed, in the words of whoever has to mend it. */
export class AwsFailure extends Error {
  override readonly name = 'AwsFailure';
  readonly kind: AwsFailureKind;
  /** As IAM names it, e.g. `dynamodb:ListTables`. */
  readonly action: string;
  /** What it means, without the words of AWS; undefined where they say it best. */
  readonly hint: string | undefined;

  constructor(
    kind: AwsFailureKind,
    told: { readonly action: string; readonly hint: string | undefined; readonly words: string },
    options: ErrorOptions,
  ) {
    const { action, hint, words } = told;
    super([action, ...(hint === undefined ? [] : [hint]), words].join(': '), options);
    this.kind = kind;
    this.action = action;
    this.hint = hint;
  }
}

interface Meaning {
  readonly kind: AwsFailureKind;
  readonly hint?: string;
}

const invalidCredentials: Meaning = { kind: 'credentials', hint: 'the AWS credentials are not valid' };
const expired: Meaning = { kind: 'credentials', hint: 'the AWS credentials have expired' };
const throttled: Meaning = { kind: 'throttled', hint: 'AWS asks for fewer requests' };
const denied: Meaning = { kind: 'denied' };
const unsupported: Meaning = { kind: 'unsupported', hint: 'the service does not know this call' };
const missing: Meaning = { kind: 'missing' };

const byName: Readonly<Record<string, Meaning>> = {
  AccessDeniedException: denied,
  AccessDenied: denied,
  UnauthorizedOperation: denied,
  CredentialsProviderError: { kind: 'credentials', hint: 'no AWS credentials were found' },
  TokenProviderError: { kind: 'credentials', hint: 'no AWS credentials were found' },
  UnrecognizedClientException: invalidCredentials,
  InvalidSignatureException: invalidCredentials,
  SignatureDoesNotMatch: invalidCredentials,
  InvalidClientTokenId: invalidCredentials,
  MissingAuthenticationTokenException: invalidCredentials,
  IncompleteSignature: invalidCredentials,
  NotSignedUp: invalidCredentials,
  OptInRequired: { kind: 'region', hint: 'the region is not switched on for this account' },
  ExpiredTokenException: expired,
  ExpiredToken: expired,
  RequestExpired: { kind: 'credentials', hint: 'the clock of this machine is wrong' },
  UnknownOperationException: unsupported,
  InvalidAction: unsupported,
  ResourceNotFoundException: missing,
  TableNotFoundException: missing,
  QueueDoesNotExist: missing,
  'AWS.SimpleQueueService.NonExistentQueue': missing,
  TimeoutError: { kind: 'timeout', hint: 'AWS does not answer' },
};

/** Names of errors whose meaning is known. */
export const awsFailureNames: ReadonlySet<string> = new Set(Object.keys(byName));

const unreachableCodes: Readonly<Record<string, Meaning>> = {
  ENOTFOUND: {
    kind: 'region',
    hint: 'the host name is not known: the region may be wrong, or there is no name server',
  },
  EAI_AGAIN: { kind: 'unreachable', hint: 'the name server does not answer' },
  ECONNREFUSED: { kind: 'unreachable', hint: 'nobody listens there' },
  ECONNRESET: { kind: 'unreachable' },
  EPIPE: { kind: 'unreachable' },
  EHOSTUNREACH: { kind: 'unreachable' },
  ENETUNREACH: { kind: 'unreachable' },
  ETIMEDOUT: { kind: 'timeout' },
};

/** Tells what an error of the SDK means; `action` is the permission that the call needs. */
export function awsFailure(thrown: unknown, action: string): AwsFailure {
  if (thrown instanceof AwsFailure) return thrown;
  const meaning = meaningOf(thrown);
  const hint = meaning === denied ? `the credentials lack ${action}` : meaning.hint;
  if (!(thrown instanceof SyntaxError)) {
    return new AwsFailure(meaning.kind, { action, hint, words: ownWords(thrown) }, { cause: thrown });
  }
  // A proxy's page, or a gateway's: of no use but for its status, and what could not be parsed says nothing more.
  const words = `HTTP ${awsHttpStatus(thrown) ?? ''}, and the answer is not JSON`;
  const whose = meaning === denied ? `${hint}, or a proxy before AWS refuses the request` : hint;
  return new AwsFailure(meaning.kind, { action, hint: whose, words }, {});
}

/** For the metrics about logins. */
export function classifyAwsFailure(thrown: unknown): LoginFailureReason {
  if (findCause(thrown, DeadlineExceeded) !== undefined) return 'timeout';
  return reasons[awsFailure(thrown, '').kind];
}

const reasons: Readonly<Record<AwsFailureKind, LoginFailureReason>> = {
  denied: 'privilege',
  credentials: 'authentication',
  region: 'unknown_host',
  throttled: 'too_many_connections',
  unsupported: 'other',
  missing: 'other',
  unreachable: 'refused',
  timeout: 'timeout',
  other: 'other',
};

function meaningOf(thrown: unknown): Meaning {
  const error = coerceError(thrown);
  if (/^Region (is missing|not accepted)/.test(error.message)) {
    return { kind: 'region', hint: 'no region is known: set "region"' };
  }
  if (/scoped to a valid region|Credential should be scoped/i.test(error.message)) {
    return { kind: 'region', hint: 'the credentials or the endpoint belong to another region' };
  }
  if (/Could not load credentials|profile .* (could not|not) be found/i.test(error.message))
    return byName['CredentialsProviderError'] ?? denied;
  if (isAwsThrottle(error)) return throttled;
  // The SDK calls all that happens to a connection a TimeoutError.
  const known = unreachableCodes[errorCode(error) ?? ''] ?? byName[error.name];
  return known ?? meaningOfStatus(awsHttpStatus(error));
}

function meaningOfStatus(status: number | undefined): Meaning {
  if (status === 401 || status === 403) return denied;
  return { kind: 'other' };
}

function ownWords(thrown: unknown): string {
  const error = coerceError(thrown);
  const words = errorMessage(error);
  return error.name === 'Error' || words.includes(error.name) ? words : `${error.name}: ${words}`;
}
