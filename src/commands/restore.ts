import { resolveAccess } from '../config/access.ts';
import { AwsSecrets } from '../config/aws-secrets.ts';
import { isPostgres } from '../config/loaded.ts';
import { formatBytes } from '../core/bytes.ts';
import { formatDuration } from '../core/duration.ts';
import { errorMessage } from '../core/errors.ts';
import { describeDifferences } from '../jobs/compare-facts.ts';
import { holdBackup } from '../jobs/hold-backup.ts';
import { JobFailed } from '../jobs/job.ts';
import type { Manifest } from '../jobs/manifest.ts';
import { type RestoreResult, restoreBackup } from '../jobs/restore-backup.ts';
import type { PostgresAccess } from '../targets/libpq/access.ts';
import { formatConnectionUrl } from '../targets/libpq/connection.ts';
import { type FindService, type ParsedConnection, parseConnection } from '../targets/libpq/parse-connection.ts';
import { serviceFinder } from '../targets/libpq/service-file.ts';
import { assembleOrFail, type CommandContext, CommandError } from './command-context.ts';
import { exitCodes } from './exit-code.ts';
import { findBackup } from './find-backup.ts';
import { ProgressDisplay } from './progress-display.ts';
import { printError, printJson, printLine } from './terminal.ts';

export interface RestoreOptions {
  readonly into: string;
  /** URL of the server; the target's own one by default. Its password comes from WATCHKEEPER_RESTORE_PASSWORD. */
  readonly server: string | undefined;
  /** Must be the name of the existing database, typed out: consent to take its place. */
  readonly replace: string | undefined;
}

/** `watchkeeper restore BACKUP-ID --into NAME`: makes a database from a backup and compares it with the manifest. */
export async function runRestore(context: CommandContext, id: string, options: RestoreOptions): Promise<number> {
  if (options.replace !== undefined && options.replace !== options.into) {
    throw new CommandError(
      exitCodes.refused.code,
      `--replace says "${options.replace}", --into says "${options.into}": nothing was touched`,
    );
  }
  await using assembly = await assembleOrFail(context);
  const { entry, opened } = await findBackup(assembly, id, context.signal);
  const { manifest } = entry;
  const server = serverOf(options, context) ?? targetServer(assembly.config.targets.filter(isPostgres), manifest);
  const display = new ProgressDisplay(context.terminal, context.clock, `restore ${options.into}`);
  await using _held = await holdBackup(opened.store, manifest, 'a restore reads it', context);
  try {
    const result = await restoreBackup(
      {
        manifest,
        store: opened.store,
        method: assembly.restoreMethod(manifest),
        server,
        database: options.into,
        onConflict: options.replace === undefined ? 'refuse' : 'replace',
        zstdProgram: assembly.zstdProgram,
        spoolDirectory: assembly.spoolDirectory(manifest),
      },
      { signal: context.signal, clock: context.clock, log: context.log, onProgress: display.update },
    );
    display.clear();
    return report(context, manifest, result, server);
  } catch (error) {
    display.clear();
    throw asCommandError(error, options);
  }
}

function report(context: CommandContext, manifest: Manifest, result: RestoreResult, server: PostgresAccess): number {
  const equal = result.differing.length === 0;
  if (context.json) {
    printJson(context.terminal, { backup: manifest.id, equal, ...result });
  } else {
    const size = formatBytes(manifest.parts.reduce((sum, part) => sum + part.sizeBytes, 0));
    printLine(
      context.terminal,
      `restored ${manifest.id} (${size}, state of ${manifest.snapshotAt}) into "${result.database}" on ${formatConnectionUrl(server.connection)} in ${formatDuration(result.seconds * 1_000)}`,
    );
    printLine(
      context.terminal,
      equal ? `${result.factsCompared} facts equal` : `DIFFERENT: ${describeDifferences(result.differing)}`,
    );
    if (result.replaced !== undefined) {
      printLine(
        context.terminal,
        `the database it replaced is kept as "${result.replaced}"; drop it when you are sure`,
      );
    }
    for (const note of result.notes) printError(context.terminal, `note: ${note}`);
  }
  return equal ? exitCodes.success.code : exitCodes.notProven.code;
}

function serverOf(options: RestoreOptions, context: CommandContext): PostgresAccess | undefined {
  if (options.server === undefined) return undefined;
  const findService = serviceFinder(context.environment, process.cwd());
  const { fromService, ...parsed } = parseServer(options.server, findService);
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
  return resolveAccess({ url: options.server, password }, [], around);
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

function targetServer(
  targets: readonly { readonly name: string; readonly access: PostgresAccess }[],
  manifest: Manifest,
): PostgresAccess {
  const target = targets.find(({ name }) => name === manifest.target);
  if (target === undefined) {
    throw new CommandError(
      exitCodes.usage.code,
      `target "${manifest.target}" is not configured: say where with --server`,
    );
  }
  return target.access;
}

function asCommandError(error: unknown, options: RestoreOptions): unknown {
  if (error instanceof JobFailed && error.message.includes('exists already')) {
    return new CommandError(
      exitCodes.refused.code,
      `${errorMessage(error)}. Choose another name, or add --replace ${options.into} to take its place (the old one is kept)`,
    );
  }
  return error;
}
