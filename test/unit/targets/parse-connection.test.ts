import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { formatConnectionUrl } from '../../../src/targets/libpq/connection.ts';
import { connectionParameters } from '../../../src/targets/libpq/connection-parameters.ts';
import { type ParsedConnection, parseConnection } from '../../../src/targets/libpq/parse-connection.ts';

function failureOf(text: string): string {
  try {
    parseConnection(text);
    return 'accepted';
  } catch (error) {
    return errorMessage(error);
  }
}

describe('the forms of a connection', () => {
  const base = { user: 'w', database: 'shop', sslMode: 'prefer' };

  test.each<[string, ParsedConnection['connection']]>([
    ['postgres://w@db/shop', { ...base, host: 'db', port: 5432, sslMode: 'prefer' }],
    ['postgresql://w@db:6000/shop', { ...base, host: 'db', port: 6000, sslMode: 'prefer' }],
    ['postgres://w@[2001:db8::1]:6000/shop', { ...base, host: '2001:db8::1', port: 6000, sslMode: 'prefer' }],
    ['postgres://w@%2Frun%2Fpostgresql/shop', { ...base, host: '/run/postgresql', port: 5432, sslMode: 'prefer' }],
    ['postgres:///shop?host=/run/pg&user=w&port=7', { ...base, host: '/run/pg', port: 7, sslMode: 'prefer' }],
    ['host=db dbname=shop user=w', { ...base, host: 'db', port: 5432, sslMode: 'prefer' }],
    [
      "  host = 'db' dbname='shop'user=w".replace("'user", "' user"),
      { ...base, host: 'db', port: 5432, sslMode: 'prefer' },
    ],
    ['postgres://', { host: 'localhost', port: 5432, user: 'postgres', database: 'postgres', sslMode: 'prefer' }],
    ['postgres://w@', { host: 'localhost', port: 5432, user: 'w', database: 'w', sslMode: 'prefer' }],
    ['postgres://w@db/shop?ssl=true', { ...base, host: 'db', port: 5432, sslMode: 'require' }],
    [
      'postgres://w@db/shop?sslrootcert=system',
      { ...base, host: 'db', port: 5432, sslMode: 'verify-full', sslRootCert: 'system' },
    ],
  ])('%s', (text, connection) => {
    expect(parseConnection(text).connection).toEqual(connection);
  });

  test('several hosts share a port or have one each', () => {
    const url = parseConnection('postgres://w@h1:1,[::1]:2,/shop?target_session_attrs=primary').connection;
    const pairs = parseConnection('host=h1,h2,/run/pg port=7 hostaddr=10.0.0.1,,').connection;

    expect(url).toMatchObject({ host: 'h1', port: 1, targetSession: 'primary' });
    expect(url.otherHosts).toEqual([
      { host: '::1', port: 2 },
      { host: 'localhost', port: 5432 },
    ]);
    expect(pairs).toMatchObject({ host: 'h1', port: 7, hostAddress: '10.0.0.1' });
    expect(pairs.otherHosts).toEqual([
      { host: 'h2', port: 7 },
      { host: '/run/pg', port: 7 },
    ]);
    expect(formatConnectionUrl(url)).toBe('postgres://w@h1:1,[::1]:2,localhost:5432/shop');
  });

  test('passwords keep every character', () => {
    expect(parseConnection('postgres://w:p%40%3A%2F%3F+%25@db/shop').password).toBe('p@:/?+%');
    expect(parseConnection('postgres://w:p:q?r@db/shop').password).toBe('p:q?r');
    expect(parseConnection(String.raw`user=w password='it\'s \\ a b'`).password).toBe(String.raw`it's \ a b`);
    expect(parseConnection(String.raw`user=w password=it\'s\ a`).password).toBe("it's a");
  });

  test('what was formatted is read back as it was', () => {
    const name = fc.string({ minLength: 1 }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(name, name, fc.constantFrom('db', '/run/pg', '::1', 'a-b.example'), (user, database, host) => {
        const text = formatConnectionUrl({ host, port: 6_000, user, database, sslMode: 'prefer' });

        expect(parseConnection(text).connection).toEqual({ host, port: 6_000, user, database, sslMode: 'prefer' });
      }),
    );
  });
});

