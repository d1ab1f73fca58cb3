import { errorCode, errorMessage } from '../core/errors.ts';
import type { WorkContext } from '../core/work-context.ts';
import type { PostgresAccess } from '../targets/libpq/access.ts';
import { openSession, type PostgresSession } from '../targets/postgres/session.ts';
import type { Proof } from './manifest.ts';

/** A statement of the user whose first column of its first row must be true. */
export interface Assertion {
  readonly name: string;
  readonly sql: string;
}

export type AssertionResult = Proof['assertions'][number];

/** A short form is its own name. */
export function toAssertion(setting: string | Assertion): Assertion {
  return typeof setting === 'string' ? { name: setting, sql: setting } : setting;
}

/** Runs all of them, read-only, on the restored database; a statement that fails is an assertion that is not met. */
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
  for (const assertion of assertions) results.push(await runAssertion(session, assertion, context.signal));
  return results;
}

async function runAssertion(
  session: PostgresSession,
  { name, sql }: Assertion,
  signal: AbortSignal,
): Promise<AssertionResult> {
  try {
    const [row] = await session.query(sql, { signal });
    const value = row === undefined ? undefined : Object.values(row)[0];
    if (value === 't' || value === 'true') return { name, passed: true };
    return { name, passed: false, detail: row === undefined ? 'no row' : `result is ${value ?? 'NULL'}` };
  } catch (error) {
    signal.throwIfAborted();
    // Resources, operator: that says nothing about the data.
    if (!session.usable || /^(53|57)/.test(errorCode(error) ?? ''))
      throw new Error(`asserting "${name}"`, { cause: error });
    return { name, passed: false, detail: errorMessage(error) };
  }
}
