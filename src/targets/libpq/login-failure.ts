import { DeadlineExceeded } from '../../core/deadline.ts';
import { errorCode, errorMessage, findCause } from '../../core/errors.ts';
import { SecretUnavailable } from '../../core/secret.ts';
import type { LoginFailureReason } from '../session-pool.ts';
import { AuthenticationForbidden } from './require-auth.ts';

/** PgBouncer's words for it, which have the code of a protocol violation. */
const passwordRefused = /\b(SASL|password) authentication failed/;

/** Whether the server refuses the password: another one may do. */
export function isPasswordRefused(error: unknown): boolean {
  const code = errorCode(error);
  return code === '28P01' || (code === '08P01' && passwordRefused.test(errorMessage(error)));
}

/** The kind of a failed login: from SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), errno or TLS code. */
export function classifyLoginFailure(error: unknown): LoginFailureReason {
  if (findCause(error, SecretUnavailable) !== undefined) return 'secret';
  if (findCause(error, AuthenticationForbidden) !== undefined) return 'authentication';
  const code = errorCode(error) ?? '';
  const byCode = reasonOfCode[code] ?? (tlsCode.test(code) ? 'tls' : undefined);
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
  EPROTO: 'tls',
};

/** Codes of node:tls and OpenSSL: CERT_HAS_EXPIRED, UNABLE_TO_GET_CRL, UNABLE_TO_VERIFY_LEAF_SIGNATURE, ERR_SSL_TLSV1_ALERT_UNKNOWN_CA … */
const tlsCode = /CERT|_CRL|^UNABLE_TO_VERIFY|^ERR_(TLS|SSL|OSSL)/;

/** What comes without a code of its own: PgBouncer calls nearly everything a protocol violation (08P01). */
const textReasons: readonly (readonly [RegExp, LoginFailureReason])[] = [
  [passwordRefused, 'authentication'],
  [/\bnot allowed$/, 'privilege'],
  [/no more connections allowed/, 'too_many_connections'],
  [/TLS required|SSL required/, 'tls'],
  [/connect ENOENT/, 'refused'],
  [/client password must be/, 'authentication'],
  [/timeout expired|connection timeout/i, 'timeout'],
  [/does not support SSL|error establishing an SSL connection|before secure TLS connection/, 'tls'],
  [/connection terminated/i, 'refused'],
];
