import { S3ServiceException } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { SecretUnavailable } from '../../../src/core/secret.ts';
import { StoreError } from '../../../src/storage/object-store.ts';
import { s3Error } from '../../../src/storage/s3-error.ts';

function answer(name: string, message: string, httpStatusCode: number): Error {
  return new S3ServiceException({ name, message, $fault: 'client', $metadata: { httpStatusCode } });
}

const failedWith = (error: unknown) => s3Error(error, 'PutObject', 's3://acme/a/b');

test.each([
  [
    answer('PermanentRedirect', 'The bucket must be addressed using another endpoint.', 301),
    'misconfigured',
    'PutObject s3://acme/a/b: the bucket is in another region: set "region" – PermanentRedirect: The bucket must be addressed using another endpoint. (HTTP 301)',
  ],
  [
    answer('AuthorizationHeaderMalformed', "the region 'us-east-1' is wrong; expecting 'eu-central-1'", 400),
    'misconfigured',
    "PutObject s3://acme/a/b: the bucket is in another region: set \"region\" – AuthorizationHeaderMalformed: the region 'us-east-1' is wrong; expecting 'eu-central-1' (HTTP 400)",
  ],
  [
    answer('ExpiredToken', 'The provided token has expired.', 400),
    'denied',
    'PutObject s3://acme/a/b: the credentials have expired – ExpiredToken: The provided token has expired. (HTTP 400)',
  ],
  [
    answer('RequestTimeTooSkewed', 'The difference is too large.', 403),
    'denied',
    'PutObject s3://acme/a/b: the clock of this machine is wrong – RequestTimeTooSkewed: The difference is too large. (HTTP 403)',
  ],
  [
    answer('InvalidObjectState', 'The object is archived.', 403),
    'misconfigured',
    'PutObject s3://acme/a/b: the object is archived and must be restored by hand first – InvalidObjectState: The object is archived. (HTTP 403)',
  ],
  [
    answer('XMinioStorageFull', 'Storage backend has reached its minimum free drive threshold.', 507),
    'full',
    'PutObject s3://acme/a/b: no space left – XMinioStorageFull: Storage backend has reached its minimum free drive threshold. (HTTP 507)',
  ],
  [
    Object.assign(new Error('Could not load credentials from any providers'), { name: 'CredentialsProviderError' }),
    'denied',
    'PutObject s3://acme/a/b: no credentials were found – CredentialsProviderError: Could not load credentials from any providers',
  ],
  [
    Object.assign(new Error('unable to verify the first certificate'), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }),
    'misconfigured',
    'PutObject s3://acme/a/b: the certificate of the service is of no authority that is trusted here: name that in "caFile" – unable to verify the first certificate',
  ],
  [
    Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' }),
    'unavailable',
    'PutObject s3://acme/a/b: the certificate of the service has expired – certificate has expired',
  ],
  [
    answer('XAdminUserNotFound', 'No user exists with the provided access key ID.', 404),
    'denied',
    'PutObject s3://acme/a/b: the access key is unknown – XAdminUserNotFound: No user exists with the provided access key ID. (HTTP 404)',
  ],
  [
    answer('NoSuchThing', 'There is none.', 404),
    'misconfigured',
    'PutObject s3://acme/a/b: the service does not know what it is asked for – NoSuchThing: There is none. (HTTP 404)',
  ],
  [
    Object.assign(new Error('getaddrinfo ENOTFOUND s3.acme.example'), { code: 'ENOTFOUND' }),
    'unavailable',
    'PutObject s3://acme/a/b: getaddrinfo ENOTFOUND s3.acme.example',
  ],
])('an answer is told in words for the person on call (%#)', (error, kind, message) => {
  const told = failedWith(error);

  expect(told).toBeInstanceOf(StoreError);
  expect([told.kind, told.message]).toEqual([kind, message]);
  expect(told.cause).toBe(error);
});

test.each([
  [301, 'misconfigured', 'the bucket is in another region: set "region" – HTTP 301'],
  [403, 'denied', 'the credentials lack the permission s3:GetObject – HTTP 403'],
  [404, 'missing', 'HTTP 404'],
  [400, 'misconfigured', 'HTTP 400'],
  [409, 'unavailable', 'HTTP 409'],
  [412, 'exists', 'HTTP 412'],
  [429, 'unavailable', 'the service asks for fewer requests – HTTP 429'],
  [503, 'unavailable', 'HTTP 503'],
  [507, 'full', 'HTTP 507'],
])('an answer %i without words is told by its number', (status, kind, words) => {
  const told = s3Error(answer('Unknown', 'UnknownError', status), 'HeadObject', 's3://acme/a/b');

  expect([told.kind, told.message]).toEqual([kind, `HeadObject s3://acme/a/b: ${words}`]);
});

test('what is a store’s error already stays as it is', () => {
  const error = new StoreError('damaged', 'a/b ended early');

  expect(failedWith(error)).toBe(error);
});

test.each([
  [true, 'unavailable'],
  [false, 'denied'],
])('a secret key that cannot be had (transient: %s) is %s, in the words of its source', (transient, kind) => {
  const cause = new SecretUnavailable('reading the AWS secret x: there is no such secret', { transient });

  const error = s3Error(cause, 'PutObject', 's3://b/k');

  expect(error.kind).toBe(kind);
  expect(error.message).toBe('PutObject s3://b/k: reading the AWS secret x: there is no such secret');
});
