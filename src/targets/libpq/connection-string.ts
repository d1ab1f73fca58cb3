/** libpq's connection parameters by name, as they were written; empty ones are left out, as libpq does. */
export type Parameters = ReadonlyMap<string, string>;

/**
 * Takes a connection string apart, `postgres://user@host1,host2:port/database?name=value` or `host=… dbname=…`, by the
 * rules of libpq (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING). Throws with a reason
 * that repeats nothing of it: any part may be a password that was not quoted.
 */
export function splitConnectionString(text: string): Parameters {
  const scheme = /^postgres(?:ql)?:\/\//.exec(text)?.[0];
  if (scheme !== undefined) return parseUrl(text.slice(scheme.length));
  if (text.includes('=')) return parseKeyValues(text);
  throw new Error('not a URL of the form postgres://user@host:port/database, nor "host=… dbname=…"');
}

const urlPattern =
  /^(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>(?:\[[^\]/]*\]|[^/?[\]])*)(?:\/(?<database>[^?]*))?(?:\?(?<query>.*))?$/s;
const hostPattern = /^(?:\[(?<address>[^\]]*)\]|(?<name>[^:[\]]*))(?::(?<port>[^:]*))?$/;

function parseUrl(rest: string): Parameters {
  const groups = urlPattern.exec(rest)?.groups;
  if (groups === undefined) throw new Error('not a URL of the form postgres://user@host:port/database');
  const parameters = new Map<string, string>();
  const put = (name: string, value: string | undefined) => {
    if (value !== undefined && value !== '') parameters.set(name, decode(value));
  };
  put('user', groups['user']);
  put('password', groups['password']);
  // Most likely the end of a password with an "@" or "/" in it: taken as a name it would be shown.
  if (`${groups['hosts']}${groups['database']}`.includes('@')) {
    throw new Error('an "@" or "/" within user or password must be written as %40 or %2F');
  }
  const hosts = (groups['hosts'] ?? '').split(',').map(parseHost);
  if (hosts.some(({ host }) => host !== '')) put('host', hosts.map(({ host }) => host).join(','));
  if (hosts.some(({ port }) => port !== '')) put('port', hosts.map(({ port }) => port).join(','));
  put('dbname', groups['database']);
  for (const pair of (groups['query'] ?? '').split('&')) {
    if (pair !== '') putPair(parameters, pair);
  }
  return parameters;
}

function parseHost(text: string): { host: string; port: string } {
  const groups = hostPattern.exec(text)?.groups;
  if (groups === undefined) throw new Error('a host must be written as name, name:port or [IPv6 address]:port');
  return { host: groups['address'] ?? groups['name'] ?? '', port: groups['port'] ?? '' };
}

/** A plus sign stands for itself, unlike in the URLs of browsers. */
function putPair(parameters: Map<string, string>, pair: string): void {
  const equals = pair.indexOf('=');
  if (equals < 0) throw new Error('a parameter after "?" has no "="; write "%26" for "&" within a value');
  const name = decode(pair.slice(0, equals));
  const value = decode(pair.slice(equals + 1));
  // As JDBC's URLs have it; libpq knows this one form.
  if (name === 'ssl' && value === 'true') parameters.set('sslmode', 'require');
  else if (value === '') parameters.delete(name);
  else parameters.set(name, value);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new Error('a part of the URL is not correctly percent-encoded', { cause: error });
  }
}

const keyValuePattern =
  /\s*(?<name>[^\s=]+)\s*=\s*(?:'(?<quoted>(?:[^'\\]|\\.)*)'(?=\s|$)|(?<plain>(?!')(?:[^\s\\]|\\.)*))/sy;

function parseKeyValues(text: string): Parameters {
  const parameters = new Map<string, string>();
  const rest = text.trimEnd();
  keyValuePattern.lastIndex = 0;
  while (keyValuePattern.lastIndex < rest.length) {
    const groups = keyValuePattern.exec(rest)?.groups;
    if (groups === undefined) {
      throw new Error("must consist of name=value pairs; a value with blanks is written in quotes: name='a b'");
    }
    const value = (groups['quoted'] ?? groups['plain'] ?? '').replaceAll(/\\(.)/gs, '$1');
    if (value === '') parameters.delete(groups['name'] ?? '');
    else parameters.set(groups['name'] ?? '', value);
  }
  return parameters;
}
