import { expect, test } from 'vitest';
import { DeadlineExceeded } from '../../../src/core/deadline.ts';
import { classifyLoginFailure } from '../../../src/targets/libpq/login-failure.ts';

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

test('a server without TLS is told as such although the driver gives no code', () => {
  expect(classifyLoginFailure(new Error('The server does not support SSL connections'))).toBe('tls');
});

test('every address of a host refusing is a refusal', () => {
  const addresses = new AggregateError([withCode('ECONNREFUSED'), withCode('ECONNREFUSED')]);

  expect(classifyLoginFailure(new Error('connecting', { cause: addresses }))).toBe('refused');
});
