import { resolve } from 'node:path';
import { literalSecret, Secret, type SecretSource, SecretUnavailable } from '../core/secret.ts';
import type { PasswordSource, PostgresAccess } from '../targets/libpq/access.ts';
import type { Connection } from '../targets/libpq/connection.ts';
import { type FindService, type ParsedConnection, parseConnection } from '../targets/libpq/parse-connection.ts';
import { passwordFile } from '../targets/libpq/password-file.ts';
import { parseRdsIam, rdsIamPassword } from '../targets/libpq/rds-iam.ts';
import { formatPath, type SettingPath } from './problem.ts';
import type { Reference } from './references.ts';
import { type SecretReader, secretSource } from './secret-source.ts';
import type { PostgresTargetConfig } from './targets/postgres.ts';

/** What settings of a server are resolved with. */
export interface AccessSurroundings {
  /** Of the configuration file: relative paths start here. */
  readonly folder: string;
  readonly references: ReadonlyMap<string, Reference>;
  readonly findService: FindService;
  readonly secrets: SecretReader;
}

interface ServerSettings {
  readonly url: string;
  readonly password?: string | undefined;
  readonly sslPassword?: string | undefined;
}

/** How to reach the server of a target or of a sandbox. */
export function resolveAccess(settings: ServerSettings, path: SettingPath, around: AccessSurroundings): PostgresAccess {
  const parsed = parseConnection(settings.url, around.findService);
  return {
    connection: withAbsolutePaths(parsed.connection, around.folder),
    password: passwordAt(settings.password, [...path, 'password'], around) ?? passwordInside(parsed, path, around),
    sslPassword:
      secretAt(settings.sslPassword, [...path, 'sslPassword'], around) ?? inside(parsed, 'sslPassword', path, around),
  };
}

/** The same server as the role that reads the data. */
export function resolveBackupAccess(
  access: PostgresAccess,
  target: PostgresTargetConfig,
  path: SettingPath,
  around: AccessSurroundings,
): PostgresAccess {
  const login = target.backupLogin;
  if (login === undefined) return access;
  const { passwordFile: file } = parseConnection(target.url, around.findService);
  const ownCertificate =
    login.sslCert === undefined ? {} : { sslCert: login.sslCert, ...(login.sslKey && { sslKey: login.sslKey }) };
  return {
    connection: withAbsolutePaths({ ...access.connection, user: login.user, ...ownCertificate }, around.folder),
    password:
      passwordAt(login.password, [...path, 'password'], around) ??
      (file === undefined ? undefined : passwordFile(resolve(around.folder, file))),
    sslPassword:
      login.sslCert === undefined ? access.sslPassword : secretAt(login.sslPassword, [...path, 'sslPassword'], around),
  };
}

const pathKeys = ['sslRootCert', 'sslCert', 'sslKey', 'sslCrl'] as const;

function withAbsolutePaths(connection: Connection, folder: string): Connection {
  const paths = pathKeys
    .map((key) => [key, connection[key]] as const)
    .filter(([, path]) => path !== undefined && path !== 'system')
    .map(([key, path]) => [key, resolve(folder, path ?? '')] as const);
  return { ...connection, ...Object.fromEntries(paths) };
}

export function secretAt(
  value: string | undefined,
  path: SettingPath,
  around: Pick<AccessSurroundings, 'folder' | 'references' | 'secrets'>,
): SecretSource | undefined {
  if (value === undefined) return undefined;
  return secretSource(value, { folder: around.folder, origin: originAt(path, around), secrets: around.secrets });
}

function passwordAt(
  value: string | undefined,
  path: SettingPath,
  around: AccessSurroundings,
): PasswordSource | undefined {
  const iam = value === undefined ? undefined : parseRdsIam(value);
  return iam === undefined ? secretAt(value, path, around) : rdsIamPassword(iam.region);
}

function passwordInside(
  parsed: ParsedConnection,
  path: SettingPath,
  around: AccessSurroundings,
): PasswordSource | undefined {
  const file = parsed.passwordFile;
  return (
    inside(parsed, 'password', path, around) ??
    (file === undefined ? undefined : passwordFile(resolve(around.folder, file)))
  );
}

/** A secret in the connection string, or in the service that it names. */
function inside(
  parsed: ParsedConnection,
  key: 'password' | 'sslPassword',
  path: SettingPath,
  around: AccessSurroundings,
): SecretSource | undefined {
  const value = parsed[key];
  if (value === undefined) return undefined;
  const { service, serviceFile } = parsed;
  if (service === undefined || !parsed.fromService.has(key.toLowerCase())) {
    return literalSecret(value, originAt([...path, 'url'], around));
  }
  const origin = `service ${service}`;
  return {
    origin,
    read: async () => {
      const found = around.findService(service, serviceFile).get(key.toLowerCase());
      if (found === undefined) throw new SecretUnavailable(`the ${origin} has no ${key.toLowerCase()} any more`);
      return new Secret(found);
    },
    // Nothing is kept: reading again is enough.
    forget: () => undefined,
  };
}

/** Where a value came from, when it was filled in from the environment. */
export function originAt(
  path: SettingPath,
  { references }: Pick<AccessSurroundings, 'references'>,
): string | undefined {
  return references.get(formatPath(path))?.origin;
}
