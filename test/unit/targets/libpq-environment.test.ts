import { expect, test } from 'vitest';
import { literalSecret, Secret } from '../../../src/core/secret.ts';
import { parseConnection } from '../../../src/targets/libpq/parse-connection.ts';
import { libpqArgument, libpqEnvironment, libpqLogin } from '../../../src/targets/postgres/libpq.ts';

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

const accessFor = (text: string) => ({ connection: parseConnection(text).connection });

test('nothing of a home folder or a password file counts unless it is named', () => {
  const bare = libpqEnvironment(accessFor('postgres://w@db/shop?sslmode=require'), undefined);
  const named = libpqEnvironment(
    accessFor('postgres://w@db/shop?sslmode=verify-full&sslrootcert=/a&sslcert=/b&sslkey=/c&sslcrl=/d'),
    undefined,
  );

  const files = ['PGSSLROOTCERT', 'PGSSLCERT', 'PGSSLKEY', 'PGSSLCRL', 'PGPASSFILE'];
  expect(files.map((name) => bare[name])).toEqual(Array(5).fill('/nonexistent/watchkeeper'));
  expect(files.map((name) => named[name])).toEqual(['/a', '/b', '/c', '/d', '/nonexistent/watchkeeper']);
  expect(bare).not.toHaveProperty('PGPASSWORD');
});

test('several hosts keep their ports, addresses and conditions', () => {
  const access = accessFor('host=h1,/run/pg hostaddr=10.0.0.1, port=1,2 target_session_attrs=standby user=w');

  expect(libpqEnvironment(access, new Secret('x'))).toMatchObject({
    PGHOST: 'h1,/run/pg',
    PGHOSTADDR: '10.0.0.1,',
    PGPORT: '1,2',
    PGTARGETSESSIONATTRS: 'standby',
    PGPASSWORD: 'x',
  });
});

test('the argument holds what has no variable everywhere, quoted, and nothing that is secret', () => {
  const text =
    'postgres://w:hunter2@db/shop?sslmode=require&sslpassword=hunter2&channel_binding=require&keepalives_count=4&keepalives_idle=60&tcp_user_timeout=9000&require_auth=scram-sha-256,%20none&sslnegotiation=direct&ssl_min_protocol_version=TLSv1.3';

  expect(libpqArgument(parseConnection(text).connection)).toBe(
    "--dbname=keepalives_idle=60 keepalives_interval=10 keepalives_count=4 tcp_user_timeout=9000 ssl_min_protocol_version=TLSv1.3 sslnegotiation=direct channel_binding=require require_auth='scram-sha-256, none'",
  );
  expect(libpqArgument(accessFor('host=db keepalives=0').connection)).toBe(
    '--dbname=keepalives=0 keepalives_idle=30 keepalives_interval=10',
  );
});

test.each(['two\nlines', ' blank before', 'blank after '])(
  'a key’s password that no program can be given is refused: %j',
  async (password) => {
    const { connection } = parseConnection('postgres://w@db/shop?sslmode=require&sslcert=a&sslkey=b');

    const login = libpqLogin({ connection, sslPassword: literalSecret(password) });

    await expect(login).rejects.toThrow('"sslPassword" has blanks at its ends or several lines');
  },
);
