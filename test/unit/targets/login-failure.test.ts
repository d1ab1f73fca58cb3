import { expect, test } from 'vitest';
import { DeadlineExceeded } from '../../../src/core/deadline.ts';
import { SecretUnavailable } from '../../../src/core/secret.ts';
import { classifyLoginFailure, isPasswordRefused } from '../../../src/targets/libpq/login-failure.ts';
import { AuthenticationForbidden } from '../../../src/targets/libpq/require-auth.ts';

function withCode(code: string): Error {
  return new Error('connecting', { cause: Object.assign(new Error('server says no'), { code }) });
}

test.each([
  ['28P01', 'authentication'],
  ['28000', 'authentication'],
  ['42501', 'privilege'],
  ['53300', 'too_many_connections'],
  ['57P03', 'refused'],
  ['ECONNREFUSED', 'refused'],
  ['ENOTFOUND', 'unknown_host'],
  ['ETIMEDOUT', 'timeout'],
  ['CERT_HAS_EXPIRED', 'tls'],
  ['3D000', 'other'],
])('%s is %s', (code, reason) => {
  expect(classifyLoginFailure(withCode(code))).toBe(reason);
});

test('a login that took too long is a timeout', () => {
  expect(classifyLoginFailure(new Error('connecting', { cause: new DeadlineExceeded('too long') }))).toBe('timeout');
});

test.each([
  ['CERT_REVOKED', 'tls'],
  ['UNABLE_TO_GET_CRL', 'tls'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'tls'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
])('every code of TLS is one of TLS (%s)', (code, reason) => {
  expect(classifyLoginFailure(withCode(code))).toBe(reason);
});

test.each([
  ['SASL authentication failed', 'authentication'],
  ['password authentication failed', 'authentication'],
  ['not allowed', 'privilege'],
  ['no more connections allowed (max_client_conn)', 'too_many_connections'],
  ['SSL required', 'tls'],
  ['unsupported startup parameter: options', 'other'],
])('PgBouncer calls everything a protocol violation: its words tell that "%s" is %s', (message, reason) => {
  const error = new Error('connecting', { cause: Object.assign(new Error(message), { code: '08P01' }) });

  expect(classifyLoginFailure(error)).toBe(reason);
  expect(isPasswordRefused(error)).toBe(reason === 'authentication');
});

test('a password that cannot be had is told apart from one that is refused', () => {
  const unreadable = Object.assign(new Error('open'), { code: 'ENOENT' });
  const secret = new SecretUnavailable('reading the secret in /run/secrets/shop', { cause: unreadable });

  expect(classifyLoginFailure(new Error('connecting', { cause: secret }))).toBe('secret');
  expect(classifyLoginFailure(new AuthenticationForbidden('the server asks for "password"'))).toBe('authentication');
});

test('a server without TLS is told as such although the driver gives no code', () => {
  expect(classifyLoginFailure(new Error('The server does not support SSL connections'))).toBe('tls');
});

test('every address of a host refusing is a refusal', () => {
  const addresses = new AggregateError([withCode('ECONNREFUSED'), withCode('ECONNREFUSED')]);

  expect(classifyLoginFailure(new Error('connecting', { cause: addresses }))).toBe('refused');
});
