import { type Assembly, assemble } from '../assembly.ts';
import { loadConfig } from '../config/load.ts';
import type { LoadedConfig } from '../config/loaded.ts';
import { formatProblem } from '../config/problem.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import { printError, type Terminal } from './terminal.ts';

/** What every command is given: the outside world, so that tests can give another one. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Fires on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Configuration file of `-c`. */
  readonly configFile: string;
  readonly json: boolean;
}

/** A reason to stop that is no fault of the program: printed as it is, without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Loads the configuration; all its problems are one {@link CommandError}. Warnings go to standard error. */
export async function loadOrFail(context: CommandContext): Promise<LoadedConfig> {
  const result = await loadConfig(context.configFile, context.environment);
  for (const warning of result.warnings)
    printError(context.terminal, `warning: ${formatProblem(context.configFile, warning)}`);
  if (result.ok) return result.config;
  const lines = result.problems.map((problem) => `  ${formatProblem(context.configFile, problem)}`);
  throw new CommandError(2, [`${context.configFile} is not valid:`, ...lines].join('\n'));
}

export async function assembleOrFail(context: CommandContext): Promise<Assembly> {
  const config = await loadOrFail(context);
  return assemble(config, {
    clock: context.clock,
    log: context.log,
    signal: context.signal,
    searchPath: context.environment['PATH'] ?? '',
  });
}
