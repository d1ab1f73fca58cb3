import { suggestion } from '../../core/suggest.ts';
import {
  type Connection,
  type Endpoint,
  type KeepAlive,
  type SslMode,
  sslModes,
  type TlsVersion,
  targetSessionAttributes,
  tlsVersions,
} from './connection.ts';
import { connectionParameters } from './connection-parameters.ts';
import { type Parameters, splitConnectionString } from './connection-string.ts';
import { parseAuthenticationMethods } from './require-auth.ts';

export interface ParsedConnection {
  readonly connection: Connection;
  readonly password?: string;
  readonly sslPassword?: string;
  readonly passwordFile?: string;
  /** The service that filled in what the string left out, the file it was to be looked for in, and what it gave. */
  readonly service?: string;
  readonly serviceFile?: string;
  readonly fromService: ReadonlySet<string>;
  /** Parameters without effect, each with the reason. */
  readonly warnings: readonly string[];
}

/** Parameters of a service; throws when there is none of that name. `file`: the string's own `servicefile`. */
export type FindService = (name: string, file: string | undefined) => Parameters;

const noServices: FindService = () => {
  throw new Error('the parameter "service" cannot be used here');
};

/** Reads a connection string with libpq's meaning. Throws with a reason that repeats no value and no unknown name. */
export function parseConnection(text: string, findService: FindService = noServices): ParsedConnection {
  const written = splitConnectionString(text);
  for (const name of written.keys()) requireKnown(name);
  const service = written.get('service');
  const serviceFile = written.get('servicefile');
  const found = service === undefined ? undefined : findService(service, serviceFile);
  const parameters = new Map([...(found ?? []), ...written]);
  const warnings = [...parameters].map(([name, value]) => judge(name, value)).filter((text) => text !== undefined);
  const password = parameters.get('password');
  const sslPassword = parameters.get('sslpassword');
  const passwordFile = parameters.get('passfile');
  return {
    connection: toConnection(parameters),
    warnings,
    ...(password === undefined ? {} : { password }),
    ...(sslPassword === undefined ? {} : { sslPassword }),
    ...(passwordFile === undefined ? {} : { passwordFile }),
    ...(service === undefined ? {} : { service }),
    ...(serviceFile === undefined ? {} : { serviceFile }),
    fromService: new Set([...(found?.keys() ?? [])].filter((name) => !written.has(name))),
  };
}

const parameterNames = Object.keys(connectionParameters);

export function requireKnown(name: string): void {
  if (parameterNames.includes(name)) return;
  const near = suggestion(name, parameterNames);
  throw new Error(`has a parameter that libpq does not know${near}`);
}

/** The warning that a parameter deserves; throws for one that is refused. */
function judge(name: string, value: string): string | undefined {
  const parameter = connectionParameters[name];
  if (parameter === undefined || parameter.harmless?.test(value)) return undefined;
  switch (parameter.support) {
    case 'refused':
      throw new Error(`the parameter "${name}" cannot be used${onlyThisValue(parameter.harmless)}: ${parameter.note}`);
    case 'ignored':
      return `the parameter "${name}" is ignored: ${parameter.note}`;
    case 'programs':
      return `the parameter "${name}" is used by pg_dump and pg_restore only: ${parameter.note}`;
    case 'used':
      return undefined;
  }
}

function onlyThisValue(harmless: RegExp | undefined): string {
  return harmless === undefined ? '' : ' with this value';
}

function toConnection(parameters: Parameters): Connection {
  const [first, ...otherHosts] = parseEndpoints(parameters);
  const user = parameters.get('user') ?? 'postgres';
  const requireAuth = parameters.get('require_auth');
  if (requireAuth !== undefined) parseAuthenticationMethods(requireAuth);
  return {
    ...first,
    ...(otherHosts.length === 0 ? {} : { otherHosts }),
    user,
    database: parameters.get('dbname') ?? user,
    ...tlsSettings(parameters),
    ...defined({
      loadBalance: choice(parameters, 'load_balance_hosts', ['disable', 'random']) === 'random' || undefined,
      targetSession: choice(parameters, 'target_session_attrs', targetSessionAttributes),
      channelBinding: choice(parameters, 'channel_binding', ['disable', 'prefer', 'require']),
      requireAuth,
      connectTimeoutSeconds: wholeNumber(parameters, 'connect_timeout'),
      keepAlive: keepAliveOf(parameters),
      applicationName: parameters.get('application_name') ?? parameters.get('fallback_application_name'),
      options: parameters.get('options'),
    }),
  };
}