test.each([
  ['hunter2', 'not a URL of the form postgres://user@host:port/database, nor "host=… dbname=…"'],
  ['postgres://w@db/shop?sslmod=require', 'has a parameter that libpq does not know; did you mean "sslmode"?'],
  ['postgres://w@db/shop?hunter2=x', 'has a parameter that libpq does not know'],
  ['postgres://w@db/shop?hunter2', 'a parameter after "?" has no "="; write "%26" for "&" within a value'],
  [
    'postgres://w@db/shop?sslmode=hunter2',
    'sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full',
  ],
  ['postgres://w@db:hunter2/shop', 'the port must lie between 1 and 65535'],
  ['postgres://w@h1:1,h2:2,h3/shop?port=1,2', '"port" must have one entry, or as many as "host"'],
  ['postgres://w@h1,h2/shop?hostaddr=10.0.0.1', '"hostaddr" must have as many entries as "host"'],
  [
    'user=w password=my hunter2',
    "must consist of name=value pairs; a value with blanks is written in quotes: name='a b'",
  ],
  ["password='hunter2", "must consist of name=value pairs; a value with blanks is written in quotes: name='a b'"],
  ['postgres://w:my@hunter2@db/shop', 'an "@" or "/" within user or password must be written as %40 or %2F'],
  ['postgres://w:12/hunter2@db/shop', 'an "@" or "/" within user or password must be written as %40 or %2F'],
  ['postgres://w:%zz@db/shop', 'a part of the URL is not correctly percent-encoded'],
  ['postgres://w@db/?sslmode=require&sslrootcert=system', '"sslrootcert=system" goes with sslmode=verify-full only'],
  ['postgres://w@db/?sslcert=a.crt', '"sslcert" needs "sslkey", the file of its key'],
  ['postgres://w@db/?sslnegotiation=direct', '"sslnegotiation=direct" needs sslmode=require, verify-ca or verify-full'],
  [
    'postgres://w@db/?ssl_max_protocol_version=TLSv1.1',
    '"ssl_max_protocol_version" is below the least version (TLSv1.2 unless told otherwise)',
  ],
  [
    'postgres://w@db/?gssencmode=require',
    'the parameter "gssencmode" cannot be used with this value: Watchkeeper does not speak GSSAPI; use TLS',
  ],
  [
    'postgres://w@db/?require_auth=password,!md5',
    '"require_auth" must be a list of ways or of ways with "!", not of both',
  ],
  [
    'postgres://w@db/?require_auth=magic',
    'require_auth must be made of password, md5, gss, sspi, scram-sha-256, oauth, none',
  ],
  ['postgres://w@db/?connect_timeout=soon', 'connect_timeout must be a whole number'],
  ['postgres://w@db/?host=@abstract', 'sockets without a file (host=@…) are not supported'],
])('%s is refused: %s', (text, message) => {
  expect(failureOf(text).split(': URI malformed')[0]).toBe(message);
});

/** As the documentation of PostgreSQL 18 lists them (34.1.2. Parameter Key Words), and the form of before 17. */
const libpqParameters =
  'host hostaddr port dbname user password passfile require_auth channel_binding connect_timeout client_encoding options application_name fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout replication gssencmode sslmode requiressl sslnegotiation sslcompression sslcert sslkey sslkeylogfile sslpassword sslcertmode sslrootcert sslcrl sslcrldir sslsni requirepeer ssl_min_protocol_version ssl_max_protocol_version min_protocol_version max_protocol_version krbsrvname gsslib gssdelegation scram_client_key scram_server_key service servicefile target_session_attrs load_balance_hosts oauth_issuer oauth_client_id oauth_client_secret oauth_scope';

test('every parameter of libpq is used, told to be ignored, or refused with the reason', () => {
  expect(Object.keys(connectionParameters).sort()).toEqual(libpqParameters.split(' ').sort());
  for (const [name, { support, note }] of Object.entries(connectionParameters)) {
    const text = `host=db ${name}=9`;
    if (support === 'refused') expect(failureOf(text)).toMatch(new RegExp(`"${name}" cannot be used.*: .+`));
    if (support === 'ignored')
      expect(parseConnection(text).warnings).toEqual([`the parameter "${name}" is ignored: ${note}`]);
    if (support === 'programs') expect(parseConnection(text).warnings[0]).toContain(`"${name}" is used by pg_dump`);
  }
});

test('the documentation tells of every parameter what the code does', async () => {
  const text = await readFile(join(import.meta.dirname, '../../../docs/connections.md'), 'utf8');

  const rows = text
    .split('\n')
    .filter((line) => /^\| `[a-z_]+` \| (used|programs|ignored|refused) \|[^|]+\|$/.test(line));

  expect(rows).toEqual(
    Object.entries(connectionParameters).map(([name, { support, note }]) => `| \`${name}\` | ${support} | ${note} |`),
  );
});

test('values that change nothing are taken without a word', () => {
  const text = 'host=db sslcompression=0 gssencmode=prefer client_encoding=UTF8 sslsni=1 sslcertmode=allow';

  expect(parseConnection(text).warnings).toEqual([]);
});

test('no failure and no warning repeats a secret, wherever it stands', () => {
  const around = fc.string({ maxLength: 6 });
  const places = [
    (a: string, b: string) => `postgres://w:${a}S3CR3T${b}@db/shop`,
    (a: string, b: string) => `postgres://w@db/shop?password=${a}S3CR3T${b}`,
    (a: string, b: string) => `postgres://w@db/shop?${a}S3CR3T${b}=x`,
    (a: string, b: string) => `postgres://w:${a}/S3CR3T${b}@db`,
    (a: string, b: string) => `user=w password=${a} S3CR3T${b}`,
    (a: string, b: string) => `user=w password='${a}' S3CR3T=${b}`,
    (a: string, b: string) => `host=db sslpassword=${a}S3CR3T${b} sslmode=${a}S3CR3T${b}`,
    (a: string, b: string) => `${a}S3CR3T${b}`,
  ];
  fc.assert(
    fc.property(fc.constantFrom(...places), around, around, (place, before, after) => {
      const text = place(before, after);
      let told = '';
      try {
        told = parseConnection(text).warnings.join('\n');
      } catch (error) {
        told = `${errorMessage(error)}\n${(error as Error).stack?.split('\n    at ')[0]}`;
      }

      expect(told).not.toContain('S3CR3T');
    }),
    { numRuns: 2_000 },
  );
});
