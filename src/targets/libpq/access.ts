import type { Secret, SecretSource } from '../../core/secret.ts';
import type { Connection, Endpoint } from './connection.ts';

/** Which login a password is for. */
export interface Login extends Endpoint {
  readonly user: string;
  readonly database: string;
}

/** Where the password of a login comes from; every {@link SecretSource} is one, for any login. */
export interface PasswordSource extends Omit<SecretSource, 'read'> {
  read(login: Login): Promise<Secret>;
}

/** How to reach one PostgreSQL server. The configuration makes it; tests and sandboxes write it by hand. */
export interface PostgresAccess {
  readonly connection: Connection;
  /** Absent: no password is sent (trust, peer, or a certificate). */
  readonly password?: PasswordSource | undefined;
  /** Opens the private key of `sslKey`. */
  readonly sslPassword?: SecretSource | undefined;
}

/** The same server, another database. */
export function withDatabase(access: PostgresAccess, database: string): PostgresAccess {
  return { ...access, connection: { ...access.connection, database } };
}

export function loginOf({ user, database }: Connection, endpoint: Endpoint): Login {
  return { ...endpoint, user, database };
}

/**
 * A statement may run for an hour without a byte on the line. Balancers and firewalls forget such connections within
 * minutes (AWS: 350 s, Azure: 4 min) and tell nobody; the system's own keep-alive begins after two hours.
 */
export const keepAliveIdleSeconds = 30;