function tlsSettings(parameters: Parameters) {
  const sslRootCert = parameters.get('sslrootcert');
  const sslCert = parameters.get('sslcertmode') === 'disable' ? undefined : parameters.get('sslcert');
  const sslKey = sslCert === undefined ? undefined : parameters.get('sslkey');
  if (sslCert !== undefined && sslKey === undefined) throw new Error('"sslcert" needs "sslkey", the file of its key');
  if (sslKey?.includes(':')) throw new Error('"sslkey" must name a file; keys on devices are not supported');
  const sslMode = sslModeOf(parameters, sslRootCert);
  const direct = choice(parameters, 'sslnegotiation', ['postgres', 'direct']) === 'direct';
  if (direct && !/^(require|verify-)/.test(sslMode)) {
    throw new Error('"sslnegotiation=direct" needs sslmode=require, verify-ca or verify-full');
  }
  const [tlsMinVersion, tlsMaxVersion] = tlsVersionsOf(parameters);
  return {
    sslMode,
    ...defined({
      sslRootCert,
      sslCert,
      sslKey,
      sslCrl: parameters.get('sslcrl'),
      tlsMinVersion,
      tlsMaxVersion,
      sslNegotiation: direct ? ('direct' as const) : undefined,
    }),
  };
}

function tlsVersionsOf(parameters: Parameters): [TlsVersion | undefined, TlsVersion | undefined] {
  const least = choice(parameters, 'ssl_min_protocol_version', tlsVersions);
  const most = choice(parameters, 'ssl_max_protocol_version', tlsVersions);
  if (most !== undefined && tlsVersions.indexOf(least ?? 'TLSv1.2') > tlsVersions.indexOf(most)) {
    throw new Error('"ssl_max_protocol_version" is below the least version (TLSv1.2 unless told otherwise)');
  }
  return [least, most];
}

/** The authorities of the system vouch for anybody: only the host name tells one server from another. */
function sslModeOf(parameters: Parameters, sslRootCert: string | undefined): SslMode {
  const mode = choice(parameters, 'sslmode', sslModes);
  if (sslRootCert !== 'system') return mode ?? 'prefer';
  if (mode !== undefined && mode !== 'verify-full') {
    throw new Error('"sslrootcert=system" goes with sslmode=verify-full only');
  }
  return 'verify-full';
}

function parseEndpoints(parameters: Parameters): [Endpoint, ...Endpoint[]] {
  const addresses = parameters.get('hostaddr')?.split(',');
  const hosts = parameters.get('host')?.split(',') ?? addresses?.map(() => '') ?? [''];
  const ports = parameters.get('port')?.split(',') ?? [''];
  if (addresses !== undefined && addresses.length !== hosts.length) {
    throw new Error('"hostaddr" must have as many entries as "host"');
  }
  if (ports.length !== 1 && ports.length !== hosts.length) {
    throw new Error('"port" must have one entry, or as many as "host"');
  }
  const endpoints = hosts.map((host, at) => parseEndpoint(host, addresses?.[at], ports[at] ?? ports[0]));
  const [first, ...others] = endpoints;
  if (first === undefined) throw new Error('"host" is empty');
  return [first, ...others];
}

function parseEndpoint(name: string, hostAddress: string | undefined, portText: string | undefined): Endpoint {
  const host = name || hostAddress || 'localhost';
  if (host.startsWith('@')) throw new Error('sockets without a file (host=@…) are not supported');
  const port = portText ? Number(portText) : 5432;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error('the port must lie between 1 and 65535');
  return { host, port, ...(hostAddress && hostAddress !== host ? { hostAddress } : {}) };
}

function keepAliveOf(parameters: Parameters): KeepAlive | undefined {
  const enabled = choice(parameters, 'keepalives', ['0', '1']);
  const found = defined({
    enabled: enabled === undefined ? undefined : enabled === '1',
    idleSeconds: wholeNumber(parameters, 'keepalives_idle') || undefined,
    intervalSeconds: wholeNumber(parameters, 'keepalives_interval') || undefined,
    count: wholeNumber(parameters, 'keepalives_count') || undefined,
    userTimeoutMs: wholeNumber(parameters, 'tcp_user_timeout') || undefined,
  });
  return Object.keys(found).length === 0 ? undefined : found;
}

function choice<const T extends string>(parameters: Parameters, name: string, known: readonly T[]): T | undefined {
  const text = parameters.get(name);
  if (text === undefined) return undefined;
  const value = known.find((one) => one === text);
  if (value === undefined) throw new Error(`${name} must be one of ${known.join(', ')}`);
  return value;
}

function wholeNumber(parameters: Parameters, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${name} must be a whole number`);
  return Number(text);
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}
