import { Cron } from 'croner';
import { errorMessage } from '../core/errors.ts';

/** The slots of a cron expression in its time zone: a pure function of the instant asked about. */
export interface Schedule {
  /** As written, e.g. `30 2 * * *`. */
  readonly expression: string;
  readonly timezone: string;
  /** The first slot after `instant`; undefined when none is left. */
  nextAfter(instant: Date): Date | undefined;
  /** The last slot that is not after `instant`; undefined when there was none. */
  lastAtOrBefore(instant: Date): Date | undefined;
}

/**
 * Reads a cron expression of five fields. On the night the clocks go forward a slot that does not exist is made up for
 * right after the gap; on the night they go back a fixed time runs once, and what recurs (`*`, steps) runs in every
 * real hour. Throws with a message for people, see {@link scheduleProblem}.
 */
export function parseSchedule(expression: string, timezone: string): Schedule {
  const problem = scheduleProblem(expression, timezone);
  if (problem !== undefined) throw new Error(problem);
  const cron = calculator(expression, timezone);
  return {
    expression,
    timezone,
    nextAfter: (instant) => cron.nextRuns(1, instant)[0],
    // Croner's previous runs are strictly before what they are asked about.
    lastAtOrBefore: (instant) => cron.previousRuns(1, new Date(instant.getTime() + 1))[0],
  };
}

/** What is wrong with an expression or its zone, for people; undefined when nothing is. */
export function scheduleProblem(expression: string, timezone: string): string | undefined {
  return zoneProblem(timezone) ?? expressionProblem(expression, timezone);
}

function expressionProblem(expression: string, timezone: string): string | undefined {
  const fields = expression.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== 5) {
    return `schedule "${expression}" has ${fields.length} fields, five are needed: minute hour day-of-month month day-of-week, e.g. "30 2 * * *"`;
  }
  try {
    const cron = calculator(expression, timezone);
    return cron.nextRuns(1, someDay)[0] === undefined ? `schedule "${expression}" never comes` : undefined;
  } catch (error) {
    const reason = errorMessage(error).replace(/^CronPattern: /, '');
    return `schedule "${expression}" is not understood: ${reason}`;
  }
}

/** Whether an expression ever comes does not depend on the day one looks, so any will do. */
const someDay = new Date('2024-01-01T00:00:00Z');

function zoneProblem(timezone: string): string | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
    return undefined;
  } catch {
    return `time zone "${timezone}" is unknown; use a name such as UTC or Europe/Berlin`;
  }
}

/** Croner as a calculator: without a function and paused it starts no timer. */
function calculator(expression: string, timezone: string): Cron {
  return new Cron(expression, {
    timezone,
    mode: '5-part',
    paused: true,
    // `30 2,14 * * *` is as fixed as `30 2 * * *`: it must not lose its slot in the night the clocks go forward.
    fixedTimeRule: 'no-wildcard',
  });
}
