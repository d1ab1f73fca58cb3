export const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof sslModes)[number];

export const targetSessionAttributes = [
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
] as const;
export type TargetSessionAttribute = (typeof targetSessionAttributes)[number];

export const tlsVersions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof tlsVersions)[number];

/** Where one server listens. */
export interface Endpoint {
  /** Host name, address, or the folder of a Unix socket (starts with `/`). */
  readonly host: string;
  readonly port: number;
  /** Dialled instead of looking `host` up; the certificate must still be for `host`. */
  readonly hostAddress?: string;
}

/** Limits of TCP; absent ones are ours or the system's. */
export interface KeepAlive {
  readonly enabled?: boolean;
  readonly idleSeconds?: number;
  /** This and the next two: for the programs only, Node.js cannot set them. */
  readonly intervalSeconds?: number;
  readonly count?: number;
  readonly userTimeoutMs?: number;
}

/** What libpq's connection parameters say, in its meaning; everything secret apart, so that this may be shown. */
export interface Connection extends Endpoint {
  /** Servers tried in turn when the first is not there or is not as `targetSession` wants it. */
  readonly otherHosts?: readonly Endpoint[];
  readonly loadBalance?: boolean;
  readonly targetSession?: TargetSessionAttribute;
  readonly user: string;
  readonly database: string;
  readonly sslMode: SslMode;
  /** Path of a PEM file with the authorities, or `system`. */
  readonly sslRootCert?: string;
  /** Paths of PEM files: our certificate, its private key, revoked certificates. */
  readonly sslCert?: string;
  readonly sslKey?: string;
  readonly sslCrl?: string;
  readonly tlsMinVersion?: TlsVersion;
  readonly tlsMaxVersion?: TlsVersion;
  /** TLS from the first byte, without asking whether the server has it (PostgreSQL 17+). */
  readonly sslNegotiation?: 'direct';
  /** Default: `prefer`. */
  readonly channelBinding?: 'disable' | 'prefer' | 'require';
  /** Ways to log in that the server may ask for, as libpq writes them: `scram-sha-256`, `!password,!md5`. */
  readonly requireAuth?: string;
  readonly connectTimeoutSeconds?: number;
  readonly keepAlive?: KeepAlive;
  readonly applicationName?: string;
  /** Settings for the start of the session, e.g. `-c work_mem=64MB`. */
  readonly options?: string;
}

export function isSocket({ host, hostAddress }: Endpoint): boolean {
  return hostAddress === undefined && host.startsWith('/');
}

/** All servers of a connection, in the order in which they are written. */
export function endpointsOf(connection: Connection): readonly [Endpoint, ...Endpoint[]] {
  const { host, port, hostAddress, otherHosts = [] } = connection;
  return [{ host, port, ...(hostAddress === undefined ? {} : { hostAddress }) }, ...otherHosts];
}

/** The same connection to one of its servers only. */
export function withEndpoint(connection: Connection, endpoint: Endpoint): Connection {
  const { otherHosts: _others, hostAddress: _address, targetSession: _target, ...rest } = connection;
  return { ...rest, ...endpoint };
}

/** `db:5432`, `[::1]:5432`, `/run/postgresql:5432`: as messages name a server. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The URL without a password, for logs and messages. */
export function formatConnectionUrl(connection: Connection): string {
  const servers = endpointsOf(connection).map(({ host, port }) =>
    formatEndpoint({ host: host.startsWith('/') ? encodeURIComponent(host) : host, port }),
  );
  return `postgres://${encodeURIComponent(connection.user)}@${servers.join(',')}/${encodeURIComponent(connection.database)}`;
}
