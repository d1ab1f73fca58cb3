import { DeadlineExceeded } from '../../core/deadline.ts';
import { errorCode, errorMessage, findCause } from '../../core/errors.ts';
import { SecretUnavailable } from '../../core/secret.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { AuthenticationForbidden } from '../../targets/libpq/require-auth.ts';

export interface Diagnosis {
  readonly message: string;
  readonly remedy?: string;
}

type Diagnose = (access: PostgresAccess) => Diagnosis;

/** Why a login failed, in the words of the one who has to mend it. */
export function diagnoseConnection(error: unknown, access: PostgresAccess): Diagnosis {
  const text = errorMessage(error);
  const secret = findCause(error, SecretUnavailable);
  if (secret !== undefined) return diagnoseSecret(secret);
  // Each of several hosts has a reason of its own.
  const says = access.connection.otherHosts !== undefined || findCause(error, AuthenticationForbidden) !== undefined;
  if (says) return { message: text };
  const byText = textDiagnoses.find(([pattern]) => pattern.test(text))?.[1];
  const byCode = codeDiagnoses[errorCode(error) ?? ''];
  const late = findCause(error, DeadlineExceeded) === undefined ? undefined : noAnswer;
  const diagnose = byText ?? byCode ?? late;
  return diagnose?.(access) ?? { message: text };
}

/** A password, certificate or key that could not be had: the message names it. */
export function diagnoseSecret(error: SecretUnavailable): Diagnosis {
  const message = errorMessage(error);
  if (!/^E(NOENT|ACCES|NOTDIR|ISDIR)$/.test(errorCode(error) ?? '')) return { message };
  return {
    message,
    remedy: 'put it there, readable for the user that runs Watchkeeper; relative paths start at the configuration file',
  };
}

function server({ connection: { host, port } }: PostgresAccess): string {
  return host.startsWith('/') ? `the socket of port ${port} in ${host}` : `${host}:${port}`;
}

const noAnswer: Diagnose = (access) => ({
  message: `${server(access)} does not answer`,
  remedy: 'check host and port, and that no firewall or security group between here and there drops the packets',
});

const refused: Diagnose = (access) => ({
  message: `${server(access)} refuses the connection: nothing listens there`,
  remedy: 'check host and port, that the server runs, and its listen_addresses',
});

const unknownHost: Diagnose = ({ connection: { host } }) => ({
  message: `the host name ${host} is not known`,
  remedy: 'check the name in the URL and the name servers of this machine',
});

const wrongPassword: Diagnose = ({ connection: { user }, password }) => ({
  message: `the server refuses role "${user}" with the password ${password === undefined ? 'missing' : `from ${password.origin}`}`,
  remedy: `correct the password there, or set it: ALTER ROLE "${user}" PASSWORD …; the server gives the same answer when the role does not exist`,
});

const noPassword: Diagnose = ({ connection: { user } }) => ({
  message: `the server asks for the password of role "${user}", and none is configured`,
  remedy: 'add "password: file:/path" or "password: ${ENV}"',
});

const untrusted: Diagnose = (access) => ({
  message: `the certificate of ${server(access)} cannot be verified: its authority is not known here`,
  remedy: 'name the authority’s certificate in the URL: ?sslmode=verify-full&sslrootcert=/path/ca.pem',
});

const hostnameMismatch: Diagnose = (access) => ({
  message: `the certificate of ${server(access)} is for another host name`,
  remedy: 'connect by the name in the certificate, or use sslmode=verify-ca',
});

const certificateRevoked: Diagnose = (access) => ({
  message: `the certificate of ${server(access)} has been revoked`,
  remedy: 'find out why: somebody else may have its key; then give the server a new one',
});

const ownCertificateRefused: Diagnose = ({ connection: { user, sslCert } }) => ({
  message:
    sslCert === undefined
      ? `the server wants a certificate of role "${user}", and none is configured`
      : `the server does not accept the certificate ${sslCert} for role "${user}"`,
  remedy: `name one whose CN is ${user}, signed by an authority in the server’s ssl_ca_file: ?sslcert=…&sslkey=…`,
});

