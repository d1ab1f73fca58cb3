import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { type CommandContext, CommandError } from './commands/command-context.ts';
import type { CompareFlags } from './commands/compare.ts';
import { describeExitCodes, exitCodes } from './commands/exit-code.ts';
import type { ReportsFlags } from './commands/reports.ts';
import { printError, type Terminal } from './commands/terminal.ts';
import { systemClock } from './core/clock.ts';
import { errorMessage } from './core/errors.ts';
import { createLog, logLevels } from './core/log.ts';
import { version } from './core/version.ts';

interface GlobalOptions {
  readonly config: string;
  readonly json?: boolean;
}

/** Runs the command line and returns the exit code. Each command's code is loaded only when it is called for. */
export async function main(
  args: readonly string[],
  world: { readonly terminal: Terminal; readonly environment: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<number> {
  let exitCode = exitCodes.success.code as number;
  const program = buildProgram(
    (run) =>
      async (...given) => {
        exitCode = await run(contextOf(program.opts<GlobalOptions>(), world), ...given);
      },
    world.terminal,
  );
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return failureCode(error, world);
  }
}

type Run = (context: CommandContext, ...given: unknown[]) => Promise<number>;
type Action = (...given: unknown[]) => Promise<void>;

function buildProgram(action: (run: Run) => Action, terminal: Terminal): Command {
  const program = new Command('watchkeeper')
    .description('Watches databases and proves that their backups restore.')
    .version(version, '-V, --version', 'print the version')
    .option('-c, --config <file>', 'configuration file', 'watchkeeper.yaml')
    .option('--json', 'results as JSON')
    .addHelpText('after', `\nExit codes:\n${describeExitCodes()}`)
    .configureOutput({
      writeOut: (text) => void terminal.out.write(text),
      writeErr: (text) => void terminal.err.write(text),
    })
    .exitOverride();
  addDaemonCommands(program, action);
  addKeepingCommands(program, action);
  addRetentionCommands(program, action);
  return program;
}

function addDaemonCommands(program: Command, action: (run: Run) => Action): void {
  program
    .command('run')
    .description('run the daemon: metrics, health, scheduled backups, proofs and retention')
    .action(action(async (context) => (await import('./commands/run.ts')).runDaemon(context)));
  program
    .command('check')
    .description('check a configuration file, and connect once to everything it names')
    .argument('[file]', 'configuration file; that of -c by default')
    .action(
      action(async (context, file) => (await import('./commands/checks.ts')).runCheckCommand(context, text(file))),
    );
  const doctor = program
    .command('doctor')
    .description('find what would hinder a restore today, before it is needed')
    .action(action(async (context) => (await import('./commands/checks.ts')).runDoctorCommand(context)));
  doctor
    .command('redis')
    .description('health of Redis servers, and what their keys are: big ones, and memory by pattern, from a sample')
    .argument('[target]', 'one of the configured targets; all by default')
    .option('--keys <number>', 'keys of each database that are looked at', wholeNumber, 10_000)
    .option('--seconds <number>', 'time for each node', wholeNumber, 10)
    .action(
      action(async (context, target, options) =>
        (await import('./commands/doctor-redis.ts')).runDoctorRedis(
          context,
          target as string | undefined,
          options as { keys: number; seconds: number },
        ),
      ),
    );
  program
    .command('demo')
    .description('watch, back up and prove real databases made for the purpose')
    .option('--once', 'one full cycle, then exit')
    .option('--report <file>', 'with --once: write a JSON report')
    .action(
      action(async (context, options) => (await import('./commands/demo.ts')).runDemo(context, options as object)),
    );
}

function addKeepingCommands(program: Command, action: (run: Run) => Action): void {
  program
    .command('backup')
    .description('take a backup now')
    .argument('<target>', 'name of the target')
    .argument('[schedule]', 'name of the schedule; all of the target by default')
    .action(
      action(async (context, target, schedule) =>
        (await import('./commands/backup.ts')).runBackup(context, String(target), text(schedule)),
      ),
    );
  program
    .command('list')
    .description('list the finished backups and their proofs')
    .argument('[target]', 'name of the target; all by default')
    .action(action(async (context, target) => (await import('./commands/list.ts')).runList(context, text(target))));
  program
    .command('verify')
    .description('prove a backup: restore it into a sandbox and compare it with what the source held')
    .argument('<target|backup-id>', 'a backup, or a target whose newest backups are proven')
    .option('--store <name>', 'only the copy in this store')
    .action(
      action(async (context, subject, options) => {
        const { store } = options as { store?: string };
        return (await import('./commands/verify.ts')).runVerify(context, String(subject), store);
      }),
    );
  program
    .command('reports')
    .description('check that no report of a proof was changed, removed or slipped in')
    .argument('[target]', 'name of the target; all by default')
    .option('--store <name>', 'only those in this store')
    .option('--head <number:sha256>', 'a report that must be there, as the log told it; several times', collect, [])
    .action(
      action(async (context, target, options) =>
        (await import('./commands/reports.ts')).runReports(context, text(target), options as ReportsFlags),
      ),
    );
  addRestoreCommand(program, action);
  addCompareCommand(program, action);
}

function addRetentionCommands(program: Command, action: (run: Run) => Action): void {
  program
    .command('pin')
    .description('keep a backup, whatever retention says')
    .argument('<backup-id>', 'the backup; "list" shows them')
    .option('--reason <text>', 'why, for people')
    .option('--until <when>', 'a date or a duration from now, e.g. 2027-01-01 or 90d; until "unpin" by default')
    .action(
      action(async (context, id, options) =>
        (await import('./commands/pin.ts')).runPin(context, String(id), options as object),
      ),
    );
  program
    .command('unpin')
    .description('let retention decide about a backup again')
    .argument('<backup-id>', 'the backup')
    .action(action(async (context, id) => (await import('./commands/pin.ts')).runUnpin(context, String(id))));
  program
    .command('prune')
    .description('show what retention would delete, and why')
    .argument('[target]', 'name of the target; all by default')
    .option('--apply', 'do it')
    .option('--skip-grace', 'delete at once, not after jobs.deleteGrace')
    .option('--confirm-large', 'with --apply: consent to deleting more than the share guard allows')
    .action(
      action(async (context, target, options) =>
        (await import('./commands/prune.ts')).runPrune(context, text(target), options as object),
      ),
    );
}

function addRestoreCommand(program: Command, action: (run: Run) => Action): void {
  program
    .command('restore')
    .description('make a database from a backup; without --into, tell what could be restored and how')
    .argument('[backup]', 'its id, or TARGET/DATABASE for the newest proven one of all of it')
    .option('--into <database>', 'name of the database that is made')
    .option(
      '--server <url>',
      'server it is made on; that of the target by default (password: WATCHKEEPER_RESTORE_PASSWORD)',
    )
    .option(
      '--replace <database>',
      'the name again: take the place of the existing database, which is kept under another name',
    )
    .option('--table <schema.table>', 'restore the rows of this table only; may be given several times', collect, [])
    .option(
      '--schema <schema>',
      'restore the rows of the tables of this schema only; may be given several times',
      collect,
      [],
    )
    .option('--store <name>', 'read the copy in this store; by default a proven one before others')
    .option('--dry-run', 'only look whether it would work; touch nothing')
    .action(
      action(async (context, what, options) => {
        const { into, server, replace, dryRun, table, schema, store } = options as RestoreFlags;
        const { runRestore } = await import('./commands/restore.ts');
        const selection = { tables: table, schemas: schema };
        return runRestore(context, text(what), { into, server, replace, selection, store, dryRun: dryRun === true });
      }),
    );
}

function addCompareCommand(program: Command, action: (run: Run) => Action): void {
  const command = program
    .command('compare')
    .description(
      'compare two databases, a database with a backup of it, or two stores of other engines; exit code 0 same, 1 different, 2 not compared',
    )
    .argument('<source>', 'TARGET or TARGET/DATABASE')
    .argument('[other]', 'TARGET or TARGET/DATABASE; left out with --backup')
    .addHelpText('after', comparesWhat);
  addDatabaseOptions(command);
  addStoreOptions(command);
  command
    .option('--schema <schema>', 'only this schema, as a pattern; may be given several times', collect, [])
    .option('--table <schema.table>', 'only this table, as a pattern; may be given several times', collect, [])
    .option('--keys <number>', 'of tables that differ, name up to so many keys that do', wholeNumber)
    .option('--timeout <duration>', 'time for one statement; a table that takes longer is not compared', '30m')
    .option('--report <file>', 'write the JSON report to this file, too')
    .action(
      action(async (context, source, other, options) =>
        (await import('./commands/compare.ts')).runCompare(
          context,
          String(source),
          text(other),
          options as CompareFlags,
        ),
      ),
    );
}

const comparesWhat = `
PostgreSQL with PostgreSQL or a backup: rows, definitions, content.
PostgreSQL with DynamoDB, DynamoDB with DynamoDB, Redis with Redis: counts, and samples of each side looked up on the other.`;

function addDatabaseOptions(command: Command): void {
  command
    .option('--rows', 'row counts, sequences and definitions (the default)')
    .option('--content', 'also a fingerprint of every row, which reads everything')
    .option('--sample-above <size>', 'with --content: of larger tables only about so much, chosen by key')
    .option('--backup <id>', 'a backup, or "latest": what it held, by its manifest; nothing is restored')
    .option('--store <name>', 'with --backup: only the copy in this store')
    .option(
      '--ignore <part>',
      'do not compare definitions, owners or sequences; may be given several times',
      collect,
      [],
    );
}

/** What is said of names stands as SOURCE=OTHER. */
function addStoreOptions(command: Command): void {
  command
    .option('--pair <source=other>', 'with DynamoDB: these two tables; may be given several times', collect, [])
    .option('--prefix <text>', 'with DynamoDB: each table with the one that has this before its name')
    .option(
      '--key <names>',
      'parts of the key that have another name on the other side: id=pk, or orders:id=pk for one table',
      collect,
      [],
    )
    .option(
      '--columns <names>',
      'also compare these in samples: a,b=c where names differ, or orders:a,b=c for one table',
      collect,
      [],
    )
    .option('--samples <number>', 'keys taken from each side and looked up on the other; 10 by default', wholeNumber)
    .option('--counts <how>', 'of DynamoDB: "estimate" (free, up to six hours old; the default) or "exact" (a scan)')
    .option(
      '--max-read-units <number>',
      'read units that may be taken of each DynamoDB; 100000 by default',
      wholeNumber,
    )
    .option('--ttl-tolerance <duration>', 'of Redis: by how much two times to live may differ; 10s by default');
}

interface RestoreFlags {
  readonly into?: string;
  readonly server?: string;
  readonly replace?: string;
  readonly table: readonly string[];
  readonly schema: readonly string[];
  readonly dryRun?: boolean;
  readonly store?: string;
}

/** For an option that may be given several times. */
function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function text(argument: unknown): string | undefined {
  return typeof argument === 'string' ? argument : undefined;
}

function contextOf(
  options: GlobalOptions,
  world: { readonly terminal: Terminal; readonly environment: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): CommandContext {
  // People see the results; the log of a command is for those who look for a fault.
  const level = world.environment['WATCHKEEPER_LOG'] ?? 'silent';
  return {
    terminal: world.terminal,
    environment: world.environment,
    clock: systemClock,
    log: createLog(logLevels.find((known) => known === level) ?? 'info'),
    signal: world.signal,
    configFile: options.config,
    json: options.json === true,
  };
}

function failureCode(error: unknown, world: { readonly terminal: Terminal; readonly signal: AbortSignal }): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage.code;
  if (world.signal.aborted) {
    printError(world.terminal, 'cancelled');
    return exitCodes.cancelled.code;
  }
  printError(world.terminal, `watchkeeper: ${errorMessage(error)}`);
  return error instanceof CommandError ? error.exitCode : exitCodes.failure.code;
}

/** 1 or more. */
function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('it must be a whole number from 1 on.');
  return value;
}
