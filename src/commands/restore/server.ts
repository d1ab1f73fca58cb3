import { resolveAccess } from '../../config/access.ts';
import { AwsSecrets } from '../../config/aws-secrets.ts';
import type { LoadedConfig } from '../../config/loaded.ts';
import { isPostgres } from '../../config/loaded.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Manifest } from '../../jobs/manifest.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { type FindService, type ParsedConnection, parseConnection } from '../../targets/libpq/parse-connection.ts';
import { serviceFinder } from '../../targets/libpq/service-file.ts';
import { type CommandContext, CommandError } from '../command-context.ts';
import { exitCodes } from '../exit-code.ts';

/**
 * The server that a restore goes to: the one of `--server`, whose password comes from WATCHKEEPER_RESTORE_PASSWORD, or that
 * of the target. Throws a {@link CommandError} when there is none, or a password stands in the arguments.
 */
export function restoreServer(
  given: string | undefined,
  manifest: Pick<Manifest, 'target'>,
  config: LoadedConfig,
  context: CommandContext,
): PostgresAccess {
  return given === undefined ? targetServer(config, manifest) : givenServer(given, context);
}

function givenServer(url: string, context: CommandContext): PostgresAccess {
  const findService = serviceFinder(context.environment, process.cwd());
  const { fromService, ...parsed } = parseServer(url, findService);
  const isShown = (key: 'password' | 'sslPassword') => parsed[key] !== undefined && !fromService.has(key.toLowerCase());
  if (isShown('password') || isShown('sslPassword')) {
    throw new CommandError(
      exitCodes.usage.code,
      'a password in --server would be seen by every user of this machine; put it into WATCHKEEPER_RESTORE_PASSWORD',
    );
  }
  const { WATCHKEEPER_RESTORE_PASSWORD: password } = context.environment;
  const secrets = new AwsSecrets({ maxAgeMs: 60_000, clock: context.clock });
  const around = { folder: process.cwd(), references: new Map(), findService, secrets };
  return resolveAccess({ url, password }, [], around);
}

function parseServer(text: string, findService: FindService): ParsedConnection {
  try {
    return parseConnection(text, findService);
  } catch (error) {
    throw serverError(error);
  }
}

function serverError(error: unknown): CommandError {
  return new CommandError(exitCodes.usage.code, `--server ${errorMessage(error)}`);
}

function targetServer({ targets }: LoadedConfig, manifest: Pick<Manifest, 'target'>): PostgresAccess {
  const target = targets.filter(isPostgres).find(({ name }) => name === manifest.target);
  if (target === undefined) {
    throw new CommandError(
      exitCodes.usage.code,
      `target "${manifest.target}" is not configured: say where with --server`,
    );
  }
  return target.access;
}
