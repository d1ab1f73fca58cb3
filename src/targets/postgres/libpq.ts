import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secret } from '../../core/secret.ts';
import { makeWorkDirectory } from '../../core/work-directory.ts';
import { keepAliveIdleSeconds, loginOf, type PostgresAccess } from '../libpq/access.ts';
import { type Connection, endpointsOf } from '../libpq/connection.ts';
import { rootCertificates } from '../libpq/tls.ts';

/** With what a libpq program (pg_dump, pg_restore, psql) reaches a server. Disposing removes what was written for it. */
export interface LibpqLogin extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  /** `--dbname=…`: what has no environment variable in every version; nothing of it is secret. */
  readonly argument: string;
}

/** Begins the folders' names in which passwords of keys are handed to programs. */
export const loginPrefix = 'watchkeeper-login-';

/** Reads the passwords anew. Rejects when one cannot be had. */
export async function libpqLogin(access: PostgresAccess): Promise<LibpqLogin> {
  const [endpoint] = endpointsOf(access.connection);
  const password = await access.password?.read(loginOf(access.connection, endpoint));
  const env = libpqEnvironment(access, password);
  const argument = libpqArgument(access.connection);
  if (access.sslPassword === undefined || access.connection.sslKey === undefined) {
    return { env, argument, [Symbol.asyncDispose]: async () => undefined };
  }
  const service = await writeService(await access.sslPassword.read());
  return { env: { ...env, ...service.env }, argument, [Symbol.asyncDispose]: service[Symbol.asyncDispose] };
}

/** The password of a key has no environment variable: a file that only we can read is the way that is no argument. */
async function writeService(sslPassword: Secret): Promise<Pick<LibpqLogin, 'env' | typeof Symbol.asyncDispose>> {
  const text = sslPassword.reveal();
  if (/[\r\n]|^\s|\s$/.test(text)) {
    throw new Error('"sslPassword" has blanks at its ends or several lines; pg_dump and pg_restore cannot be given it');
  }
  const directory = await makeWorkDirectory({ prefix: loginPrefix });
  try {
    const path = join(directory.path, 'pg_service.conf');
    await writeFile(path, `[watchkeeper]\nsslpassword=${text}\n`, { mode: 0o600 });
    return {
      env: { PGSERVICEFILE: path, PGSERVICE: 'watchkeeper' },
      [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
    };
  } catch (error) {
    await directory[Symbol.asyncDispose]();
    throw error;
  }
}

/** No such file: what lies in the home directory of whoever starts the daemon must not decide. */
const noFile = '/nonexistent/watchkeeper';

/**
 * The environment with which libpq programs reach the server: nothing about it stands in their arguments, where every
 * user of the machine could read it.
 */
export function libpqEnvironment(access: PostgresAccess, password: Secret | undefined): Record<string, string> {
  const { connection } = access;
  const endpoints = endpointsOf(connection);
  const { user, database, sslMode, sslRootCert, connectTimeoutSeconds } = connection;
  const addresses = endpoints.map(({ hostAddress }) => hostAddress ?? '');
  const verified = sslMode.startsWith('verify-') || sslRootCert !== undefined;
  return {
    PGHOST: endpoints.map(({ host }) => host).join(','),
    PGPORT: endpoints.map(({ port }) => port).join(','),
    ...(addresses.some((address) => address !== '') ? { PGHOSTADDR: addresses.join(',') } : {}),
    PGUSER: user,
    PGDATABASE: database,
    PGSSLMODE: sslMode,
    PGSSLROOTCERT: verified ? rootCertificates(sslRootCert) : noFile,
    PGSSLCERT: connection.sslCert ?? noFile,
    PGSSLKEY: connection.sslKey ?? noFile,
    PGSSLCRL: connection.sslCrl ?? noFile,
    PGGSSENCMODE: 'disable',
    PGAPPNAME: connection.applicationName ?? 'watchkeeper',
    PGCONNECT_TIMEOUT: String(connectTimeoutSeconds || 10),
    PGPASSFILE: noFile,
    ...(connection.options === undefined ? {} : { PGOPTIONS: connection.options }),
    ...(connection.targetSession === undefined ? {} : { PGTARGETSESSIONATTRS: connection.targetSession }),
    ...(password === undefined ? {} : { PGPASSWORD: password.reveal() }),
  };
}

/**
 * What has no environment variable, and what libpq learned after version 12: an old one refuses an argument that it does
 * not know, but would pass over a variable, and connect with less care than was asked for.
 */
export function libpqArgument(connection: Connection): string {
  const { keepAlive = {} } = connection;
  const parameters = {
    keepalives: keepAlive.enabled === false ? 0 : undefined,
    keepalives_idle: keepAlive.idleSeconds ?? keepAliveIdleSeconds,
    keepalives_interval: keepAlive.intervalSeconds ?? 10,
    keepalives_count: keepAlive.count,
    tcp_user_timeout: keepAlive.userTimeoutMs,
    ssl_min_protocol_version: connection.tlsMinVersion,
    ssl_max_protocol_version: connection.tlsMaxVersion,
    sslnegotiation: connection.sslNegotiation,
    channel_binding: connection.channelBinding,
    require_auth: connection.requireAuth,
    load_balance_hosts: connection.loadBalance === true ? 'random' : undefined,
  };
  const pairs = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return `--dbname=${pairs.map(([name, value]) => `${name}=${quoteValue(String(value))}`).join(' ')}`;
}

function quoteValue(value: string): string {
  return /^[\w.,!-]+$/.test(value) ? value : `'${value.replaceAll(/['\\]/g, '\\$&')}'`;
}