const tokenRefused: Diagnose = ({ connection: { user } }) => ({
  message: `the server refuses the IAM token of role "${user}"`,
  remedy: `GRANT rds_iam TO "${user}"; and allow rds-db:connect as deploy/iam/rds-connect.json does`,
});

const certificateExpired: Diagnose = (access) => ({
  message: `the certificate of ${server(access)} has expired`,
  remedy: 'renew the server’s certificate',
});

/** SQLSTATE, errno and TLS codes. */
const codeDiagnoses: Readonly<Record<string, Diagnose>> = {
  ECONNREFUSED: refused,
  ENOTFOUND: unknownHost,
  EAI_AGAIN: unknownHost,
  ETIMEDOUT: noAnswer,
  EHOSTUNREACH: noAnswer,
  ENETUNREACH: noAnswer,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: hostnameMismatch,
  CERT_HAS_EXPIRED: certificateExpired,
  CERT_REVOKED: certificateRevoked,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: ownCertificateRefused,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: ownCertificateRefused,
  '28P01': wrongPassword,
  '28000': ({ connection: { user, database } }) => ({
    message: `no line of pg_hba.conf lets role "${user}" log in to "${database}" from here`,
    remedy: `add one and reload the server: hostssl ${database} ${user} <this machine’s address>/32 scram-sha-256`,
  }),
  '3D000': ({ connection: { database } }) => ({
    message: `there is no database "${database}"`,
    remedy: 'correct its name in the configuration',
  }),
  '42501': ({ connection: { user, database } }) => ({
    message: `role "${user}" may not connect to database "${database}"`,
    remedy: `GRANT CONNECT ON DATABASE "${database}" TO "${user}";`,
  }),
  '53300': (access) => ({
    message: `${server(access)} has no connection left for us`,
    remedy: 'raise max_connections or the role’s CONNECTION LIMIT, or find who holds the connections',
  }),
  '57P03': (access) => ({ message: `${server(access)} is starting up or shutting down`, remedy: 'try again later' }),
};

/** What comes without a code. */
const textDiagnoses: readonly (readonly [RegExp, Diagnose])[] = [
  [/connect ENOENT/, refused],
  [/client password must be/, noPassword],
  [/certificate authentication failed|requires a valid client certificate/, ownCertificateRefused],
  [/PAM authentication failed/, tokenRefused],
  [
    /could not find digest/,
    (access) => ({
      message: `${server(access)} cannot bind logins to its certificate (Ed25519)`,
      remedy: 'add channel_binding=disable to the URL, or give the server an ECDSA or RSA certificate',
    }),
  ],
  [/SASL authentication failed/, wrongPassword],
  [
    /no more connections allowed/,
    (access) => ({
      message: `the PgBouncer on ${server(access)} takes no more clients`,
      remedy: 'raise max_client_conn there, or find who holds the connections: SHOW CLIENTS',
    }),
  ],
  [
    /transaction blocks not allowed/i,
    (access) => ({
      message: `the PgBouncer on ${server(access)} pools statements (pool_mode = statement): nothing that is asked through it could be bounded`,
      remedy: 'name the server itself in the URL, or set another pool_mode for this database',
    }),
  ],
  [
    /unsupported startup parameter/,
    (access) => ({
      message: `the PgBouncer on ${server(access)} refuses the "options" of the URL`,
      remedy: 'take them out, or name them in its ignore_startup_parameters',
    }),
  ],
  [
    /role "[^"]*" does not exist/,
    ({ connection: { user } }) => ({
      message: `there is no role "${user}"`,
      remedy: 'make it: deploy/sql/roles.sql',
    }),
  ],
  [
    /role "[^"]*" is not permitted to log in/,
    ({ connection: { user } }) => ({
      message: `role "${user}" may not log in`,
      remedy: `ALTER ROLE "${user}" LOGIN;`,
    }),
  ],
  [/timeout expired|connection terminated due to connection timeout/i, noAnswer],
  [
    /does not support SSL/,
    (access) => ({
      message: `${server(access)} does not offer TLS, which the URL demands`,
      remedy: 'switch it on there (ssl = on), or use sslmode=prefer within a network you trust',
    }),
  ],
];
