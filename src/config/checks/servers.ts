import { coerceError } from '../../core/errors.ts';
import { endpointsOf } from '../../targets/libpq/connection.ts';
import { splitConnectionString } from '../../targets/libpq/connection-string.ts';
import { type ParsedConnection, parseConnection } from '../../targets/libpq/parse-connection.ts';
import { parseRdsIam, regionOfRdsHost } from '../../targets/libpq/rds-iam.ts';
import { parseAwsSecret } from '../aws-secret.ts';
import { formatPath, type SettingPath } from '../problem.ts';
import { isLiteral } from '../secret-source.ts';
import type { Check } from './check.ts';

interface ServerSettings {
  readonly url: string;
  readonly password?: string | undefined;
  readonly sslPassword?: string | undefined;
}

/** A connection string with the secrets beside it. */
export function checkServer(check: Check, path: SettingPath, server: ServerSettings): ParsedConnection | undefined {
  const url = checkUrl(check, [...path, 'url'], server);
  if (server.password !== undefined) checkPassword(check, [...path, 'password'], server.password, url);
  if (server.sslPassword !== undefined) checkSecret(check, [...path, 'sslPassword'], server.sslPassword);
  return url;
}

function checkUrl(check: Check, place: SettingPath, server: ServerSettings): ParsedConnection | undefined {
  let url: ParsedConnection;
  try {
    url = parseConnection(server.url, check.findService);
  } catch (error) {
    check.problem(place, coerceError(error).message);
    return undefined;
  }
  if (url.password !== undefined && server.password !== undefined) {
    check.problem(place, 'holds a password although "password" gives one; keep one of them');
  }
  for (const warning of url.warnings) check.warning(place, warning);
  for (const name of plainSecrets(check.references.get(formatPath(place))?.written ?? server.url)) {
    const what = name === 'password' ? 'a password stands' : 'the password of a key stands';
    const setting = name === 'password' ? 'password' : 'sslPassword';
    check.warning(place, `${what} in the URL in plain text; move it to "${setting}: file:…" or "${setting}: \${ENV}"`);
  }
  checkMeaning(check, place, url);
  return url;
}

/** Which secrets stand in the connection string as it is written in the file. */
function plainSecrets(written: string): string[] {
  try {
    const parameters = splitConnectionString(written);
    return ['password', 'sslpassword'].filter((name) => {
      const value = parameters.get(name);
      return value !== undefined && !value.includes('${');
    });
  } catch {
    // All of it comes from the environment.
    return [];
  }
}

/** What libpq allows and nobody wants. */
function checkMeaning(check: Check, place: SettingPath, { connection }: ParsedConnection): void {
  const { sslMode, sslRootCert, sslCert, loadBalance } = connection;
  if (loadBalance === true) {
    check.warning(place, 'load_balance_hosts=random mixes the figures of several servers; make a target of each');
  }
  if ((sslMode === 'prefer' || sslMode === 'allow') && (sslRootCert !== undefined || sslCert !== undefined)) {
    const message = `sslmode=${sslMode} goes on without TLS when the certificates do not fit; use sslmode=verify-full`;
    check.warning(place, message);
  }
}

/** `url`: the server that the password is for; undefined when its own setting is not sound. */
export function checkPassword(check: Check, path: SettingPath, value: string, url: ParsedConnection | undefined): void {
  const iam = parseRdsIam(value);
  if (iam === undefined) checkSecret(check, path, value);
  else if (url !== undefined) checkIam(check, path, url, iam.region);
}

function checkIam(check: Check, path: SettingPath, url: ParsedConnection, region: string | undefined): void {
  const { connection } = url;
  if (!/^(require|verify-)/.test(connection.sslMode)) {
    check.problem(path, 'a token of IAM may be sent over TLS only: add sslmode=verify-full to the URL');
  } else if (connection.sslMode === 'require' && connection.sslRootCert === undefined) {
    check.warning(path, 'a token of IAM goes to whoever answers; use sslmode=verify-full');
  }
  const unknown = endpointsOf(connection).find(({ host }) => regionOfRdsHost(host) === undefined);
  if (region === undefined && unknown !== undefined) {
    check.problem(path, `the region of ${unknown.host} is not known: write aws-rds-iam:REGION`);
  }
}

export function checkClientCertificate(
  check: Check,
  path: SettingPath,
  login: { readonly sslCert?: string | undefined; readonly sslKey?: string | undefined },
): void {
  if ((login.sslCert === undefined) !== (login.sslKey === undefined)) {
    check.problem(path, '"sslCert" and "sslKey" belong together: give both or neither');
  }
}

export function checkSecret(check: Check, path: SettingPath, value: string): void {
  if (parseAwsSecret(value) === 'invalid') {
    check.problem(path, 'must be of the form aws-secret:NAME#KEY, with the name or the ARN of the secret');
  } else if (parseRdsIam(value) !== undefined) {
    check.problem(path, '"aws-rds-iam" is for logins to PostgreSQL only');
  } else if (value === '' || value === 'file:') check.problem(path, 'is empty');
  else if (isLiteral(value) && !check.references.has(formatPath(path))) {
    check.warning(path, 'a secret stands here in plain text; use "file:/path" or "${ENV}"');
  }
}
