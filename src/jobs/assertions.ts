import { formatDuration } from '../core/duration.ts';
import { errorCode, errorMessage } from '../core/errors.ts';
import type { WorkContext } from '../core/work-context.ts';
import type { PostgresAccess } from '../targets/libpq/access.ts';
import { openSession, type PostgresSession } from '../targets/postgres/session.ts';
import { JobFailed } from './job.ts';
import type { Proof } from './manifest.ts';
import type { AssertionSetting } from './settings.ts';

/** A statement of the user and what the first column of its first row must be. */
export interface Assertion {
  readonly name: string;
  readonly sql: string;
  /** True when absent, like the limits. */
  readonly equals?: string | number | boolean | undefined;
  readonly atLeast?: number | undefined;
  readonly atMost?: number | undefined;
  /** In milliseconds; five minutes when absent. */
  readonly timeout?: number;
  /** Whether values and the server's words about them may be quoted. */
  readonly detail?: boolean;
}

export type AssertionResult = Proof['assertions'][number];

const usualTimeoutMs = 5 * 60_000;
/** One value is read; what else a statement gives is thrown away as it comes. */
const limits = { rows: 1, characters: 1_000_000 };

/** A short form is its own name. */
export function toAssertion(setting: AssertionSetting): Assertion {
  return typeof setting === 'string' ? { name: setting, sql: setting } : setting;
}

/**
 * Runs all of them, read-only, on the restored database; a statement that fails is an assertion that is not met. Rejects when one
 * takes too long, or the server breaks off, and all others are met: that says nothing about the data.
 */
export async function runAssertions(
  access: PostgresAccess,
  assertions: readonly Assertion[],
  context: WorkContext,
): Promise<AssertionResult[]> {
  if (assertions.length === 0) return [];
  await using session = await openSession(access, {
    signal: context.signal,
    settings: { default_transaction_read_only: 'on' },
  });
  const results: AssertionResult[] = [];
  const troubles: unknown[] = [];
  for (const assertion of assertions) {
    await runAssertion(session, assertion, context.signal).then(
      (result) => results.push(result),
      (trouble: unknown) => troubles.push(trouble),
    );
    context.signal.throwIfAborted();
    if (!session.usable) break;
  }
  // One that is not met is not made good by another one that could not be asked.
  if (troubles.length > 0 && results.every(({ passed }) => passed)) throw troubles[0];
  return results;
}

async function runAssertion(
  session: PostgresSession,
  assertion: Assertion,
  signal: AbortSignal,
): Promise<AssertionResult> {
  const { name, sql, timeout = usualTimeoutMs, detail: showsData = false } = assertion;
  try {
    const settings = { statement_timeout: String(Math.ceil(timeout)) };
    const { rows } = await session.queryForeign(sql, { signal, settings, limits });
    const wrong = judge(assertion, rows[0]?.[0]);
    if (wrong === undefined) return { name, passed: true };
    const value = showsData && rows[0]?.[0] ? `, it is ${shortened(rows[0][0])}` : '';
    return { name, passed: false, detail: `${wrong}${value}` };
  } catch (error) {
    signal.throwIfAborted();
    const code = errorCode(error) ?? '';
    if (session.usable && code === '57014') throw tookTooLong(name, timeout, error);
    // Resources, operator: that says nothing about the data.
    if (!session.usable || /^(53|57)/.test(code)) throw new Error(`asserting "${name}"`, { cause: error });
    return { name, passed: false, detail: wordsOf(error, code, showsData) };
  }
}

function tookTooLong(name: string, timeoutMs: number, cause: unknown): JobFailed {
  const message = `assertion "${name}" took longer than ${formatDuration(timeoutMs)}`;
  return new JobFailed('inconclusive', message, { obstacle: 'time', cause });
}

/** What is wrong with the value, without quoting it; undefined when nothing is. */
function judge({ equals, atLeast, atMost }: Assertion, value: string | null | undefined): string | undefined {
  if (value === undefined) return 'there is no row';
  if (value === null) return 'the result is NULL';
  if (equals !== undefined) return isEqual(value, equals) ? undefined : `the result is not ${equals}`;
  if (atLeast === undefined && atMost === undefined) return isTrue(value) ? undefined : 'the result is not true';
  const number = value.trim() === '' ? Number.NaN : Number(value);
  if (Number.isNaN(number)) return 'the result is not a number';
  if (atLeast !== undefined && number < atLeast) return `the result is less than ${atLeast}`;
  return atMost !== undefined && number > atMost ? `the result is more than ${atMost}` : undefined;
}

function isEqual(value: string, wanted: string | number | boolean): boolean {
  if (typeof wanted === 'boolean') return wanted ? isTrue(value) : value === 'f' || value === 'false';
  return value === String(wanted) || (typeof wanted === 'number' && value.trim() !== '' && Number(value) === wanted);
}

function isTrue(value: string): boolean {
  return value === 't' || value === 'true';
}

/**
 * The server's own words. About the statement (42: names, types; 25: it must not write) they quote the statement; all
 * others may quote a row: `invalid input syntax for type integer: "…"`.
 */
function wordsOf(error: unknown, code: string, showsData: boolean): string {
  if (showsData || /^(25|42)/.test(code)) return shortened(errorMessage(error));
  return code === '' ? 'the statement gives no value that can be read' : `the statement failed with SQLSTATE ${code}`;
}

function shortened(text: string): string {
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}
