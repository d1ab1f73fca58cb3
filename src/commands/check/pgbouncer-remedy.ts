import { errorCode, errorMessage, findCause } from '../../core/errors.ts';
import { SecretUnavailable } from '../../core/secret.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { classifyLoginFailure } from '../../targets/libpq/login-failure.ts';
import { NotConsole } from '../../targets/pgbouncer/console.ts';
import { type Diagnosis, diagnoseConnection } from './connection-remedy.ts';

/** Why the console cannot be asked, in the words of the one who has to mend it. */
export function diagnosePgbouncer(error: unknown, access: PostgresAccess): Diagnosis {
  if (findCause(error, SecretUnavailable) !== undefined) {
    return {
      message: errorMessage(error),
      remedy: 'put the secret there, readable for the user that runs Watchkeeper',
    };
  }
  const { connection, password } = access;
  const { user, host, port } = connection;
  if (findCause(error, NotConsole) !== undefined || errorCode(error) === '3D000') {
    return {
      message: `what answers on ${host}:${port} is not the console of PgBouncer`,
      remedy: 'check the port: PgBouncer’s is 6432 unless listen_port says otherwise',
    };
  }
  switch (classifyLoginFailure(error)) {
    case 'authentication':
      return {
        message: `PgBouncer refuses user "${user}" ${password === undefined ? 'without a password' : `with the password from ${password.origin}`}`,
        remedy: `correct the password there, or the line of "${user}" in auth_file; PgBouncer gives the same answer for users that it does not know`,
      };
    case 'privilege':
      return {
        message: `user "${user}" may not use the console of PgBouncer`,
        remedy: `in pgbouncer.ini: stats_users = ${user}; then RELOAD`,
      };
    default:
      return diagnoseConnection(error, access);
  }
}
