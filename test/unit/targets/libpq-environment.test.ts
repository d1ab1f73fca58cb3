import { expect, test } from 'vitest';
import { parseConnection } from '../../../src/targets/libpq/parse-connection.ts';
import { libpqEnvironment } from '../../../src/targets/postgres/libpq.ts';

function rootCertificateOf(parameters: string): string | undefined {
  const { connection } = parseConnection(`postgres://host/db?${parameters}`);
  return libpqEnvironment({ connection }, undefined)['PGSSLROOTCERT'];
}

test.each(['sslmode=verify-full', 'sslmode=verify-ca', 'sslmode=verify-full&sslrootcert=system'])(
  '%s lets the programs trust the authorities of the system',
  (parameters) => {
    const path = rootCertificateOf(parameters);

    // The last: no such file here, and libpq knows by itself from version 16 on.
    const known = [
      '/etc/ssl/certs/ca-certificates.crt',
      '/etc/pki/tls/certs/ca-bundle.crt',
      '/etc/ssl/cert.pem',
      'system',
    ];
    expect(known).toContain(path);
  },
);

test('a certificate that is named is the one that counts', () => {
  expect(rootCertificateOf('sslmode=verify-full&sslrootcert=/etc/own.pem')).toBe('/etc/own.pem');
});
