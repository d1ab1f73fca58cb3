import { DeadlineExceeded } from '../../core/deadline.ts';
import { errorCode, errorMessage, findCause } from '../../core/errors.ts';
import type { LoginFailureReason } from '../session-pool.ts';

/** The kind of a failed login: from SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), errno or TLS code. */
export function classifyLoginFailure(error: unknown): LoginFailureReason {
  const byCode = reasonOfCode[errorCode(error) ?? ''];
  if (byCode !== undefined) return byCode;
  if (findCause(error, DeadlineExceeded) !== undefined) return 'timeout';
  const text = errorMessage(error);
  return textReasons.find(([pattern]) => pattern.test(text))?.[1] ?? 'other';
}

const reasonOfCode: Readonly<Record<string, LoginFailureReason>> = {
  // invalid_password; invalid_authorization_specification: no line in pg_hba.conf, NOLOGIN, no such role
  '28P01': 'authentication',
  '28000': 'authentication',
  // insufficient_privilege: no CONNECT on the database
  '42501': 'privilege',
  '53300': 'too_many_connections',
  // cannot_connect_now: starting up or shutting down
  '57P03': 'refused',
  ECONNREFUSED: 'refused',
  ECONNRESET: 'refused',
  ENOTFOUND: 'unknown_host',
  EAI_AGAIN: 'unknown_host',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'timeout',
  ENETUNREACH: 'timeout',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls',
  ERR_TLS_CERT_ALTNAME_INVALID: 'tls',
  CERT_HAS_EXPIRED: 'tls',
  EPROTO: 'tls',
};

/** What comes without a code of its own. */
const textReasons: readonly (readonly [RegExp, LoginFailureReason])[] = [
  [/connect ENOENT/, 'refused'],
  [/client password must be/, 'authentication'],
  [/timeout expired|connection timeout/i, 'timeout'],
  [/does not support SSL/, 'tls'],
  [/connection terminated/i, 'refused'],
];
