import { errorCode, errorMessage, findCause } from '../../core/errors.ts';
import { SecretUnavailable } from '../../core/secret.ts';
import { classifyRedisFailure } from '../../targets/redis/login-failure.ts';
import type { RedisAccess } from '../../targets/redis/settings.ts';
import type { RedisNode } from '../../targets/redis/topology.ts';
import { formatAddress } from '../../targets/redis/url.ts';
import type { LoginFailureReason } from '../../targets/session-pool.ts';
import type { Diagnosis } from './connection-remedy.ts';

/** Why a Redis server could not be asked, in the words of the one who has to mend it. */
export function diagnoseRedis(error: unknown, access: RedisAccess, node?: RedisNode): Diagnosis {
  if (findCause(error, SecretUnavailable) !== undefined) {
    return {
      message: errorMessage(error),
      remedy: 'put it there, readable for the user that runs Watchkeeper',
    };
  }
  const [first] = access.addresses;
  const where = node?.name ?? (first === undefined ? '' : formatAddress(first));
  const isSentinel = node === undefined ? access.mode === 'sentinel' : node.kind === 'sentinel';
  const { username = 'default', password } = isSentinel ? access.sentinelLogin : access.login;
  const origin = password === undefined ? 'without a password' : `with the password from ${password.origin}`;
  const isForeign = /Unknown RESP type/.test(errorMessage(error));
  const diagnose = isForeign ? otherProtocol : diagnoses[classifyRedisFailure(error)];
  return (
    diagnose?.({ where, username, origin, isSentinel, hasTls: access.tls !== undefined, error }) ?? {
      message: errorMessage(error),
    }
  );
}

interface Circumstances {
  readonly where: string;
  readonly username: string;
  readonly origin: string;
  readonly isSentinel: boolean;
  readonly hasTls: boolean;
  readonly error: unknown;
}

/** Whoever answers speaks something else: HTTP, PostgreSQL, a proxy's page. */
const otherProtocol: (given: Circumstances) => Diagnosis = ({ where }) => ({
  message: `who answers at ${where} does not speak Redis’s protocol`,
  remedy: 'check host and port',
});

const diagnoses: Partial<Record<LoginFailureReason, (given: Circumstances) => Diagnosis>> = {
  authentication: ({ where, username, origin, isSentinel }) => ({
    message: `${where} refuses user "${username}" ${origin}`,
    remedy: isSentinel
      ? 'correct "sentinelUsername" and "sentinelPassword": Sentinels have users of their own'
      : 'correct "username" and "password", or make the user: deploy/redis/acl.txt',
  }),
  privilege: ({ where, username, error }) => ({
    message: `user "${username}" may not do on ${where} what watching needs: ${errorMessage(error)}`,
    remedy: 'give it the rights of deploy/redis/acl.txt',
  }),
  refused: ({ where, hasTls, error }) => ({
    message:
      errorCode(error) === 'ECONNREFUSED' || errorCode(error) === 'ENOENT'
        ? `${where} refuses the connection: nothing listens there`
        : `${where} cuts the connection off`,
    remedy: hasTls
      ? 'check host and port, that the server runs, and that this port speaks TLS'
      : 'check host and port, that the server runs, its "bind" and "protected-mode"; a port that speaks TLS needs rediss://',
  }),
  unknown_host: ({ where }) => ({
    message: `the host name of ${where} is not known`,
    remedy: 'check the name in the URL and the name servers of this machine',
  }),
  timeout: ({ where, hasTls }) => ({
    message: `${where} does not answer`,
    remedy: `check host and port, and that no firewall or security group between here and there drops the packets${hasTls ? '; a port without TLS does not answer rediss:// either' : ''}`,
  }),
  too_many_connections: ({ where }) => ({
    message: `${where} has no connection left for us`,
    remedy: 'raise maxclients, or find who holds the connections: CLIENT LIST',
  }),
  tls: ({ where, error }) => ({
    message: `TLS with ${where} fails: ${errorMessage(error)}`,
    remedy:
      'name the authority’s certificate in "tls.ca" and, where the server asks for one, ours in "tls.certificate" and "tls.key"',
  }),
};
