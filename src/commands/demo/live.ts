import { createServer } from 'node:net';
import { startServer } from '../../server.ts';
import { type CommandContext, loadOrFail } from '../command-context.ts';
import { jobReport } from './cycle-report.ts';
import { runLine } from './lines.ts';
import type { Stage } from './stage.ts';

/** Runs the daemon on the demo's configuration, as the command `run` would, until the signal fires. */
export async function runLive(context: CommandContext, stage: Stage, show: (line: string) => void): Promise<void> {
  const { clock, environment, signal, log } = context;
  const config = await loadOrFail({ ...context, configFile: stage.configFile });
  const event = (line: string) => show(`${clock.now().toISOString().slice(11, 19)}  ${line}`);
  await using server = await startServer({
    config,
    environment,
    clock,
    signal,
    log,
    onOutcome: (job, outcome) => {
      if (outcome.status === 'succeeded' || outcome.status === 'failed') event(runLine(jobReport(job, outcome)));
    },
  });
  show(introduction(server.url, stage));
  await untilAborted(signal);
  show('\nstopping: the daemon, then the servers');
}

function introduction(url: string, { primary, configFile, passwordFile, databases }: Stage): string {
  const { host } = primary.access.connection;
  return [
    `Watching a PostgreSQL ${primary.installation.version} with ${databases.length} databases and its streaming standby.`,
    'Every database is backed up every two minutes, and every backup is restored and compared.',
    '',
    `  status page    ${url}/`,
    `  metrics        ${url}/metrics`,
    `  one target     ${url}/probe?target=standby`,
    `  health         ${url}/health/ready`,
    `  configuration  ${configFile}`,
    `  look inside    PGPASSFILE=${passwordFile} psql -h ${host} -U postgres ${databases[0]}`,
    '',
    'Ctrl-C ends everything and leaves nothing behind.',
    '',
  ].join('\n');
}

/** The usual address when it is free, so that a Prometheus that is set up already finds the demo; any other port if not. */
export async function demoAddress(): Promise<string> {
  const usual = { host: '127.0.0.1', port: 9847 };
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(usual.port, usual.host, () => resolve(true));
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return `${usual.host}:${free ? usual.port : 0}`;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
