import { DeadlineExceeded } from '../../core/deadline.ts';
import { errorCode, errorMessage, findCause } from '../../core/errors.ts';
import { SecretUnavailable } from '../../core/secret.ts';
import type { LoginFailureReason } from '../session-pool.ts';
import { RedisError } from './connection.ts';

/** The kind of a failed login: from the server's error code, errno or TLS code. */
export function classifyRedisFailure(error: unknown): LoginFailureReason {
  if (findCause(error, SecretUnavailable) !== undefined) return 'secret';
  const refusal = findCause(error, RedisError);
  if (refusal !== undefined) return reasonOfRefusal(refusal);
  const code = errorCode(error) ?? '';
  const byCode = reasonOfCode[code];
  if (byCode !== undefined) return byCode;
  if (/^(ERR_SSL|ERR_TLS|CERT_|UNABLE_TO)/.test(code)) return 'tls';
  if (findCause(error, DeadlineExceeded) !== undefined) return 'timeout';
  const text = errorMessage(error);
  return textReasons.find(([pattern]) => pattern.test(text))?.[1] ?? 'other';
}

function reasonOfRefusal({ code, message }: RedisError): LoginFailureReason {
  if (code === 'WRONGPASS' || code === 'NOAUTH' || code === 'DENIED') return 'authentication';
  if (code === 'NOPERM') return 'privilege';
  if (/invalid password|wrong number of arguments for 'auth'/i.test(message)) return 'authentication';
  if (/max number of clients/i.test(message)) return 'too_many_connections';
  return 'other';
}

const reasonOfCode: Readonly<Record<string, LoginFailureReason>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'refused',
  EPIPE: 'refused',
  ENOENT: 'refused',
  EACCES: 'privilege',
  ENOTFOUND: 'unknown_host',
  EAI_AGAIN: 'unknown_host',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'timeout',
  ENETUNREACH: 'timeout',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls',
  EPROTO: 'tls',
};

/** What comes without a code of its own. */
const textReasons: readonly (readonly [RegExp, LoginFailureReason])[] = [
  [/max number of clients/i, 'too_many_connections'],
  [/ETIMEDOUT|timed out/i, 'timeout'],
  [/connection is closed|connection close|socket hang up/i, 'refused'],
];
