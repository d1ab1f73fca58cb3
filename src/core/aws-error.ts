import { coerceError, errorCode } from './errors.ts';

/** Status of the answer that an error of the AWS SDK is about; undefined when there was none. */
export function awsHttpStatus(thrown: unknown): number | undefined {
  return awsMetadata(thrown)?.httpStatusCode;
}

/** Times the SDK sent the request that failed. */
export function awsAttempts(thrown: unknown): number {
  return awsMetadata(thrown)?.attempts ?? 1;
}

/** As services of AWS call it when there are too many requests. */
const throttleNames: ReadonlySet<string> = new Set([
  'BandwidthLimitExceeded',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'TooManyRequestsException',
  'TransactionInProgressException',
]);

/** Whether AWS asks for fewer requests: it has names for it, or tells by the status alone. */
export function isAwsThrottle(thrown: unknown): boolean {
  return throttleNames.has(coerceError(thrown).name) || awsHttpStatus(thrown) === 429;
}

/** Names that tell nothing: of answers without a body, and of errors that are not of AWS. */
const emptyNames: ReadonlySet<string> = new Set([
  '',
  'Error',
  'UnknownError',
  'Unknown',
  'TypeError',
  'AggregateError',
  // A page that is not of AWS, where an answer is read as JSON.
  'SyntaxError',
]);

/** In one word why a request failed: what AWS calls it, else the status or what happened to the connection. */
export function awsReason(thrown: unknown): string {
  const error = coerceError(thrown);
  // The SDK calls all that happens to a connection so.
  if (error.name === 'TimeoutError') return errorCode(error) ?? error.name;
  if (!emptyNames.has(error.name) && /^[A-Za-z.]{1,64}$/.test(error.name)) return error.name;
  const status = awsHttpStatus(thrown);
  return status === undefined ? (errorCode(error) ?? 'Unknown') : `HTTP ${status}`;
}

function awsMetadata(thrown: unknown): { readonly httpStatusCode?: number; readonly attempts?: number } | undefined {
  return thrown instanceof Error && '$metadata' in thrown ? (thrown.$metadata as object) : undefined;
}
