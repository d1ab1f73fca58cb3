import type { Assembly } from '../assembly.ts';
import { formatDuration } from '../core/duration.ts';
import { errorMessage } from '../core/errors.ts';
import type { Job } from '../jobs/job.ts';
import { lineageName } from '../jobs/lineage.ts';
import type { RunOutcome } from '../jobs/run-outcome.ts';
import { createRunner } from '../jobs/runner.ts';
import type { CommandContext } from './command-context.ts';
import { exitCodes } from './exit-code.ts';
import { ProgressDisplay } from './progress-display.ts';
import { printError, printJson, printLine } from './terminal.ts';

export interface EndedRun {
  readonly job: Job;
  readonly outcome: RunOutcome;
}

/** Runs jobs one after the other as the daemon would, shows their progress and tells how they ended. */
export async function runJobs(
  context: CommandContext,
  assembly: Assembly,
  jobs: readonly Job[],
  describe: (run: EndedRun) => string,
): Promise<number> {
  const { clock, log, signal, terminal } = context;
  const { retries, retryDelay } = assembly.config.jobs;
  const runner = createRunner({
    clock,
    log,
    acquireLock: (job, from) => assembly.acquireLock(job, from),
    retries,
    retryDelayMs: retryDelay,
  });
  const ended: EndedRun[] = [];
  for (const job of jobs) {
    const display = new ProgressDisplay(terminal, clock, `${job.kind} ${lineageName(job.lineage)}`);
    const outcome = await runner.run(job, signal, { onProgress: display.update });
    display.clear();
    ended.push({ job, outcome });
    if (!context.json) printEnd(context, { job, outcome }, describe);
  }
  if (context.json) printJson(terminal, ended.map(toJson));
  return worstExitCode(ended.map(({ outcome }) => exitCodeOf(outcome)));
}

function printEnd(context: CommandContext, run: EndedRun, describe: (run: EndedRun) => string): void {
  const { outcome, job } = run;
  const subject = `${job.kind} ${lineageName(job.lineage)}`;
  const took = `in ${formatDuration(outcome.durationSeconds * 1_000)}`;
  if (outcome.status === 'succeeded') printLine(context.terminal, `${subject}: ${describe(run)} ${took}`);
  else printError(context.terminal, `${subject}: ${describeEnd(outcome)}, ${took}`);
}

function describeEnd(outcome: Exclude<RunOutcome, { status: 'succeeded' }>): string {
  switch (outcome.status) {
    case 'failed':
      return `FAILED (${outcome.reason}): ${errorMessage(outcome.error)}`;
    case 'cancelled':
      return 'cancelled';
    case 'skipped':
      return 'not run, another process is at it';
  }
}

function toJson({ job, outcome }: EndedRun): unknown {
  const { target, schedule, database, store } = job.lineage;
  const { status, startedAt, durationSeconds, tries } = outcome;
  const ran = { job: job.kind, target, schedule, database, store, status, startedAt, durationSeconds, tries };
  switch (outcome.status) {
    case 'succeeded':
      return { ...ran, ...outcome.result.fields };
    case 'failed':
      return { ...ran, reason: outcome.reason, error: errorMessage(outcome.error) };
    case 'cancelled':
      return { ...ran, error: errorMessage(outcome.error) };
    case 'skipped':
      return { ...ran, reason: outcome.reason };
  }
}

function exitCodeOf(outcome: RunOutcome): number {
  switch (outcome.status) {
    case 'succeeded':
      // It is safe somewhere, but not everywhere where it should be: no script may take that for success.
      return (outcome.result.failedStores ?? []).length > 0 ? exitCodes.failure.code : exitCodes.success.code;
    case 'cancelled':
      return exitCodes.cancelled.code;
    case 'skipped':
      return exitCodes.locked.code;
    case 'failed':
      if (outcome.reason === 'not_proven' || outcome.reason === 'damaged') return exitCodes.notProven.code;
      if (outcome.reason === 'inconclusive' || outcome.reason === 'identity') return exitCodes.inconclusive.code;
      return outcome.reason === 'refused' ? exitCodes.refused.code : exitCodes.failure.code;
  }
}

/** Of several runs the one that matters most is told: cancelled, a broken backup, any failure, then the rest. */
function worstExitCode(codes: readonly number[]): number {
  const { cancelled, notProven, failure, inconclusive, refused, locked, success } = exitCodes;
  const order = [cancelled, notProven, failure, inconclusive, refused, locked, success].map(({ code }) => code);
  return order.find((code) => codes.includes(code)) ?? success.code;
}
