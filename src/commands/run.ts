import { createLog } from '../core/log.ts';
import { describeReload, type Server, startServer } from '../server.ts';
import { checkContext } from './checks.ts';
import { type CommandContext, loadOrFail } from './command-context.ts';
import { examine } from './doctor.ts';
import { exitCodes } from './exit-code.ts';

/** `watchkeeper run`: the daemon, until SIGINT or SIGTERM. SIGHUP reads the configuration again. */
export async function runDaemon(context: CommandContext): Promise<number> {
  const config = await loadOrFail(context);
  const { clock, environment, signal } = context;
  const log = createLog(config.logLevel);
  await using server = await startServer({
    config,
    environment,
    clock,
    log,
    signal,
    examine: (current, until, reports) => examine(current, checkContext({ ...context, log, signal: until }), reports),
  });
  const reload = () => void reloadAndTell(server, config.file, log);
  process.on('SIGHUP', reload);
  await untilAborted(signal);
  process.off('SIGHUP', reload);
  log.info({ reason: String(signal.reason?.message ?? signal.reason) }, 'watchkeeper is stopping');
  return exitCodes.success.code;
}

async function reloadAndTell(server: Server, file: string, log: ReturnType<typeof createLog>): Promise<void> {
  const result = await server.reload();
  const told = { result: describeReload(file, result) };
  if (result.ok) log.info(told, 'configuration read again');
  else log.error(told, 'configuration not taken over, the previous one runs on');
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
