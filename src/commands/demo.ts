import { writeFile } from 'node:fs/promises';
import { formatDuration } from '../core/duration.ts';
import { silentLog } from '../core/log.ts';
import { assembleOrFail, type CommandContext, CommandError } from './command-context.ts';
import { runCycle } from './demo/cycle.ts';
import type { CycleReport } from './demo/cycle-report.ts';
import { planLine, runLine, scrapeLine } from './demo/lines.ts';
import { demoAddress, runLive } from './demo/live.ts';
import { createLiveLog } from './demo/live-log.ts';
import { type Stage, setUpStage } from './demo/stage.ts';
import { cleanUpOnSuddenExit } from './demo/sudden-exit.ts';
import { exitCodes } from './exit-code.ts';
import { printJson, printLine } from './terminal.ts';

export interface DemoOptions {
  /** One full cycle, then the end. */
  readonly once?: boolean;
  /** With `once`: file for the JSON report. */
  readonly report?: string;
}

/** `watchkeeper demo`: real servers made for the purpose, watched, backed up and proven; nothing of it is left behind. */
export async function runDemo(context: CommandContext, options: DemoOptions): Promise<number> {
  if (options.report !== undefined && options.once !== true) {
    throw new CommandError(exitCodes.usage.code, '--report needs --once: the report is about one cycle');
  }
  const show = (line: string) => say(context, line);
  // Structured logs are for programs: shown only to those who ask for them.
  const log = createLiveLog(context.environment['WATCHKEEPER_LOG'] === undefined ? silentLog : context.log, show);
  using _cleanUp = cleanUpOnSuddenExit();
  if (options.once === true) return await runOnce({ ...context, log }, show, options.report);
  await runUntilStopped({ ...context, log }, show);
  show('everything has ended, nothing is left');
  return exitCodes.success.code;
}

async function runUntilStopped(context: CommandContext, show: (line: string) => void): Promise<void> {
  await using stage = await setUp(context, show);
  await runLive(context, stage, show);
}

async function setUp(context: CommandContext, show: (line: string) => void): Promise<Stage> {
  const { clock, signal, log, environment } = context;
  const startMs = clock.monotonicMs();
  const stage = await setUpStage({
    clock,
    signal,
    log,
    searchPath: environment['PATH'] ?? '',
    listen: await demoAddress(),
    onStep: (text) => show(`… ${text}`),
  });
  show(`… ready in ${formatDuration(clock.monotonicMs() - startMs)}\n`);
  return stage;
}

async function runOnce(
  context: CommandContext,
  show: (line: string) => void,
  reportFile: string | undefined,
): Promise<number> {
  await using stage = await setUp(context, show);
  await using assembly = await assembleOrFail({ ...context, configFile: stage.configFile });
  const report = await runCycle({
    clock: context.clock,
    signal: context.signal,
    log: context.log,
    assembly,
    databases: stage.databases,
    server: `PostgreSQL ${stage.primary.installation.version}`,
    onScraped: (target, seconds) => show(scrapeLine(target, seconds)),
    onRun: (run) => show(runLine(run)),
    onPlan: (plan) => show(planLine(plan)),
  });
  if (reportFile !== undefined) await writeFile(reportFile, `${JSON.stringify(report, null, 2)}\n`);
  if (context.json) printJson(context.terminal, report);
  show(`\n${verdictLine(report)}`);
  return report.proven ? exitCodes.success.code : exitCodes.notProven.code;
}

function verdictLine({ proven, seconds, retention }: CycleReport): string {
  const took = formatDuration(seconds * 1_000);
  return proven
    ? `proven: ${retention.length} databases were backed up, restored and found equal, in ${took}`
    : `NOT proven: see above what failed, after ${took}`;
}

/** With `--json` standard output belongs to the report. */
function say({ json, terminal }: CommandContext, text: string): void {
  if (!json) printLine(terminal, text);
}
