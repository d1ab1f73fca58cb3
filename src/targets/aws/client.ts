import { abortable } from '../../core/deadline.ts';
import { awsFailure } from './failure.ts';
import type { AwsAccess } from './settings.ts';

/** Requests that are sent at most for one call; throttling slows the client down by itself. */
const attempts = 4;
const connectTimeoutMs = 3_000;

/** What the clients of all services have in common. */
export function clientOptions(access: AwsAccess, endpoint = access.endpoint) {
  return {
    ...(access.region === undefined ? {} : { region: access.region }),
    ...(access.profile === undefined ? {} : { profile: access.profile }),
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: attempts,
    retryMode: 'adaptive',
    requestHandler: {
      connectionTimeout: Math.min(connectTimeoutMs, access.timeoutMs),
      requestTimeout: access.timeoutMs,
      throwOnRequestTimeout: true,
    },
  };
}

/** Waits for an answer as long as the signal allows. Rejects with an AwsFailure that names the permission. */
export async function asked<T>(action: string, signal: AbortSignal, send: () => Promise<T>): Promise<T> {
  try {
    return await abortable(send(), signal);
  } catch (error) {
    signal.throwIfAborted();
    throw awsFailure(error, action);
  }
}
