import { expect, test } from 'vitest';
import { awsReason, isAwsThrottle } from '../../../src/core/aws-error.ts';
import { AwsRequests } from '../../../src/core/aws-requests.ts';

const failed = (name: string, status?: number, more: object = {}) =>
  Object.assign(new Error('x'), { name, ...(status && { $metadata: { httpStatusCode: status } }), ...more });

test.each([
  ['SlowDown', 503, true, 'SlowDown'],
  ['ThrottlingException', 400, true, 'ThrottlingException'],
  ['UnknownError', 429, true, 'HTTP 429'],
  ['UnknownError', 503, false, 'HTTP 503'],
  ['AccessDenied', 403, false, 'AccessDenied'],
  ['What a <strange> name', 500, false, 'HTTP 500'],
  ['SyntaxError', 403, false, 'HTTP 403'],
  ['Error', undefined, false, 'Unknown'],
] as const)('%s with status %s: throttle %s, told as %s', (name, status, throttle, reason) => {
  expect([isAwsThrottle(failed(name, status)), awsReason(failed(name, status))]).toEqual([throttle, reason]);
});

test('a broken connection is told by its code', () => {
  expect(awsReason(failed('Error', undefined, { code: 'ECONNRESET' }))).toBe('ECONNRESET');
});

test('names that a service makes up do not become labels without end', () => {
  const requests = new AwsRequests();
  for (let index = 0; index < 100; index++) {
    requests.note('s3', 'GetObject', failed(`Made${'x'.repeat(index % 60)}${'y'.repeat(index % 7)}`, 500));
  }

  const [counts] = requests.all;
  expect(counts?.requests).toBe(100);
  expect(counts?.errors.size).toBe(31);
  expect([...(counts?.errors.values() ?? [])].reduce((a, b) => a + b, 0)).toBe(100);
});
