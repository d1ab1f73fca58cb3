import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Secret, SecretSource } from '../../core/secret.ts';
import type { ConnectionUrl } from './connection-url.ts';

/** How to reach one PostgreSQL server. The configuration makes it; tests and sandboxes write it by hand. */
export interface PostgresAccess {
  readonly connection: ConnectionUrl;
  /** Absent: no password is sent (trust, peer, or a certificate). */
  readonly password?: SecretSource | undefined;
}

/** The same server, another database. */
export function withDatabase(access: PostgresAccess, database: string): PostgresAccess {
  return { ...access, connection: { ...access.connection, database } };
}

/**
 * A statement may run for an hour without a byte on the line. Balancers and firewalls forget such connections within
 * minutes (AWS: 350 s, Azure: 4 min) and tell nobody; the system's own keep-alive begins after two hours.
 */
export const keepAliveIdleSeconds = 30;

/** For `--dbname` of libpq programs: what has no environment variable. The database itself is PGDATABASE. */
export const libpqKeepAlive = `keepalives_idle=${keepAliveIdleSeconds} keepalives_interval=10`;

/**
 * The environment with which libpq programs (pg_dump, pg_restore, psql) reach the server: nothing about it stands in
 * their arguments, where every user of the machine could read it.
 */
export function libpqEnvironment(access: PostgresAccess, password: Secret | undefined): Record<string, string> {
  const { host, port, user, database, sslMode, sslRootCert } = access.connection;
  return {
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: database,
    PGSSLMODE: sslMode,
    PGAPPNAME: 'watchkeeper',
    PGCONNECT_TIMEOUT: '10',
    // No file: a .pgpass of whoever starts the daemon must not decide.
    PGPASSFILE: '/nonexistent/.pgpass',
    ...(password === undefined ? {} : { PGPASSWORD: password.reveal() }),
    ...(sslRootCert === undefined && !sslMode.startsWith('verify-')
      ? {}
      : { PGSSLROOTCERT: rootCertificates(sslRootCert) }),
  };
}

/** Where Debian, Red Hat, Alpine and macOS keep the certificates of the authorities. */
const authorityFiles = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/** Left alone, libpq looks for a file in a home directory and gives up; it knows `system` from version 16 on only. */
function rootCertificates(sslRootCert: string | undefined): string {
  if (sslRootCert !== undefined && sslRootCert !== 'system') return sslRootCert;
  return authorityFiles.find((path) => existsSync(path)) ?? 'system';
}

/** TLS options for node-postgres with libpq's meaning of `sslmode`; `false` for a plain connection. */
export async function tlsOptions(connection: ConnectionUrl): Promise<false | TlsOptions> {
  const { sslMode, sslRootCert, host } = connection;
  if (sslMode === 'disable' || host.startsWith('/')) return false;
  const ca = sslRootCert === undefined || sslRootCert === 'system' ? {} : { ca: await readFile(sslRootCert, 'utf8') };
  switch (sslMode) {
    case 'prefer':
    case 'require':
      return { rejectUnauthorized: false };
    case 'verify-ca':
      return { ...ca, rejectUnauthorized: true, checkServerIdentity: () => undefined };
    case 'verify-full':
      return { ...ca, rejectUnauthorized: true };
  }
}

export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly checkServerIdentity?: () => undefined;
}
