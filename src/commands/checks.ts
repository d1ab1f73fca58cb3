import { loadConfig } from '../config/load.ts';
import { openStore } from '../storage/index.ts';
import { probeStore } from '../storage/probe.ts';
import { type CheckOptions, runCheck } from './check.ts';
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

function optionsOf(context: CommandContext, file: string): CheckOptions {
  const { environment, terminal, json, signal, clock, log } = context;
  return {
    signal,
    clock,
    log,
    file,
    json,
    searchPath: environment['PATH'] ?? '',
    load: (path) => loadConfig(path, environment),
    openStore: ({ settings, secretAccessKey }) => openStore(settings, { secretAccessKey, clock }),
    probeStore,
    out: (text) => void terminal.out.write(text),
  };
}
