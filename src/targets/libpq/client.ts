import { TLSSocket } from 'node:tls';
import { Client, type ClientConfig } from 'pg';
import { abortable } from '../../core/deadline.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { keepAliveIdleSeconds, loginOf, type PostgresAccess } from './access.ts';
import { type Endpoint, isSocket } from './connection.ts';
import { isRefusedAsItCame } from './hosts.ts';
import { classifyLoginFailure, isPasswordRefused } from './login-failure.ts';
import { guardAuthentication } from './require-auth.ts';
import { type Encryption, encryptionOrder, tlsOptions } from './tls.ts';

export interface ClientOptions {
  readonly signal: AbortSignal;
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
}

/** Every value as text: the readers convert knowingly. */
const rawTypes = { getTypeParser: () => (text: string) => text } as unknown as NonNullable<ClientConfig['types']>;

/**
 * Logs in to one server. A password that is refused is read again, once: it may have been changed since it was read.
 * The client that is returned is connected and has no listeners yet.
 */
export async function connectClient(
  access: PostgresAccess,
  endpoint: Endpoint,
  options: ClientOptions,
): Promise<Client> {
  const login = loginOf(access.connection, endpoint);
  const read = async () => {
    const { password } = access;
    return password === undefined ? undefined : abortable(password.read(login), options.signal);
  };
  const password = await read();
  try {
    return await connectEncrypted(access, endpoint, password, options);
  } catch (error) {
    if (!isPasswordRefused(error) || access.password?.forget === undefined) throw error;
    access.password.forget();
    const other = await read();
    if (other?.reveal() === password?.reveal()) throw error;
    return connectEncrypted(access, endpoint, other, options);
  }
}

async function connectEncrypted(
  access: PostgresAccess,
  endpoint: Endpoint,
  password: Secret | undefined,
  options: ClientOptions,
): Promise<Client> {
  const failures: unknown[] = [];
  for (const encryption of encryptionOrder(access.connection, endpoint)) {
    try {
      return await connectOnce(access, endpoint, { password, encryption }, options);
    } catch (error) {
      failures.push(error);
      if (!isWorthOtherEncryption(encryption, error)) break;
    }
  }
  // That there is no TLS is no news to somebody who does without it.
  const [first, last] = failures;
  throw last === undefined ? first : isTlsMissing(first) ? last : new AggregateError(failures);
}

function isTlsMissing(error: unknown): boolean {
  return errorMessage(error).includes('does not support SSL');
}

function isWorthOtherEncryption(tried: Encryption, error: unknown): boolean {
  return isRefusedAsItCame(error) || (tried === 'tls' && classifyLoginFailure(error) === 'tls');
}

async function connectOnce(
  access: PostgresAccess,
  endpoint: Endpoint,
  how: { readonly password: Secret | undefined; readonly encryption: Encryption },
  { signal, applicationName, connectTimeoutMs }: ClientOptions,
): Promise<Client> {
  const { connection } = access;
  const encrypted = how.encryption === 'tls';
  const client = new Client({
    host: endpoint.hostAddress ?? endpoint.host,
    port: endpoint.port,
    user: connection.user,
    database: connection.database,
    // A function keeps node-postgres from consulting PGPASSWORD or a .pgpass of whoever starts the daemon.
    password: () => how.password?.reveal() ?? '',
    ssl: encrypted ? await tlsOptions(access, endpoint) : false,
    sslnegotiation: encrypted ? (connection.sslNegotiation ?? 'postgres') : 'postgres',
    enableChannelBinding: encrypted && connection.channelBinding !== 'disable',
    application_name: connection.applicationName ?? applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: !isSocket(endpoint) && connection.keepAlive?.enabled !== false,
    keepAliveInitialDelayMillis: (connection.keepAlive?.idleSeconds ?? keepAliveIdleSeconds) * 1_000,
    types: rawTypes,
  } as ClientConfig);
  forgetEnvironment(client, connection.options);
  // Without a listener a connection that breaks before anybody listens would end the process.
  client.on('error', () => undefined);
  guardAuthentication(client, connection, encrypted);
  try {
    await abortable(client.connect(), signal);
    return client;
  } catch (error) {
    destroyClient(client);
    throw error;
  }
}

/** Drops the connection without a word to the server, which may be hung. */
export function destroyClient(client: Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
  connection.stream.destroy();
}

/** Of the connection that stands; undefined without TLS. */
export function serverCertificateExpiry(client: Client): Date | undefined {
  const { connection } = client as unknown as { connection: { stream: unknown } };
  const { stream } = connection;
  const certificate = stream instanceof TLSSocket ? stream.getPeerX509Certificate() : undefined;
  return certificate === undefined ? undefined : new Date(certificate.validTo);
}

/** node-postgres takes what it was not given from PGOPTIONS and others of whoever starts the daemon. */
function forgetEnvironment(client: Client, options: string | undefined): void {
  const { connectionParameters } = client as unknown as { connectionParameters: Record<string, unknown> };
  Object.assign(connectionParameters, { options, replication: undefined, client_encoding: undefined });
}
