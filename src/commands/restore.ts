import type { Assembly } from '../assembly.ts';
import { formatBytes } from '../core/bytes.ts';
import { formatDuration } from '../core/duration.ts';
import { errorMessage } from '../core/errors.ts';
import type { TableSelection } from '../jobs/backup/postgres-restore-tables.ts';
import { describeDifferences } from '../jobs/compare-facts.ts';
import { readIdentities } from '../jobs/encryption/identities.ts';
import { holdBackup } from '../jobs/hold-backup.ts';
import { JobFailed } from '../jobs/job.ts';
import { storedBytesOf } from '../jobs/manifest.ts';
import { readManifest } from '../jobs/read-manifest.ts';
import { type RestoreRequest, type RestoreResult, restoreBackup } from '../jobs/restore-backup.ts';
import { longestName, mayTakePlace } from '../jobs/restore-rights.ts';
import { formatConnectionUrl } from '../targets/libpq/connection.ts';
import { renderFindings } from './check/report.ts';
import { assembleOrFail, type CommandContext, CommandError } from './command-context.ts';
import { exitCodes } from './exit-code.ts';
import type { FoundBackup } from './find-backup.ts';
import { describeBackup, tellUnreadable } from './list.ts';
import { ProgressDisplay } from './progress-display.ts';
import { candidatesOf, chooseBackup } from './restore/choose-backup.ts';
import { examineRestore } from './restore/dry-run.ts';
import { extentsOf } from './restore/extents.ts';
import { describeChoices } from './restore/guide.ts';
import { restoreServer } from './restore/server.ts';
import { printError, printJson, printLine } from './terminal.ts';

export interface RestoreOptions {
  /** Name of the database that is made; without it, what could be restored is told and nothing is done. */
  readonly into: string | undefined;
  /** Only the rows of these tables; everything when it names none. */
  readonly selection: TableSelection;
  /** Only look whether it would work. */
  readonly dryRun: boolean;
  /** URL of the server; the target's own one by default. Its password comes from WATCHKEEPER_RESTORE_PASSWORD. */
  readonly server: string | undefined;
  /** Must be the name of the existing database, typed out: consent to take its place. */
  readonly replace: string | undefined;
  /** Which copy is read; by default a proven one before others. */
  readonly store: string | undefined;
}

/**
 * `watchkeeper restore WHAT --into NAME`: makes a database from a backup and compares it with the manifest. `WHAT` is a
 * backup's id, or a database as `TARGET/DATABASE`, of which the newest proven backup of all of it is meant.
 */
export async function runRestore(
  context: CommandContext,
  what: string | undefined,
  options: RestoreOptions,
): Promise<number> {
  if (options.replace !== undefined && options.replace !== options.into) {
    throw new CommandError(
      exitCodes.refused.code,
      `--replace says "${options.replace}", --into says "${options.into ?? ''}": nothing was touched`,
    );
  }
  requireDatabaseName(options.into);
  const isPartial = options.selection.tables.length > 0 || options.selection.schemas.length > 0;
  if (isPartial && options.replace !== undefined) {
    const message = 'some tables cannot take the place of a whole database: restore them beside it';
    throw new CommandError(exitCodes.refused.code, message);
  }
  await using assembly = await assembleOrFail(context);
  const candidates = await candidatesOf(assembly, what, context.signal, {
    store: options.store,
    now: context.clock.now(),
    onUnreadable: tellUnreadable(context),
  });
  const { into } = options;
  if (what === undefined || into === undefined) return await guide(context, assembly, candidates);
  const found = await chooseBackup(candidates, what, assembly.opening.identities, context.signal);
  const manifest = await readManifest(found.opened.store, found.entry.manifest, context.signal);
  const request = {
    manifest,
    store: found.opened.store,
    method: assembly.restoreMethod(manifest),
    server: restoreServer(options.server, manifest, assembly.config, context),
    database: into,
    onConflict: options.replace === undefined ? 'refuse' : 'replace',
    selection: isPartial ? options.selection : undefined,
    ...assembly.opening,
    spoolDirectory: assembly.spoolDirectory(manifest),
    keepFetched: isAway(assembly, found),
  } as const;
  return options.dryRun ? await dryRun(context, assembly, request, found) : await restore(context, request, found);
}

