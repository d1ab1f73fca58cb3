/** Where a Redis server listens. */
export interface RedisAddress {
  /** Host name, address, or the path of a Unix socket (starts with `/`). */
  readonly host: string;
  /** 0 for a Unix socket. */
  readonly port: number;
}

/** What a URL says, the password apart so that the rest may be shown. */
export interface ParsedRedisUrl {
  /** At least one; several are seeds of a cluster, or Sentinels. */
  readonly addresses: readonly RedisAddress[];
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Logical database in which keys are looked at, when a family looks at keys. */
  readonly database: number;
}

const network =
  /^(?:redis|valkey)(?<tls>s)?:\/\/(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?(?<hosts>[^/?]+)(?:\/(?<database>\d*))?$/;
const socket =
  /^(?:redis\+)?unix:\/\/(?:(?<user>[^:@/?]*)(?::(?<password>[^@/?]*))?@)?(?<path>\/[^?]+)(?:\?db=(?<database>\d+))?$/;
const hostAndPort = /^(?<host>\[[^\]]+\]|[^:[\]]+)(?::(?<port>\d{1,5}))?$/;
const defaultPort = 6379;

/**
 * Parses `redis://user:password@host:port/0`, `rediss://` (TLS), `valkey://`, `valkeys://`, `unix:///path` and lists of
 * hosts (`redis://a:26379,b:26379`). Throws with a reason that never shows the URL itself.
 */
export function parseRedisUrl(url: string): ParsedRedisUrl {
  const groups = network.exec(url)?.groups ?? socket.exec(url)?.groups;
  if (groups === undefined) {
    throw new Error('not a URL of the form redis://host:port, rediss://host:port or unix:///path/of/socket');
  }
  const { user, password, path, hosts, database } = groups;
  return {
    addresses: path === undefined ? (hosts ?? '').split(',').map(parseAddress) : [{ host: decode(path), port: 0 }],
    tls: groups['tls'] !== undefined,
    username: user === undefined || user === '' ? undefined : decode(user),
    password: password === undefined || password === '' ? undefined : decode(password),
    database: database === undefined || database === '' ? 0 : Number(database),
  };
}

function parseAddress(text: string): RedisAddress {
  const groups = hostAndPort.exec(text)?.groups;
  const port = Number(groups?.['port'] ?? defaultPort);
  if (groups === undefined || port < 1 || port > 65_535) throw new Error('not a list of host:port in the URL');
  return { host: (groups['host'] ?? '').replace(/^\[(.*)\]$/, '$1'), port };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new Error('a "%" in the URL stands for nothing; write %25 for itself', { cause: error });
  }
}

/** `10.0.0.1:6379`, `[::1]:6379` or `/run/redis.sock`: the value of the `node` label. */
export function formatAddress({ host, port }: RedisAddress): string {
  if (host.startsWith('/')) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
