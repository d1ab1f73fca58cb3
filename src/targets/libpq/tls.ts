import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { SecretUnavailable } from '../../core/secret.ts';
import type { PostgresAccess } from './access.ts';
import { readClientKey } from './client-key.ts';
import { type Connection, type Endpoint, isSocket, type TlsVersion } from './connection.ts';

export type Encryption = 'tls' | 'plain';

/** What is tried in turn. Unix sockets are never encrypted, whatever `sslmode` says; so it is with libpq. */
export function encryptionOrder({ sslMode }: Connection, endpoint: Endpoint): readonly Encryption[] {
  if (isSocket(endpoint)) return ['plain'];
  switch (sslMode) {
    case 'disable':
      return ['plain'];
    case 'allow':
      return ['plain', 'tls'];
    case 'prefer':
      return ['tls', 'plain'];
    default:
      return ['tls'];
  }
}

/** A subset of node:tls's ConnectionOptions. */
export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
  readonly crl?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  readonly servername?: string;
  readonly checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/**
 * TLS with libpq's meaning of `sslmode`: `verify-full` looks at authority and host name, `verify-ca` at the authority,
 * the others at the authority when `sslrootcert` names one. The files are read at each login, so that renewed
 * certificates need no restart.
 */
export async function tlsOptions(access: PostgresAccess, { host, hostAddress }: Endpoint): Promise<TlsOptions> {
  const { connection } = access;
  const { sslMode, sslCert, sslKey, tlsMinVersion, tlsMaxVersion } = connection;
  const verified = sslMode.startsWith('verify-') || connection.sslRootCert !== undefined;
  const byName = hostAddress === undefined ? {} : { servername: host };
  return {
    rejectUnauthorized: verified,
    ...(verified ? await authorities(connection) : {}),
    ...(sslCert === undefined ? {} : { cert: await readPem('certificate', sslCert) }),
    ...(sslKey === undefined ? {} : await readClientKey(sslKey, access.sslPassword)),
    ...(tlsMinVersion === undefined ? {} : { minVersion: tlsMinVersion }),
    ...(tlsMaxVersion === undefined ? {} : { maxVersion: tlsMaxVersion }),
    ...byName,
    checkServerIdentity:
      sslMode === 'verify-full' ? (_dialled, certificate) => checkServerIdentity(host, certificate) : () => undefined,
  };
}

async function authorities({ sslRootCert, sslCrl }: Connection): Promise<Pick<TlsOptions, 'ca' | 'crl'>> {
  const file = rootCertificates(sslRootCert);
  return {
    // Without a file of the system: the authorities that Node.js brings along.
    ...(file === 'system' ? {} : { ca: await readPem('certificate', file) }),
    ...(sslCrl === undefined ? {} : { crl: await readPem('revocation list', sslCrl) }),
  };
}

async function readPem(what: string, path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new SecretUnavailable(`reading the ${what} file ${path}`, { cause: error });
  }
  if (!text.includes('-----BEGIN ')) throw new SecretUnavailable(`the ${what} file ${path} is not in PEM format`);
  return text;
}

/** Where Debian, Red Hat, Alpine and macOS keep the certificates of the authorities. */
const authorityFiles = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/**
 * The file of `sslrootcert`, or of the system's authorities. Left alone, libpq looks for a file in a home directory and
 * gives up; it knows `system` from version 16 on only.
 */
export function rootCertificates(sslRootCert: string | undefined): string {
  if (sslRootCert !== undefined && sslRootCert !== 'system') return sslRootCert;
  return authorityFiles.find((path) => existsSync(path)) ?? 'system';
}
