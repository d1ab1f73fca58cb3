import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { type SecretSource, SecretUnavailable } from '../../core/secret.ts';
import type { RedisAddress } from './url.ts';

/** `standalone`: one server. `sentinel`: Sentinels and what they watch. `cluster`: every node of a Redis Cluster. */
export const redisModes = ['standalone', 'sentinel', 'cluster'] as const;
export type RedisMode = (typeof redisModes)[number];

/** As whom one logs in. Without a password none is sent. */
export interface RedisLogin {
  /** Absent: the default user. */
  readonly username?: string | undefined;
  readonly password?: SecretSource | undefined;
}

export interface RedisTls {
  /** Paths of PEM files; they are read for every login. The system's authorities are used without `ca`. */
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the server's certificate must have; the host's otherwise. */
  readonly serverName?: string | undefined;
  /** False: whoever answers is trusted. */
  readonly verify: boolean;
}

/** How to reach a Redis server, a set of Sentinels or a cluster. */
export interface RedisAccess {
  readonly mode: RedisMode;
  /** At least one: the server, Sentinels, or seeds of the cluster. */
  readonly addresses: readonly RedisAddress[];
  readonly login: RedisLogin;
  /** For Sentinels, which have users of their own. */
  readonly sentinelLogin: RedisLogin;
  readonly tls: RedisTls | undefined;
  /** Logical database in which keys are looked at. */
  readonly database: number;
}

/** Options for `node:tls`. Throws {@link SecretUnavailable} with the name of a file that cannot be read. */
export async function redisTlsOptions(tls: RedisTls, address: RedisAddress): Promise<ConnectionOptions> {
  const [ca, cert, key] = await Promise.all([tls.ca, tls.certificate, tls.key].map(readPem));
  const name = tls.serverName ?? address.host;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    // An address is no name that could be asked for; it is compared with the certificate all the same.
    ...(isAddress(name) ? {} : { servername: name }),
    rejectUnauthorized: tls.verify,
  };
}

async function readPem(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw new SecretUnavailable(`reading the certificate or key in ${path}`, { cause: error });
  });
}

function isAddress(name: string): boolean {
  return name.includes(':') || /^[\d.]+$/.test(name);
}