/** PostgreSQL would cut a longer one, and call the database otherwise than was said. */
function requireDatabaseName(name: string | undefined): void {
  const bytes = Buffer.byteLength(name ?? 'x');
  if (bytes > 0 && bytes <= longestName) return;
  const message = `--into needs a name of 1 to ${longestName} bytes, and "${name}" has ${bytes}`;
  throw new CommandError(exitCodes.usage.code, message);
}

/** What lies in a folder of this machine is read again sooner than kept. */
function isAway({ config }: Assembly, { opened }: FoundBackup): boolean {
  return config.stores.some(({ name, settings }) => name === opened.name && settings.type !== 'filesystem');
}

/** Nothing was restored, and a script must not take it for that. */
async function guide(
  context: CommandContext,
  { opening }: Assembly,
  candidates: readonly FoundBackup[],
): Promise<number> {
  const { identities } = await readIdentities(opening.identities);
  const known = new Set(identities.map(({ recipient }) => recipient));
  if (context.json) printJson(context.terminal, candidates.map(describeBackup));
  else {
    const extents = await extentsOf(candidates, opening.identities, context.signal);
    printLine(context.terminal, describeChoices(candidates, { now: context.clock.now(), known, extents }));
  }
  printError(context.terminal, 'nothing was restored: --into says which database is made');
  return exitCodes.usage.code;
}

async function dryRun(
  context: CommandContext,
  { installations }: Assembly,
  request: RestoreRequest,
  found: FoundBackup,
): Promise<number> {
  const { signal, clock } = context;
  const searchPath = context.environment['PATH'] ?? '';
  const findings = await examineRestore(request, found, { signal, clock, installations, searchPath });
  const works = findings.every(({ status }) => status !== 'error');
  if (context.json) printJson(context.terminal, { backup: request.manifest.id, works, findings });
  else printLine(context.terminal, `${renderFindings(findings)}\n\n${verdictOf(works, request)}`);
  return works ? exitCodes.success.code : exitCodes.failure.code;
}

function verdictOf(works: boolean, { manifest, database }: RestoreRequest): string {
  if (works) return `nothing hinders restoring ${manifest.id} into "${database}"; leave out --dry-run to do it`;
  return `${manifest.id} cannot be restored into "${database}" like this; nothing was touched`;
}

async function restore(context: CommandContext, request: RestoreRequest, found: FoundBackup): Promise<number> {
  await using _held = await holdBackup(found.opened.store, request.manifest, 'a restore reads it', context);
  const display = new ProgressDisplay(context.terminal, context.clock, `restore ${request.database}`);
  const { signal, clock, log } = context;
  try {
    const result = await restoreBackup(request, { signal, clock, log, onProgress: display.update });
    display.clear();
    return report(context, request, result);
  } catch (error) {
    display.clear();
    throw asCommandError(error, request);
  }
}

function report(context: CommandContext, { manifest, server }: RestoreRequest, result: RestoreResult): number {
  const equal = result.differing.length === 0;
  if (context.json) {
    printJson(context.terminal, { backup: manifest.id, equal, ...result });
  } else {
    const size = formatBytes(storedBytesOf(manifest));
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

function asCommandError(error: unknown, request: RestoreRequest): unknown {
  const { database } = request;
  if (error instanceof JobFailed && error.message.includes('exists already')) {
    const replacing = `, or add --replace ${database} to take its place (the old one is kept)`;
    return new CommandError(
      exitCodes.refused.code,
      `${errorMessage(error)}. Choose another name${mayTakePlace(request) ? replacing : ''}`,
    );
  }
  const refused = error instanceof JobFailed && error.reason === 'refused';
  return refused ? new CommandError(exitCodes.refused.code, error.message) : error;
}
