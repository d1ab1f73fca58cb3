import { loadConfig } from '../config/load.ts';
import { openStore } from '../storage/index.ts';
import { probeStore } from '../storage/probe.ts';
import { type CheckContext, type CheckOptions, runCheck } from './check.ts';
import type { CommandContext } from './command-context.ts';
import { runDoctor } from './doctor.ts';

/** `watchkeeper check [FILE]`. */
export function runCheckCommand(context: CommandContext, file: string | undefined): Promise<number> {
  return runCheck(optionsOf(context, file ?? context.configFile));
}

/** `watchkeeper doctor`. */
export function runDoctorCommand(context: CommandContext): Promise<number> {
  return runDoctor(optionsOf(context, context.configFile));
}

/** What the checks need of the world. */
export function checkContext(context: Pick<CommandContext, 'environment' | 'signal' | 'clock' | 'log'>): CheckContext {
  const { environment, signal, clock, log } = context;
  return {
    signal,
    clock,
    log,
    searchPath: environment['PATH'] ?? '',
    openStore: ({ settings, secretAccessKey }) => openStore(settings, { secretAccessKey, clock }),
    probeStore,
  };
}

function optionsOf(context: CommandContext, file: string): CheckOptions {
  const { environment, terminal, json } = context;
  return {
    ...checkContext(context),
    file,
    json,
    load: (path) => loadConfig(path, environment),
    out: (text) => void terminal.out.write(text),
  };
}
