export const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof sslModes)[number];

/** What a libpq URL says, the password apart so that the rest may be shown. */
export interface ConnectionUrl {
  /** Host name, address, or the folder of a Unix socket (starts with `/`). */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly sslMode: SslMode;
  /** Path of a PEM file; the system's authorities are used when absent. */
  readonly sslRootCert?: string;
}

export interface ParsedUrl {
  readonly connection: ConnectionUrl;
  readonly password?: string;
}

const pattern =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?(?<host>\[[^\]]+\]|[^:/?]*)(?::(?<port>\d+))?(?:\/(?<database>[^?]*))?(?:\?(?<query>.*))?$/;
const knownParameters = ['host', 'port', 'user', 'dbname', 'sslmode', 'sslrootcert', 'application_name'];

/** Parses `postgres://user:password@host:port/database?sslmode=…`. Throws with a reason that never shows the URL itself. */
export function parseConnectionUrl(url: string): ParsedUrl {
  const groups = pattern.exec(url)?.groups;
  if (groups === undefined) throw new Error('not a URL of the form postgres://user@host:port/database');
  const query = new URLSearchParams(groups['query'] ?? '');
  for (const name of query.keys()) {
    if (!knownParameters.includes(name)) throw new Error(`unknown URL parameter "${name}"`);
  }
  const user = decode(groups['user']) || query.get('user') || 'postgres';
  const port = Number(groups['port'] ?? query.get('port') ?? 5432);
  if (!(port > 0 && port < 65_536)) throw new Error('the port must lie between 1 and 65535');
  const password = decode(groups['password']);
  const sslRootCert = query.get('sslrootcert');
  const host = decode(groups['host']).replace(/^\[(.*)\]$/, '$1') || query.get('host') || 'localhost';
  return {
    connection: {
      host,
      port,
      user,
      database: decode(groups['database']) || query.get('dbname') || user,
      sslMode: parseSslMode(query.get('sslmode')),
      ...(sslRootCert === null ? {} : { sslRootCert }),
    },
    ...(password === '' ? {} : { password }),
  };
}

/** The URL without a password, for logs and messages. */
export function formatConnectionUrl(connection: ConnectionUrl): string {
  const host = connection.host.startsWith('/') ? encodeURIComponent(connection.host) : connection.host;
  const authority = host.includes(':') ? `[${host}]` : host;
  return `postgres://${encodeURIComponent(connection.user)}@${authority}:${connection.port}/${encodeURIComponent(connection.database)}`;
}

function parseSslMode(text: string | null): SslMode {
  if (text === null || text === 'allow') return 'prefer';
  const mode = sslModes.find((known) => known === text);
  if (mode === undefined) throw new Error(`sslmode must be one of ${sslModes.join(', ')}`);
  return mode;
}

function decode(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? '');
  } catch (error) {
    throw new Error('a part of the URL is not correctly percent-encoded', { cause: error });
  }
}
